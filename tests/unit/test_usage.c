/* Noting that tokens are used: once a minute and process, in the file as it is, and without ever harming the
 * host. The clock is the test's. */
#include "scene.h"
#include "suites.h"
#include "usage.h"
#include "usage_fixture.h"

#include <pthread.h>
#include <unistd.h>

enum { STAMPS_APART = 1 << 20 }; /* serials that far apart share a place in memory */

/* ---- when ---- */

START_TEST(once_a_minute)
{
    struct noting n;

    noting_start(&n, 8);
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

    noting_start(&n, 8);
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

    noting_start(&n, 8);
    usage_start(&second, n.file.directory, HOST_DOMAIN, &n.notice);
    NOTE(n, 3, NOW);
    usage_note(&second, STOREID, LAST_LINE, 3, NOW + 30);
    EXPECT_SLOT(n, 3, NOW);
    usage_note(&second, STOREID, LAST_LINE, 3, NOW + 90);
    EXPECT_SLOT(n, 3, NOW + 90);
    usage_stop(&second);
    usage_stop(&n.usage);
}
END_TEST

START_TEST(parent_and_child)
{
    struct noting n;
    int child;

    noting_start(&n, 8);
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

    noting_start(&n, 8);
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

    noting_start(&n, 2 * STAMPS_APART + 8);
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

    noting_start(&n, 1000001);
    for (uint64_t serial = 1; serial <= 1000000; serial += 111)
        NOTE(n, serial, NOW + (int64_t)serial);
    for (uint64_t serial = 1; serial <= 1000000; serial += 111)
        MUST(used_file_slot(n.file.path, serial) == NOW + serial);
    EXPECT_SLOT(n, 2, 0);
    usage_stop(&n.usage);
}
END_TEST

static const uint64_t no_slots[] = {0,
                                    8,
                                    9,
                                    1000000,
                                    INT64_MAX,
                                    UINT64_MAX,
                                    INT64_MAX / 8,
                                    UINT64_C(0x2000000000000003) /* 8 times it is 24 */};

/* Nothing is written, the file does not grow, and nobody is told. */
START_TEST(serial_has_no_slot)
{
    struct noting n;
    struct bytes before, after;

    noting_start(&n, 8);
    before = file_read(n.file.path);
    NOTE(n, no_slots[_i], NOW);
    after = file_read(n.file.path);
    ck_assert_uint_eq(after.length, 64);
    ck_assert_mem_eq(before.at, after.at, 64);
    ck_assert_uint_eq(n.messages, 0);
    NOTE(n, 7, NOW);
    EXPECT_SLOT(n, 7, NOW);
    bytes_free(&before);
    bytes_free(&after);
    usage_stop(&n.usage);
}
END_TEST

START_TEST(garbage_is_written_over)
{
    static const uint64_t garbage[] = {UINT64_MAX, NOW + 61, (uint64_t)INT64_MAX + 1, 1, NOW - 60};
    struct noting n;

    noting_start(&n, 8);
    used_file_set(n.file.path, 3, garbage[_i]);
    NOTE(n, 3, NOW);
    EXPECT_SLOT(n, 3, NOW);
    usage_stop(&n.usage);
}
END_TEST

/* ---- threads ---- */

enum { THREADS = 8, SERIALS = 500 };

static void *note_all(void *context)
{
    struct noting *n = context;

    for (uint64_t serial = 1; serial <= SERIALS; serial++)
        usage_note(&n->usage, STOREID, LAST_LINE, serial, NOW);
    return NULL;
}

START_TEST(many_threads)
{
    struct noting n;
    pthread_t threads[THREADS];

    noting_start(&n, SERIALS + 1);
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

/* ---- through the hook ---- */

static const char *const settings[] = {"", "track_usage = false;", "track_usage = true;"};

/* Only what is admitted counts as used, only where that is wanted; and whatever becomes of the file, the
 * verdict is the same. */
START_TEST(host_notes_what_it_admits)
{
    struct scene s;
    struct host host;
    char path[SCRATCH_PATH];
    bool tracked = _i == 2;

    scene_start(&s, "60s");
    forge_revoke(&s.forge, &s.b);
    path_join(path, s.directory, HOST_DOMAIN ".used");
    used_file_make(path, s.forge.header.storeid, 8);
    host_open_with(&host, s.directory, settings[_i]);
    ck_assert_str_eq(host_ask(&host, &s.a), "allow");
    ck_assert_str_eq(host_ask(&host, &s.b), "deny revoked");
    ck_assert(tracked == (used_file_slot(path, 1) > NOW));
    ck_assert_uint_eq(used_file_slot(path, 2), 0);
    ck_assert_uint_eq(host.alerts + host.others, 0);
    host_close(&host);
    scene_end(&s);
}
END_TEST

START_TEST(host_admits_without_the_file)
{
    struct scene s;
    struct host host;

    scene_start(&s, "60s");
    host_open_with(&host, s.directory, settings[2]);
    for (int i = 0; i < 10; i++) {
        ck_assert_str_eq(host_ask(&host, &s.a), "allow");
        ck_assert_str_eq(host_ask(&host, &s.b), "allow");
    }
    ck_assert_uint_eq(host.alerts, 0);
    ck_assert_uint_eq(host.others, 1);
    ck_assert_ptr_nonnull(strstr(host.last, "does not exist"));
    host_close(&host);
    scene_end(&s);
}
END_TEST

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
    tcase_add_loop_test(test, garbage_is_written_over, 0, 5);
}

Suite *usage_suite(void)
{
    Suite *suite = suite_create("usage");
    TCase *noting = tcase_create("noting"), *host = tcase_create("host");

    add_when_and_which(noting);
    tcase_add_test(host, many_threads);
    tcase_add_loop_test(host, host_notes_what_it_admits, 0, 3);
    tcase_add_test(host, host_admits_without_the_file);
    suite_add_tcase(suite, noting);
    suite_add_tcase(suite, host);
    return suite;
}
