/* When a reader looks, how long it goes on without its store, and what time it is. */
#include "clock.h"
#include "scene.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- when it looks ---- */

START_TEST(store_that_comes_later)
{
    struct scene s;
    struct reader reader;
    char aside[SCRATCH_PATH];

    scene_start(&s, "60s");
    host_close(&s.host);
    path_join(aside, s.directory, "aside");
    ck_assert_int_eq(rename(s.forge.path, aside), 0);
    scene_open_reader(&reader, &s);
    host_open(&s.host, s.directory, "60s");
    ck_assert_int_eq(reader_look(&reader, clock_now()), STANDING_NONE);
    EXPECT(s, a, "error store");
    EXPECT(s, a, "error store");
    ck_assert_uint_eq(s.host.alerts, 1);
    ck_assert_int_eq(rename(aside, s.forge.path), 0);
    ck_assert_int_eq(reader_look(&reader, clock_now()), STANDING_GOOD);
    EXPECT(s, a, "allow");
    EXPECT(s, d, "deny unknown");
    ck_assert_uint_eq(s.host.others, 1);
    reader_close(&reader);
    scene_end(&s);
}
END_TEST

START_TEST(directory_that_comes_later)
{
    struct scene s;
    struct reader reader;
    char aside[SCRATCH_PATH + 8];

    scene_start(&s, "60s");
    snprintf(aside, sizeof(aside), "%s.aside", s.directory);
    ck_assert_int_eq(rename(s.directory, aside), 0);
    scene_open_reader(&reader, &s);
    ck_assert_int_eq(reader_look(&reader, clock_now()), STANDING_NONE);
    ck_assert_int_eq(rename(aside, s.directory), 0);
    ck_assert_int_eq(reader_look(&reader, clock_now()), STANDING_GOOD);
    reader_close(&reader);
    scene_end(&s);
}
END_TEST

/* The descriptor does not show it: the look at the path does. */
START_TEST(directory_that_was_moved_away)
{
    struct scene s;
    struct reader reader;
    char aside[SCRATCH_PATH + 8];

    scene_start(&s, "60s");
    scene_open_reader(&reader, &s);
    snprintf(aside, sizeof(aside), "%s.aside", s.directory);
    ck_assert_int_eq(rename(s.directory, aside), 0);
    ck_assert_int_eq(reader_look_at_path(&reader), STANDING_TROUBLE);
    ck_assert_int_eq(mkdir(s.directory, 0750), 0);
    ck_assert_int_eq(reader_look_at_path(&reader), STANDING_TROUBLE);
    ck_assert_int_eq(rmdir(s.directory), 0);
    ck_assert_int_eq(rename(aside, s.directory), 0);
    ck_assert_int_eq(reader_look_at_path(&reader), STANDING_GOOD);
    reader_close(&reader);
    scene_end(&s);
}
END_TEST

static void sleep_a_little(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

/* Ask until the answer is another; it must be before a minute is over. */
static const char *answer_after(struct scene *scene, const struct sample *sample, const char *first)
{
    const char *answer = first;

    for (int i = 0; i < 3000 && strcmp(answer, first) == 0; i++) {
        answer = host_ask(&scene->host, sample);
        sleep_a_little();
    }
    return answer;
}

/* The same from outside: noticed by a host that goes on asking, which then goes on for stale_limit alone. */
START_TEST(moved_away_for_longer_than_stale_limit)
{
    struct scene s;
    char aside[SCRATCH_PATH + 8];

    scene_start(&s, "1s");
    snprintf(aside, sizeof(aside), "%s.aside", s.directory);
    ck_assert_int_eq(rename(s.directory, aside), 0);
    ck_assert_str_eq(answer_after(&s, &s.d, "deny unknown"), "error store");
    ck_assert_str_eq(answer_after(&s, &s.a, "allow"), "error store");
    for (int i = 0; i < 10; i++)
        EXPECT(s, a, "error store");
    ck_assert_uint_eq(s.host.alerts, 1);
    ck_assert_int_eq(rename(aside, s.directory), 0);
    EXPECT(s, a, "allow");
    EXPECT(s, d, "deny unknown");
    scene_end(&s);
}
END_TEST

/* ---- without its store ---- */

START_TEST(still_trusted_for_stale_limit)
{
    struct scene s;
    struct reader reader;
    int64_t good;

    scene_start(&s, "60s");
    scene_open_reader(&reader, &s);
    ck_assert_int_eq(reader_look(&reader, clock_now()), STANDING_GOOD);
    good = atomic_load(&reader.good);
    ck_assert(reader_still_trusted(&reader));
    atomic_store(&reader.good, good - 50000000000);
    ck_assert(reader_still_trusted(&reader));
    atomic_store(&reader.good, good - 60000000000);
    ck_assert(!reader_still_trusted(&reader));
    looks_end();
    ck_assert_int_eq(reader_look(&reader, clock_now()), STANDING_GOOD); /* it is there, after all */
    ck_assert(reader_still_trusted(&reader));
    ck_assert_int_eq(unlink(s.forge.path), 0);
    looks_end();
    atomic_store(&reader.good, good - 60000000000);
    ck_assert_int_eq(reader_look(&reader, clock_now()), STANDING_TROUBLE);
    ck_assert(!reader_still_trusted(&reader)); /* a look at a store in trouble is none at a good one */
    reader_close(&reader);
    scene_end(&s);
}
END_TEST

START_TEST(stale_limit_of_zero)
{
    struct scene s;

    scene_start(&s, "0s");
    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    ck_assert_int_eq(unlink(s.forge.path), 0);
    EXPECT(s, a, "error store");
    EXPECT(s, b, "deny revoked");
    EXPECT(s, d, "error store");
    scene_end(&s);
}
END_TEST

/* In trouble a token that is denied for another reason is still denied, and not an error. */
START_TEST(denials_in_trouble)
{
    struct toktab_request request = {.size = sizeof(request), .scopes = "admin"};
    struct scene s;
    struct sample expired, guess;

    scene_start(&s, "60s");
    sample_make(&expired);
    expired.record.expires = NOW + 1;
    forge_create(&s.forge, &expired);
    sample_guess(&guess, &s.a);
    ck_assert_str_eq(host_ask(&s.host, &guess), "deny unknown");
    EXPECT(s, a, "allow");
    ck_assert_int_eq(unlink(s.forge.path), 0);
    ck_assert_str_eq(host_ask(&s.host, &expired), "deny expired");
    ck_assert_str_eq(host_ask_for(&s.host, &s.a, &request, NULL), "deny scope");
    ck_assert_str_eq(host_ask(&s.host, &guess), "deny unknown");
    guess.token[0] = '-';
    ck_assert_str_eq(host_ask(&s.host, &guess), "deny malformed");
    scene_end(&s);
}
END_TEST

/* ---- the clock ---- */

/* The reader's clock where the store's newest line and the own clock's newest are so far ahead of now. */
static int64_t clock_ahead(struct reader *reader, int64_t line, int64_t clock)
{
    struct timespec before, after;
    int64_t t;

    do {
        clock_gettime(CLOCK_REALTIME_COARSE, &before);
        atomic_store(&reader->newest_line, before.tv_sec + line);
        atomic_store(&reader->newest_clock, before.tv_sec + clock);
        t = reader_clock(reader);
        clock_gettime(CLOCK_REALTIME_COARSE, &after);
    } while (before.tv_sec != after.tv_sec);
    return t - before.tv_sec;
}

static const struct {
    int64_t line, clock, t;
} clocks[] = {
    {0, 0, 0},       {-1, 0, 0},    {-1000, -1000, 0},  {1, 0, 1},          {0, 1, 1},       {300, 0, 300},
    {0, 300, 300},   {301, 0, 0},   {0, 301, 0},        {200, 100, 200},    {100, 200, 200}, {301, 300, 300},
    {300, 301, 300}, {301, 301, 0}, {1000000000, 5, 5}, {5, 1000000000, 5},
};

START_TEST(clock_is_the_latest_within_reason)
{
    struct scene s;
    struct reader reader;

    scene_start(&s, "60s");
    scene_open_reader(&reader, &s);
    ck_assert_int_eq(clock_ahead(&reader, clocks[_i].line, clocks[_i].clock), clocks[_i].t);
    reader_close(&reader);
    scene_end(&s);
}
END_TEST

/* The own clock's newest goes forward with it, and back only where it was out of all reason. */
START_TEST(own_clock_is_remembered)
{
    struct scene s;
    struct reader reader;
    int64_t now;

    scene_start(&s, "60s");
    scene_open_reader(&reader, &s);
    now = reader_clock(&reader);
    ck_assert_int_ge(atomic_load(&reader.newest_clock), now);
    atomic_store(&reader.newest_clock, now + 200);
    reader_clock(&reader);
    ck_assert_int_eq(atomic_load(&reader.newest_clock), now + 200);
    atomic_store(&reader.newest_clock, now + 100000);
    reader_clock(&reader);
    ck_assert_int_le(atomic_load(&reader.newest_clock), now + 100);
    reader_close(&reader);
    scene_end(&s);
}
END_TEST

START_TEST(newest_line_counts_as_clock)
{
    struct scene s;
    struct sample soon;
    int64_t now = time(NULL);

    scene_start(&s, "60s");
    sample_make(&soon);
    soon.record.expires = now + 150;
    forge_create(&s.forge, &soon);
    ck_assert_str_eq(host_ask(&s.host, &soon), "allow");
    s.c.record.time = now + (_i == 0 ? 200 : 100000);
    forge_create(&s.forge, &s.c);
    ck_assert_str_eq(host_ask(&s.host, &soon), _i == 0 ? "deny expired" : "allow");
    EXPECT(s, c, "allow");
    scene_end(&s);
}
END_TEST

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

Suite *reader_suite(void)
{
    Suite *suite = suite_create("reader");
    TCase *looks = tcase_create("looks"), *stale = tcase_create("stale"), *clock = tcase_create("clock");

    tcase_add_test(looks, store_that_comes_later);
    tcase_add_test(looks, directory_that_comes_later);
    tcase_add_test(looks, directory_that_was_moved_away);
    tcase_add_test(looks, moved_away_for_longer_than_stale_limit);
    suite_add_tcase(suite, looks);
    tcase_add_test(stale, still_trusted_for_stale_limit);
    tcase_add_test(stale, stale_limit_of_zero);
    tcase_add_test(stale, denials_in_trouble);
    suite_add_tcase(suite, stale);
    tcase_add_loop_test(clock, clock_is_the_latest_within_reason, 0, LENGTH(clocks));
    tcase_add_test(clock, own_clock_is_remembered);
    tcase_add_loop_test(clock, newest_line_counts_as_clock, 0, 2);
    suite_add_tcase(suite, clock);
    return suite;
}
