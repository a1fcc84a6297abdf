/* toktab_status(): what a host is told of a store. */
#include "scene_case.h"
#include "suites.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct toktab_status status_of(struct toktab *table)
{
    struct toktab_status status;

    memset(&status, 0x55, sizeof(status));
    status.size = sizeof(status);
    errno = 4711;
    ck_assert_int_eq(toktab_status(table, NULL, &status), 0);
    ck_assert_int_eq(errno, 4711);
    ck_assert_uint_eq(status.size, sizeof(status));
    ck_assert(status.good ? status.why[0] == '\0' : status.why[0] != '\0');
    ck_assert_ptr_null(strchr(status.why, '\n'));
    return status;
}

static void expect_good(uint64_t epoch, uint64_t line, uint64_t tokens)
{
    struct toktab_status status = status_of(s.host.table);

    ck_assert_int_eq(status.good, 1);
    ck_assert_uint_eq(status.epoch, epoch);
    ck_assert_uint_eq(status.line, line);
    ck_assert_uint_eq(status.tokens, tokens);
    ck_assert_int_eq(status.last_good, 0);
}

/* What stands there is what was last read. */
static void expect_trouble(uint64_t epoch, uint64_t line, uint64_t tokens)
{
    struct toktab_status status = status_of(s.host.table);

    ck_assert_int_eq(status.good, 0);
    ck_assert_uint_eq(status.epoch, epoch);
    ck_assert_uint_eq(status.line, line);
    ck_assert_uint_eq(status.tokens, tokens);
    ck_assert_int_ge(status.last_good, 0);
    ck_assert_ptr_nonnull(strstr(status.why, s.forge.path)); /* which store it is */
}

START_TEST(changes_are_seen_at_once)
{
    expect_good(1, 2, 2);
    forge_create(&s.forge, &s.c);
    expect_good(1, 3, 3);
    forge_revoke(&s.forge, &s.a);
    expect_good(1, 4, 3);
    forge_compact(&s.forge, TIME_NEVER);
    expect_good(1, 5, 3);
    forge_mend(&s.forge, 9);
    expect_good(9, 6, 3);
    EXPECT(s, a, "deny revoked");
    ck_assert_uint_eq(s.host.alerts, 0);
}
END_TEST

/* A verify looks at the path once a second. */
START_TEST(path_is_looked_at)
{
    char away[SCRATCH_PATH];

    path_join(away, s.directory, "away");
    ck_assert_int_eq(rename(s.forge.path, away), 0);
    expect_trouble(1, 2, 2);
    EXPECT_TROUBLE(s);
    ck_assert_int_eq(rename(away, s.forge.path), 0);
    expect_good(1, 2, 2);
    EXPECT(s, d, "deny unknown");
}
END_TEST

START_TEST(no_store_yet)
{
    struct toktab_status status;

    host_close(&s.host);
    ck_assert_int_eq(unlink(s.forge.path), 0);
    host_open(&s.host, s.directory, "60s");
    status = status_of(s.host.table);
    ck_assert_int_eq(status.good, 0);
    ck_assert(status.epoch == 0 && status.line == 0 && status.tokens == 0);
    ck_assert_int_eq(status.last_good, -1);
    ck_assert_ptr_nonnull(strstr(status.why, s.forge.path));
    forge_end(&s.forge);
    forge_start(&s.forge, s.directory, HOST_DOMAIN);
    expect_good(1, 0, 0);
    forge_create(&s.forge, &s.a);
    expect_good(1, 1, 1);
}
END_TEST

/* Whoever notices tells, and tells once. */
START_TEST(trouble_is_logged_once)
{
    file_replace(s.forge.path, "garbage\n", 8);
    expect_trouble(1, 2, 2);
    ck_assert_uint_eq(s.host.alerts, 1);
    for (int i = 0; i < 3; i++) {
        expect_trouble(1, 2, 2);
        EXPECT_TROUBLE(s);
    }
    ck_assert_uint_eq(s.host.alerts, 1);
    ck_assert_str_eq(status_of(s.host.table).why, s.host.last);
}
END_TEST

START_TEST(last_contact_of_a_follower)
{
    const int64_t now = time(NULL);
    const struct {
        int64_t time;
        const char *rest;
        int64_t age;
    } cases[] = {{now - 1000, "good|1:2:ab\n", 1000},
                 {now - 1000, "good|1:2:ab\nb\n", 1000}, /* while it is written over a longer one */
                 {now + 1000, "fork|\n", 0},
                 {0, "good|\n", INT64_MAX},
                 {now - 1000, "writer|1:2:ab\n", -1}};
    char contact[SCRATCH_PATH], text[100];

    ck_assert_int_eq(status_of(s.host.table).last_contact, -1);
    path_join(contact, s.directory, HOST_DOMAIN ".contact");
    for (int i = 0; i < 5; i++) {
        int length = snprintf(text, sizeof(text), "%" PRId64 "|%s", cases[i].time, cases[i].rest);
        int64_t age;

        file_replace(contact, text, (size_t)length);
        age = status_of(s.host.table).last_contact;
        ck_assert(age >= cases[i].age && age - cases[i].age < 600);
    }
    file_replace(contact, "garbage", 7);
    ck_assert_int_eq(status_of(s.host.table).last_contact, -1);
}
END_TEST

START_TEST(wrong_calls)
{
    struct toktab_status before, status;
    struct {
        struct toktab_status status;
        char more[64];
    } later;

    memset(&status, 0x55, sizeof(status));
    status.size = sizeof(status) - 1;
    before = status;
    errno = 0;
    ck_assert(toktab_status(s.host.table, NULL, &status) == -1 && errno == EINVAL);
    ck_assert_mem_eq(&status, &before, sizeof(status));
    errno = 0;
    ck_assert(toktab_status(s.host.table, NULL, NULL) == -1 && errno == EINVAL);
    status.size = sizeof(status);
    errno = 0;
    ck_assert(toktab_status(NULL, NULL, &status) == -1 && errno == EINVAL);
    errno = 0;
    ck_assert(toktab_status(s.host.table, "nobody.example", &status) == -1 && errno == ENOENT);
    ck_assert_int_eq(toktab_status(s.host.table, HOST_DOMAIN, &status), 0);
    memset(&later, 0x55, sizeof(later)); /* of a host that knows a later version */
    later.status.size = sizeof(later);
    ck_assert_int_eq(toktab_status(s.host.table, HOST_DOMAIN, &later.status), 0);
    ck_assert_int_eq(later.status.good, 1);
    ck_assert_int_eq(later.more[0], 0x55);
}
END_TEST

/* Threads that ask for the state, and for tokens, while the store changes. */
enum { ROUNDS = 300 };

static _Atomic bool done;

static void *watch_lines(void *unused)
{
    uint64_t line = 0;

    (void)unused;
    while (!done) {
        struct toktab_status status = {.size = sizeof(status)};

        MUST(toktab_status(s.host.table, NULL, &status) == 0);
        MUST(status.good == 1 && status.line >= line && status.tokens == 2);
        line = status.line;
    }
    return NULL;
}

static void *watch_tokens(void *unused)
{
    (void)unused;
    while (!done)
        MUST(strcmp(host_ask(&s.host, &s.a), "allow") == 0);
    return NULL;
}

START_TEST(beside_threads_that_verify)
{
    void *(*const watchers[])(void *) = {watch_lines, watch_lines, watch_tokens};
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, watchers[i], NULL), 0);
    for (int i = 0; i < ROUNDS; i++) {
        s.b.record.op = OPERATION_UPDATE;
        forge_append(&s.forge, &s.b.record);
        if (i % 50 == 0)
            forge_compact(&s.forge, TIME_NEVER);
    }
    done = true;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(status_of(s.host.table).line, s.forge.at.n);
}
END_TEST

Suite *status_suite(void)
{
    Suite *suite = suite_create("status");
    TCase *status = scene_case("status");

    tcase_add_test(status, changes_are_seen_at_once);
    tcase_add_test(status, path_is_looked_at);
    tcase_add_test(status, no_store_yet);
    tcase_add_test(status, trouble_is_logged_once);
    tcase_add_test(status, last_contact_of_a_follower);
    tcase_add_test(status, wrong_calls);
    tcase_add_test(status, beside_threads_that_verify);
    suite_add_tcase(suite, status);
    return suite;
}
