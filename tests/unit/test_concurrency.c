/* Many at once: forks, before and after which a table is used, and threads. */
#include "clock.h"
#include "scene.h"
#include "suites.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- fork ---- */

static bool answers(struct scene *s, const struct sample *sample, const char *answer)
{
    return strcmp(host_ask(&s->host, sample), answer) == 0;
}

START_TEST(child_follows_the_store)
{
    struct scene s;
    int child, ready[2], go[2];
    char byte = 0;

    scene_start(&s, "60s");
    forge_create(&s.forge, &s.c);
    ck_assert_int_eq(pipe2(ready, O_CLOEXEC) | pipe2(go, O_CLOEXEC), 0);
    child = fork();
    if (child == 0) {
        bool right = answers(&s, &s.c, "allow") && answers(&s, &s.a, "allow");

        right = write(ready[1], &byte, 1) == 1 && right;
        right = read(go[0], &byte, 1) == 1 && right; /* the store was compacted, c revoked, d created */
        right = answers(&s, &s.c, "deny revoked") && answers(&s, &s.d, "allow") && right;
        toktab_close(s.host.table);
        _exit(right ? 0 : 1);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    forge_compact(&s.forge, NOW);
    EXPECT(s, c, "allow");
    forge_revoke(&s.forge, &s.c);
    forge_create(&s.forge, &s.d);
    ck_assert_int_eq(write(go[1], &byte, 1), 1);
    expect_child(child);
    EXPECT(s, c, "deny revoked");
    EXPECT(s, d, "allow");
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(close(ready[i]) | close(go[i]), 0);
    scene_end(&s);
}
END_TEST

START_TEST(child_opens_its_own)
{
    struct scene s;
    int child;

    scene_start(&s, "60s");
    child = fork();
    if (child == 0) {
        host_close(&s.host);
        host_open(&s.host, s.directory, "60s");
        _exit(answers(&s, &s.a, "allow") && answers(&s, &s.d, "deny unknown") ? 0 : 1);
    }
    expect_child(child);
    EXPECT(s, a, "allow");
    scene_end(&s);
}
END_TEST

struct crowd {
    struct scene *scene;
    _Atomic bool stop;
    _Atomic unsigned wrong;
};

static void *ask_on(void *context)
{
    struct crowd *crowd = context;

    while (!atomic_load(&crowd->stop)) {
        if (!answers(crowd->scene, &crowd->scene->a, "allow"))
            atomic_fetch_add(&crowd->wrong, 1);
        nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL); /* a processor for the children */
    }
    return NULL;
}

#ifdef __SANITIZE_ADDRESS__ /* whose allocator's locks stay taken in a child if a thread held one */
enum { FORKS_BESIDE_THREADS = 0 };
#else
enum { FORKS_BESIDE_THREADS = 1 };
#endif

/* While other threads refresh, so that some children find a refresh cut off in the middle. */
START_TEST(forks_while_others_refresh)
{
    enum { ROUNDS = 40, THREADS = 2 };
    struct scene s;
    struct crowd crowd = {.scene = &s};
    pthread_t threads[THREADS];

    scene_start(&s, "60s");
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_on, &crowd), 0);
    for (int i = 0; i < ROUNDS; i++) {
        int child;

        sample_make(&s.c);
        forge_create(&s.forge, &s.c);
        if (i % 3 == 0)
            forge_compact(&s.forge, TIME_NEVER);
        else if (i % 3 == 1)
            forge_mend(&s.forge, s.forge.header.epoch + 1);
        child = fork();
        if (child == 0)
            _exit(answers(&s, &s.c, "allow") && answers(&s, &s.a, "allow") &&
                          answers(&s, &s.d, "deny unknown")
                      ? 0
                      : 1);
        expect_child(child);
        forge_revoke(&s.forge, &s.c);
        child = fork();
        if (child == 0)
            _exit(answers(&s, &s.c, "deny revoked") && answers(&s, &s.a, "allow") ? 0 : 1);
        expect_child(child);
    }
    atomic_store(&crowd.stop, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(crowd.wrong, 0);
    ck_assert_uint_eq(s.host.alerts, 0);
    scene_end(&s);
}
END_TEST

/* ---- a refresh that a fork has cut off, by hand ---- */

/* While it noted what it had seen: the child must not look again and again for ever. */
START_TEST(cut_off_while_noting_what_was_seen)
{
    struct scene s;
    struct reader reader;

    scene_start(&s, "60s");
    scene_open_reader(&reader, &s);
    atomic_fetch_add(&reader.seen.version, 1);
    reader.generations.changing = true;
    atomic_store(reader.generations.stamp, 0);
    ck_assert_int_eq(reader_look(&reader, clock_now()), STANDING_GOOD);
    ck_assert(freshness_equals(&reader.seen, &reader.held));
    reader_close(&reader);
    scene_end(&s);
}
END_TEST

/* Between noting how far it had read and showing what it had read. That the store cannot be read at the next
 * question does not make the half of it whole. */
START_TEST(cut_off_before_the_index_was_shown)
{
    struct scene s;
    struct reader reader, further;
    char aside[SCRATCH_PATH];

    scene_start(&s, "60s");
    scene_open_reader(&reader, &s);
    forge_revoke(&s.forge, &s.b);
    scene_open_reader(&further, &s);
    reader.progress[reader.valid] = further.progress[further.valid];
    reader.generations.changing = true;
    atomic_store(reader.generations.stamp, 0);
    path_join(aside, s.directory, "aside");
    if (_i == 1) {
        ck_assert_int_eq(rename(s.forge.path, aside), 0);
        ck_assert_int_eq(reader_look(&reader, clock_now()), STANDING_TROUBLE);
        ck_assert_int_eq(rename(aside, s.forge.path), 0);
    }
    ck_assert_int_eq(reader_look(&reader, clock_now()), STANDING_GOOD);
    ck_assert(line_revoked(reader_line(&reader, &s.b)));
    reader_close(&further);
    reader_close(&reader);
    scene_end(&s);
}
END_TEST

/* A child that only closes: what the parent's other thread was about to free is left alone. */
START_TEST(cut_off_and_closed)
{
    struct scene s;
    struct reader reader;

    scene_start(&s, "60s");
    scene_open_reader(&reader, &s);
    reader.generations.changing = true;
    reader.generation[generations_idle(&reader.generations)].chunk_count = 1; /* half made, or half freed */
    reader.generation[generations_idle(&reader.generations)].chunks[0].bytes = (char *)16;
    reader_close(&reader);
    scene_end(&s);
}
END_TEST

/* ---- threads ---- */

enum { SAMPLES = 120 };

struct contest {
    struct scene *scene;
    struct sample samples[SAMPLES];
    _Atomic int created, ending, ended; /* how many samples */
    _Atomic bool stop;
    _Atomic unsigned admitted_dead, refused_living, questions;
};

/* A sample whose revocation was written before the question was asked is never admitted; one that was created
 * before it, and whose revocation had not begun after it, always is. */
static void *verify_on(void *context)
{
    struct contest *contest = context;
    unsigned seed = 1;

    while (!atomic_load(&contest->stop)) {
        int created = atomic_load(&contest->created), ended = atomic_load(&contest->ended), i;
        bool admitted;

        if (created == 0)
            continue;
        seed = seed * 1103515245 + 12345;
        i = (seed >> 16) % 4 == 0 ? (int)((seed >> 18) % (unsigned)created)
                                  : created - 1 - (int)((seed >> 18) % 2);
        if (i < 0)
            continue;
        admitted = answers(contest->scene, &contest->samples[i], "allow");
        if (admitted && i < ended)
            atomic_fetch_add(&contest->admitted_dead, 1);
        if (!admitted && i >= atomic_load(&contest->ending))
            atomic_fetch_add(&contest->refused_living, 1);
        atomic_fetch_add(&contest->questions, 1);
    }
    return NULL;
}

/* Tokens that nobody asks for, so that it takes a while to read the store. */
static void forge_crowd(struct forge *forge, const struct sample *like)
{
    struct sample sample = *like;

    for (unsigned i = 0; i < 500; i++) {
        snprintf(sample.record.id, sizeof(sample.record.id), "%012u", i);
        forge_create(forge, &sample);
    }
}

/* Each round is long enough for some questions, however busy the machine is. */
static void wait_for_questions(struct contest *contest)
{
    unsigned before = atomic_load(&contest->questions);

    while (atomic_load(&contest->questions) - before < 6)
        sched_yield();
}

START_TEST(threads_never_admit_what_was_revoked)
{
    enum { THREADS = 4 };
    static struct contest contest;
    struct scene s;
    pthread_t threads[THREADS];

    scene_start(&s, "60s");
    memset(&contest, 0, sizeof(contest));
    contest.scene = &s;
    forge_crowd(&s.forge, &s.d);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, verify_on, &contest), 0);
    for (int i = 0; i < SAMPLES; i++) {
        sample_make(&contest.samples[i]);
        forge_create(&s.forge, &contest.samples[i]);
        atomic_store(&contest.created, i + 1);
        if (i % 5 == 1)
            forge_compact(&s.forge, TIME_NEVER);
        else if (i % 5 == 3) /* which is read whole, while others ask */
            forge_mend(&s.forge, s.forge.header.epoch + 1);
        atomic_store(&contest.ending, i + 1);
        forge_revoke(&s.forge, &contest.samples[i]);
        atomic_store(&contest.ended, i + 1);
        wait_for_questions(&contest);
    }
    atomic_store(&contest.stop, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(contest.admitted_dead, 0);
    ck_assert_uint_eq(contest.refused_living, 0);
    ck_assert_uint_eq(s.host.alerts, 0);
    for (int i = 0; i < SAMPLES; i++)
        ck_assert_str_eq(host_ask(&s.host, &contest.samples[i]), "deny revoked");
    scene_end(&s);
}
END_TEST

Suite *concurrency_suite(void)
{
    Suite *suite = suite_create("concurrency");
    TCase *forks = tcase_create("forks"), *threads = tcase_create("threads");

    tcase_add_test(forks, child_follows_the_store);
    tcase_add_test(forks, child_opens_its_own);
    tcase_add_loop_test(forks, forks_while_others_refresh, 0, FORKS_BESIDE_THREADS);
    tcase_add_test(forks, cut_off_while_noting_what_was_seen);
    tcase_add_loop_test(forks, cut_off_before_the_index_was_shown, 0, 2);
    tcase_add_test(forks, cut_off_and_closed);
    suite_add_tcase(suite, forks);
    tcase_add_test(threads, threads_never_admit_what_was_revoked);
    suite_add_tcase(suite, threads);
    return suite;
}
