/* Noting that tokens are used: in a file that the host makes itself, once a minute and process. The clock is
 * the test's. */
#include "scene.h"
#include "suites.h"
#include "usage.h"
#include "usage_fixture.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STAMPS_APART = 1 << 20 }; /* serials that far apart share a place in memory */

/* ---- the file ---- */

START_TEST(file_is_made)
{
    static const char expected[16 + 4 * 8] =
        "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"
        "\x00\xb9\x55\x69"; /* 1767225600 */
    struct noting n;
    struct bytes bytes;
    struct stat status;

    noting_start(&n);
    umask(_i == 0 ? 0 : 0777);
    NOTE(n, 2, NOW);
    umask(022);
    ck_assert_int_eq(lstat(n.file.path, &status), 0);
    ck_assert_uint_eq(status.st_mode, S_IFREG | 0640);
    ck_assert_uint_eq(status.st_uid, geteuid());
    bytes = file_read(n.file.path);
    ck_assert_uint_eq(bytes.length, 16 + 3 * 8);
    ck_assert_mem_eq(bytes.at, expected, 16 + 2 * 8);
    ck_assert_mem_eq(bytes.at + 16 + 2 * 8, expected + 16, 8);
    ck_assert_uint_eq(n.messages, 0);
    bytes_free(&bytes);
    usage_stop(&n.usage);
}
END_TEST

START_TEST(file_that_is_there_is_kept)
{
    struct noting n;

    noting_start(&n);
    used_file_make(n.file.path, STOREID, 8);
    used_file_set(n.file.path, 5, 4242);
    NOTE(n, 3, NOW);
    EXPECT_SLOT(n, 0, BEGAN);
    EXPECT_SLOT(n, 3, NOW);
    EXPECT_SLOT(n, 5, 4242);
    usage_stop(&n.usage);
}
END_TEST

static const size_t lengths[] = {0, 1, 15, 16, 23};

/* A host that was killed may have left it. */
START_TEST(unfinished_file_is_finished)
{
    struct noting n;

    noting_start(&n);
    used_file_make(n.file.path, _i % 2 == 0 ? STOREID : OTHER_STOREID, 8);
    ck_assert_int_eq(truncate(n.file.path, (off_t)lengths[_i / 2]), 0);
    NOTE(n, 3, NOW);
    EXPECT_SLOT(n, 0, NOW);
    EXPECT_SLOT(n, 2, 0);
    EXPECT_SLOT(n, 3, NOW);
    NOTE(n, 4, NOW + 5);
    EXPECT_SLOT(n, 0, NOW);
    usage_stop(&n.usage);
}
END_TEST

/* What the tokens of another store did is not told of this one's. */
START_TEST(other_stores_file_is_begun_anew)
{
    struct noting n;
    struct bytes bytes;

    noting_start(&n);
    used_file_make(n.file.path, OTHER_STOREID, 1000);
    used_file_set(n.file.path, 2, 4242);
    used_file_set(n.file.path, 7, 4242);
    NOTE(n, 3, NOW);
    bytes = file_read(n.file.path);
    ck_assert_uint_eq(bytes.length, 16 + 4 * 8);
    ck_assert_mem_eq(bytes.at, "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16);
    EXPECT_SLOT(n, 0, NOW);
    EXPECT_SLOT(n, 2, 0);
    EXPECT_SLOT(n, 3, NOW);
    ck_assert_uint_eq(n.messages, 0);
    bytes_free(&bytes);
    usage_stop(&n.usage);
}
END_TEST

START_TEST(file_is_removed)
{
    struct noting n;

    noting_start(&n);
    NOTE(n, 3, NOW);
    ck_assert_int_eq(unlink(n.file.path), 0);
    NOTE(n, 4, NOW + 1);
    EXPECT_SLOT(n, 0, NOW + 1);
    EXPECT_SLOT(n, 3, 0);
    EXPECT_SLOT(n, 4, NOW + 1);
    usage_stop(&n.usage);
}
END_TEST

/* ---- threads ---- */

enum { THREADS = 8, SERIALS = 500, RACERS = 4, RACES = 3000 };

static void *note_all(void *context)
{
    struct noting *n = context;

    for (uint64_t serial = 1; serial <= SERIALS; serial++)
        usage_note(&n->usage, STOREID, serial, NOW);
    return NULL;
}

START_TEST(many_threads)
{
    struct noting n;
    pthread_t threads[THREADS];

    noting_start(&n);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, note_all, &n), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    for (uint64_t serial = 1; serial <= SERIALS; serial++)
        MUST(used_file_slot(n.file.path, serial) == NOW);
    ck_assert_uint_eq(n.messages, 0);
    usage_stop(&n.usage);
}
END_TEST

struct racer {
    struct noting *noting;
    pthread_barrier_t *barrier;
    uint64_t serial;
};

static void *race(void *context)
{
    struct racer *racer = context;

    for (int i = 0; i < RACES; i++) {
        pthread_barrier_wait(racer->barrier);
        usage_note(&racer->noting->usage, STOREID, racer->serial, NOW + i * USAGE_INTERVAL);
        pthread_barrier_wait(racer->barrier);
    }
    return NULL;
}

/* Those that find no file make one together, and lose nothing. */
START_TEST(made_by_several_at_once)
{
    struct noting n;
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    pthread_barrier_t barrier;
    unsigned lost = 0;

    noting_start(&n);
    ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, RACERS + 1), 0);
    for (unsigned i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){&n, &barrier, i + 1};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int round = 0; round < RACES; round++) {
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        for (uint64_t serial = 0; serial <= RACERS; serial++)
            lost += used_file_slot(n.file.path, serial) != (uint64_t)(NOW + round * USAGE_INTERVAL);
        MUST(unlink(n.file.path) == 0);
    }
    for (int i = 0; i < RACERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(lost, 0);
    ck_assert_uint_eq(n.messages, 0);
    pthread_barrier_destroy(&barrier);
    usage_stop(&n.usage);
}
END_TEST

/* ---- when ---- */

START_TEST(once_a_minute)
{
    struct noting n;

    noting_start(&n);
    NOTE(n, 3, NOW);
    EXPECT_SLOT(n, 3, NOW);
    used_file_set(n.file.path, 3, 7); /* shows whether it is written again */
    NOTE(n, 3, NOW + 1);
    NOTE(n, 3, NOW + 59);
    EXPECT_SLOT(n, 3, 7);
    NOTE(n, 3, NOW + 60);
    EXPECT_SLOT(n, 3, NOW + 60);
    NOTE(n, 3, NOW + 119);
    EXPECT_SLOT(n, 3, NOW + 60);
    NOTE(n, 3, NOW + 100000);
    EXPECT_SLOT(n, 3, NOW + 100000);
    for (uint64_t other = 1; other < 8; other++)
        if (other != 3)
            EXPECT_SLOT(n, other, 0);
    ck_assert_uint_eq(n.messages, 0);
    usage_stop(&n.usage);
}
END_TEST

/* A step of a few seconds is none; after a great one the clock is believed as it is. */
START_TEST(clock_is_set_back)
{
    struct noting n;

    noting_start(&n);
    NOTE(n, 3, NOW);
    NOTE(n, 3, NOW - 59);
    EXPECT_SLOT(n, 3, NOW);
    NOTE(n, 3, NOW - 3600);
    EXPECT_SLOT(n, 3, NOW - 3600);
    usage_stop(&n.usage);
}
END_TEST

/* Each process for itself, but none writes what another has just written. */
START_TEST(two_hosts)
{
    struct noting n;
    struct usage second;

    noting_start(&n);
    usage_start(&second, n.file.above, HOST_DOMAIN, &n.notice);
    NOTE(n, 3, NOW);
    usage_note(&second, STOREID, 3, NOW + 30);
    EXPECT_SLOT(n, 3, NOW);
    usage_note(&second, STOREID, 3, NOW + 90);
    EXPECT_SLOT(n, 3, NOW + 90);
    usage_stop(&second);
    usage_stop(&n.usage);
}
END_TEST

START_TEST(parent_and_child)
{
    struct noting n;
    int child;

    noting_start(&n);
    NOTE(n, 1, NOW);
    child = fork();
    if (child == 0) {
        NOTE(n, 1, NOW + 60);
        NOTE(n, 2, NOW + 60);
        _exit(0);
    }
    expect_child(child);
    EXPECT_SLOT(n, 1, NOW + 60);
    EXPECT_SLOT(n, 2, NOW + 60);
    NOTE(n, 2, NOW + 61); /* not known here, but in the file */
    EXPECT_SLOT(n, 2, NOW + 60);
    usage_stop(&n.usage);
}
END_TEST

/* What is noted within the minute costs no look at the file. */
START_TEST(noted_costs_nothing)
{
    struct noting n;
    unsigned long long before;

    noting_start(&n);
    NOTE(n, 3, NOW);
    before = bytes_read_so_far();
    before = bytes_read_so_far() - before; /* what it takes to ask */
    before += bytes_read_so_far();
    for (int i = 0; i < 1000; i++)
        NOTE(n, 3, NOW + i % 60);
    ck_assert_uint_lt(bytes_read_so_far() - before, 16);
    usage_stop(&n.usage);
}
END_TEST

/* ---- which ---- */

START_TEST(serials_that_share_a_place)
{
    struct noting n;

    noting_start(&n);
    for (int i = 0; i < 60; i++)
        for (uint64_t serial = 3; serial < 2 * STAMPS_APART + 8; serial += STAMPS_APART)
            NOTE(n, serial, NOW + i);
    for (uint64_t serial = 3; serial < 2 * STAMPS_APART + 8; serial += STAMPS_APART)
        EXPECT_SLOT(n, serial, NOW);
    usage_stop(&n.usage);
}
END_TEST

START_TEST(a_million_serials)
{
    struct noting n;

    noting_start(&n);
    for (uint64_t serial = 1; serial <= 1000000; serial += 111)
        NOTE(n, serial, NOW + (int64_t)serial);
    for (uint64_t serial = 1; serial <= 1000000; serial += 111)
        MUST(used_file_slot(n.file.path, serial) == NOW + serial);
    EXPECT_SLOT(n, 2, 0);
    usage_stop(&n.usage);
}
END_TEST

static const uint64_t no_slots[] = {0, INT64_MAX, UINT64_MAX, INT64_MAX / 8,
                                    UINT64_C(0x2000000000000003) /* 8 times it is 24 */};

START_TEST(serial_has_no_slot)
{
    struct noting n;

    noting_start(&n);
    NOTE(n, no_slots[_i], NOW);
    ck_assert_int_lt(access(n.file.path, F_OK), 0);
    ck_assert_uint_eq(n.messages, 0);
    NOTE(n, 7, NOW);
    EXPECT_SLOT(n, 7, NOW);
    usage_stop(&n.usage);
}
END_TEST

/* The file has holes: it takes as much of the disk as there are tokens, however large their serials. */
START_TEST(large_serial)
{
    struct noting n;
    struct stat status;

    noting_start(&n);
    NOTE(n, 1000000000, NOW);
    EXPECT_SLOT(n, 1000000000, NOW);
    EXPECT_SLOT(n, 999999999, 0);
    ck_assert_int_eq(lstat(n.file.path, &status), 0);
    ck_assert_int_eq(status.st_size, INT64_C(8000000024));
    ck_assert_int_lt(status.st_blocks, 1024);
    usage_stop(&n.usage);
}
END_TEST

START_TEST(garbage_is_written_over)
{
    static const uint64_t garbage[] = {UINT64_MAX, NOW + 61, (uint64_t)INT64_MAX + 1, 1, NOW - 60};
    struct noting n;

    noting_start(&n);
    used_file_make(n.file.path, STOREID, 8);
    used_file_set(n.file.path, 3, garbage[_i]);
    NOTE(n, 3, NOW);
    EXPECT_SLOT(n, 3, NOW);
    usage_stop(&n.usage);
}
END_TEST

/* ---- through the hook ---- */

static const char *const settings[] = {"", "track_usage = true;", "track_usage = false;"};

/* Only what is admitted counts as used, and only where that is wanted, as it is unless the configuration says
 * no. */
START_TEST(host_notes_what_it_admits)
{
    struct scene s;
    struct host host;
    struct used_file file;
    time_t before = time(NULL) - 1; /* the host's clock is a coarse one */
    bool tracked = _i < 2;

    scene_start(&s, "60s");
    forge_revoke(&s.forge, &s.b);
    used_file_below(&file, s.directory);
    host_open_with(&host, s.directory, settings[_i]);
    ck_assert_str_eq(host_ask(&host, &s.b), "deny revoked");
    ck_assert_int_lt(access(file.path, F_OK), 0);
    ck_assert_str_eq(host_ask(&host, &s.a), "allow");
    ck_assert_int_eq(access(file.path, F_OK), tracked ? 0 : -1);
    if (tracked) {
        ck_assert_uint_ge(used_file_slot(file.path, 0), (uint64_t)before);
        ck_assert_uint_ge(used_file_slot(file.path, 1), (uint64_t)before);
        ck_assert_uint_eq(used_file_slot(file.path, 2), 0);
    }
    ck_assert_uint_eq(host.alerts + host.others, 0);
    host_close(&host);
    scene_end(&s);
}
END_TEST

/* No tool has made used/: nobody wants to know. */
START_TEST(host_admits_without_the_directory)
{
    struct scene s;
    struct host host;
    char path[SCRATCH_PATH];

    scene_start(&s, "60s");
    host_open_with(&host, s.directory, settings[0]);
    for (int i = 0; i < 10; i++) {
        ck_assert_str_eq(host_ask(&host, &s.a), "allow");
        ck_assert_str_eq(host_ask(&host, &s.b), "allow");
    }
    ck_assert_uint_eq(host.alerts + host.others, 0);
    path_join(path, s.directory, "used");
    ck_assert_int_lt(access(path, F_OK), 0);
    host_close(&host);
    scene_end(&s);
}
END_TEST

static void add_file(TCase *test)
{
    tcase_add_loop_test(test, file_is_made, 0, 2);
    tcase_add_test(test, file_that_is_there_is_kept);
    tcase_add_loop_test(test, unfinished_file_is_finished, 0,
                        2 * (int)(sizeof(lengths) / sizeof(lengths[0])));
    tcase_add_test(test, other_stores_file_is_begun_anew);
    tcase_add_test(test, file_is_removed);
    tcase_add_test(test, made_by_several_at_once);
}

static void add_when_and_which(TCase *test)
{
    tcase_add_test(test, once_a_minute);
    tcase_add_test(test, clock_is_set_back);
    tcase_add_test(test, two_hosts);
    tcase_add_test(test, parent_and_child);
    tcase_add_test(test, noted_costs_nothing);
    tcase_add_test(test, serials_that_share_a_place);
    tcase_add_test(test, a_million_serials);
    tcase_add_loop_test(test, serial_has_no_slot, 0, (int)(sizeof(no_slots) / sizeof(no_slots[0])));
    tcase_add_test(test, large_serial);
    tcase_add_loop_test(test, garbage_is_written_over, 0, 5);
}

Suite *usage_suite(void)
{
    Suite *suite = suite_create("usage");
    TCase *file = tcase_create("file"), *noting = tcase_create("noting"), *host = tcase_create("host");

    add_file(file);
    add_when_and_which(noting);
    tcase_add_test(host, many_threads);
    tcase_add_loop_test(host, host_notes_what_it_admits, 0, 3);
    tcase_add_test(host, host_admits_without_the_directory);
    suite_add_tcase(suite, file);
    suite_add_tcase(suite, noting);
    suite_add_tcase(suite, host);
    return suite;
}
