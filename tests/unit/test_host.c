/* What the library must bear inside other people's processes: forks, threads, descriptors that are closed
 * behind its back; and what it must leave as it was. */
#include "scene.h"
#include "suites.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- descriptors ---- */

/* The number of the descriptor that holds the store; -1: none. */
static int store_descriptor(const struct forge *forge)
{
    struct stat store, open;

    ck_assert_int_eq(stat(forge->path, &store), 0);
    for (int fd = 0; fd < 256; fd++)
        if (fstat(fd, &open) == 0 && open.st_dev == store.st_dev && open.st_ino == store.st_ino)
            return fd;
    return -1;
}

START_TEST(descriptor_was_closed)
{
    struct scene s;

    scene_start(&s, "60s");
    ck_assert_int_eq(close(store_descriptor(&s.forge)), 0);
    EXPECT(s, a, "allow");
    EXPECT(s, d, "deny unknown");
    forge_revoke(&s.forge, &s.a);
    EXPECT(s, a, "deny revoked");
    scene_end(&s);
}
END_TEST

/* What the host has there now is read neither nor moved nor closed. */
START_TEST(descriptor_is_another_file_now)
{
    struct scene s;
    char path[SCRATCH_PATH], byte;
    int fd, other;

    scene_start(&s, "60s");
    path_join(path, s.directory, "other");
    file_write(path, "0123456789", 10);
    fd = store_descriptor(&s.forge);
    other = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(dup2(other, fd), fd);
    ck_assert_int_eq(lseek(fd, 3, SEEK_SET), 3);
    if (_i == 1)
        forge_compact(&s.forge, NOW);
    if (_i != 2)
        EXPECT(s, a, "allow");
    forge_revoke(&s.forge, &s.a);
    if (_i != 2)
        EXPECT(s, a, "deny revoked");
    host_close(&s.host);
    ck_assert_int_eq(read(fd, &byte, 1), 1);
    ck_assert_int_eq(byte, '3');
    ck_assert_int_eq(read(other, &byte, 1), 1);
    ck_assert_int_eq(byte, '4');
    close(fd);
    close(other);
    scene_end(&s);
}
END_TEST

START_TEST(descriptors_are_closed_on_exec)
{
    struct scene s;
    int fd;

    scene_start(&s, "60s");
    for (int i = 0; i < 3; i++) {
        fd = store_descriptor(&s.forge);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        forge_compact(&s.forge, NOW);
        EXPECT(s, a, "allow");
    }
    scene_end(&s);
}
END_TEST

/* One thing that may happen to a store of which a host has a table. */
static void happen(struct scene *s, int what)
{
    switch (what % 6) {
    case 0:
        forge_compact(&s->forge, NOW);
        break;
    case 1:
        forge_append(&s->forge, &s->b.record);
        break;
    case 2:
        ck_assert_int_eq(chmod(s->forge.path, 0666), 0);
        break;
    case 3:
        ck_assert_int_eq(chmod(s->forge.path, 0640), 0);
        break;
    case 4:
        file_replace(s->forge.path, "garbage\n", 8);
        break;
    default:
        forge_mend(&s->forge, s->forge.header.epoch + 1);
        break;
    }
}

START_TEST(no_descriptor_is_left_open)
{
    struct scene s;
    size_t before;

    scene_start(&s, "60s");
    host_close(&s.host);
    before = open_descriptors();
    for (int i = 0; i < 200; i++) {
        host_open(&s.host, s.directory, "60s");
        host_ask(&s.host, &s.a);
        happen(&s, i);
        host_ask(&s.host, &s.a);
        host_close(&s.host);
    }
    ck_assert_uint_eq(open_descriptors(), before);
    host_open(&s.host, s.directory, "60s");
    for (int i = 0; i < 200; i++) {
        happen(&s, i);
        host_ask(&s.host, &s.a);
    }
    ck_assert_uint_eq(open_descriptors(), before + 1);
    scene_end(&s);
}
END_TEST

/* ---- what a process has only once ---- */

START_TEST(errno_is_left_alone)
{
    struct scene s;

    scene_start(&s, "60s");
    for (int i = 0; i < 20; i++) {
        happen(&s, i);
        errno = 4711;
        host_ask(&s.host, &s.a);
        ck_assert_int_eq(errno, 4711);
    }
    ck_assert_int_eq(unlink(s.forge.path), 0);
    errno = 4711;
    EXPECT(s, d, "error store");
    ck_assert_int_eq(errno, 4711);
    errno = 4712;
    host_close(&s.host);
    ck_assert_int_eq(errno, 4712);
    host_open(&s.host, s.directory, "60s");
    errno = 4713;
    EXPECT(s, a, "error store");
    ck_assert_int_eq(errno, 4713);
    scene_end(&s);
}
END_TEST

struct process {
    sigset_t blocked;
    void (*handlers[32])(int);
    int flags[32];
    mode_t mask;
    char directory[SCRATCH_PATH], locale[64];
    char **environment;
};

static void look_at_process(struct process *process)
{
    memset(process, 0, sizeof(*process));
    pthread_sigmask(SIG_SETMASK, NULL, &process->blocked);
    for (int i = 1; i < 32; i++) {
        struct sigaction action;

        sigaction(i, NULL, &action);
        process->handlers[i] = action.sa_handler;
        process->flags[i] = action.sa_flags;
    }
    process->mask = umask(0);
    umask(process->mask);
    ck_assert_ptr_nonnull(getcwd(process->directory, sizeof(process->directory)));
    snprintf(process->locale, sizeof(process->locale), "%s", setlocale(LC_ALL, NULL));
    process->environment = environ;
}

static void do_a_bit_of_everything(struct scene *s)
{
    for (int i = 0; i < 20; i++) {
        happen(s, i);
        host_ask(&s->host, &s->a);
    }
    host_close(&s->host);
    ck_assert_int_eq(unlink(s->forge.path), 0);
    host_open(&s->host, s->directory, "60s");
    host_ask(&s->host, &s->a);
}

START_TEST(process_is_left_as_it_was)
{
    struct scene s;
    struct process before, after;

    scene_start(&s, "60s");
    look_at_process(&before);
    do_a_bit_of_everything(&s);
    look_at_process(&after);
    ck_assert_mem_eq(&before, &after, sizeof(before));
    scene_end(&s);
}
END_TEST

START_TEST(nothing_is_printed)
{
    struct scene s;
    struct stat status;
    char path[SCRATCH_PATH];
    int fd, out, err;

    scene_start(&s, "60s");
    path_join(path, s.directory, "printed");
    file_write(path, "", 0);
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    out = dup(1);
    err = dup(2);
    fflush(NULL);
    dup2(fd, 1);
    dup2(fd, 2);
    do_a_bit_of_everything(&s);
    fflush(NULL);
    dup2(out, 1);
    dup2(err, 2);
    ck_assert_int_eq(fstat(fd, &status), 0);
    ck_assert_int_eq(status.st_size, 0);
    close(fd);
    close(out);
    close(err);
    scene_end(&s);
}
END_TEST

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
    reader.gate.changing = true;
    ck_assert_int_eq(reader_look(&reader), STANDING_GOOD);
    ck_assert(seen_equals(&reader.seen, &reader.held));
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
    reader.gate.changing = true;
    path_join(aside, s.directory, "aside");
    if (_i == 1) {
        ck_assert_int_eq(rename(s.forge.path, aside), 0);
        ck_assert_int_eq(reader_look(&reader), STANDING_TROUBLE);
        ck_assert_int_eq(rename(aside, s.forge.path), 0);
    }
    ck_assert_int_eq(reader_look(&reader), STANDING_GOOD);
    ck_assert(line_revoked(reader_line(&reader, &s.b)));
    reader_close(&further);
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

Suite *host_suite(void)
{
    Suite *suite = suite_create("host");
    TCase *descriptors = tcase_create("descriptors"), *process = tcase_create("process"),
          *forks = tcase_create("forks"), *threads = tcase_create("threads");

    tcase_add_test(descriptors, descriptor_was_closed);
    tcase_add_loop_test(descriptors, descriptor_is_another_file_now, 0, 3);
    tcase_add_test(descriptors, descriptors_are_closed_on_exec);
    tcase_add_test(descriptors, no_descriptor_is_left_open);
    suite_add_tcase(suite, descriptors);
    tcase_add_test(process, errno_is_left_alone);
    tcase_add_test(process, process_is_left_as_it_was);
    tcase_add_test(process, nothing_is_printed);
    suite_add_tcase(suite, process);
    tcase_set_timeout(forks, 120);
    tcase_add_test(forks, child_follows_the_store);
    tcase_add_test(forks, child_opens_its_own);
    tcase_add_test(forks, forks_while_others_refresh);
    tcase_add_test(forks, cut_off_while_noting_what_was_seen);
    tcase_add_loop_test(forks, cut_off_before_the_index_was_shown, 0, 2);
    suite_add_tcase(suite, forks);
    tcase_set_timeout(threads, 120);
    tcase_add_test(threads, threads_never_admit_what_was_revoked);
    suite_add_tcase(suite, threads);
    return suite;
}
