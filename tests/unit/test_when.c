#include "suites.h"
#include "token/when.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { JANUARY = 1767225600 }; /* 2026-01-01T00:00:00Z */

static void use_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static const struct {
    const char *zone, *text;
    int64_t when;
} good[] = {
    {"UTC", "1s", JANUARY + 1},
    {"UTC", "90d", JANUARY + 90 * 86400},
    {"UTC", "2w", JANUARY + 14 * 86400},
    {"UTC", "never", TIME_NEVER},
    {"UTC", "2026-01-02", JANUARY + 86400},
    {"UTC", "2026-01-02T03:04", JANUARY + 86400 + 3 * 3600 + 4 * 60},
    {"UTC", "2026-01-02T03:04:05", JANUARY + 86400 + 3 * 3600 + 4 * 60 + 5},
    {"UTC", "2026-01-02T00:00Z", JANUARY + 86400},
    {"UTC", "2026-01-02T00:00+01:00", JANUARY + 86400 - 3600},
    {"UTC", "2026-01-02T00:00-0130", JANUARY + 86400 + 5400},
    {"UTC", "2028-02-29", 1835395200},
    {"UTC", "9999-12-31", 253402214400},
    {"Europe/Berlin", "2026-01-02", JANUARY + 86400 - 3600},
    {"Europe/Berlin", "2026-07-01", 1782856800},
    {"Europe/Berlin", "2026-07-01T00:00Z", 1782864000},
    {"<+0545>-5:45", "2026-01-02", JANUARY + 86400 - 5 * 3600 - 45 * 60},
    /* as the tool prints it */
    {"UTC", "2026-01-02 03:04 UTC", JANUARY + 86400 + 3 * 3600 + 4 * 60},
    {"UTC", "2026-01-02 03:04", JANUARY + 86400 + 3 * 3600 + 4 * 60},
    {"Europe/Berlin", "2026-01-02 03:04 CET", JANUARY + 86400 + 2 * 3600 + 4 * 60},
    {"Europe/Berlin", "2026-07-01 00:00 CEST", 1782856800},
    {"Europe/Berlin", "2026-07-01 00:00 UTC", 1782864000},
    {"<+0545>-5:45", "2026-01-02 00:00 +0545", JANUARY + 86400 - 5 * 3600 - 45 * 60},
    {"America/Sao_Paulo", "2026-01-02 00:00 -03", JANUARY + 86400 + 3 * 3600},
    /* around what summer time skips, and what exists twice */
    {"Europe/Berlin", "2026-03-29T01:59", 1774745940},
    {"Europe/Berlin", "2026-03-29T03:00", 1774746000},
    {"Europe/Berlin", "2026-10-25T02:30", 1792888200},
    {"Europe/Berlin", "2026-10-25 02:30 CEST", 1792888200},
    {"Europe/Berlin", "2026-10-25 02:30 CET", 1792891800},
    {"America/Santiago", "2026-09-06", 1788667200}, /* a day that begins at 01:00 */
};

START_TEST(is_understood)
{
    struct fault fault;
    int64_t when = 0;

    use_zone(good[_i].zone);
    ck_assert_msg(when_parse(good[_i].text, JANUARY, &when, &fault), "%s: %s", good[_i].text, fault.text);
    ck_assert_int_eq(when, good[_i].when);
}
END_TEST

static const char *const bad[] = {
    "",
    "90",
    "d",
    "0s",
    "-1d",
    "+1d",
    " 1d",
    "1d ",
    "1.5h",
    "1y",
    "01d",
    "9223372036854775807s",
    "99999999999999999999d",
    "NEVER",
    "tomorrow",
    "2025-12-31",
    "2026-01-01",
    "2026-1-2",
    "26-01-02",
    "2026-02-30",
    "2026-02-29",
    "2026-13-01",
    "2026-00-10",
    "2026-01-00",
    "2026-01-02T",
    "2026-01-02T3:04",
    "2026-01-02T24:00",
    "2026-01-02T23:60",
    "2026-01-02T23:59:60",
    "2026-01-02  03:04",
    "2026-01-02 03:04 ",
    "2026-01-02 03:04 CET",
    "2026-01-02 03:04 U",
    "2026-01-02 UTC",
    "2026-01-02T03:04z",
    "2026-01-02T03:04+1:00",
    "2026-01-02T03:04+15:00",
    "2026-01-02T03:04+01:60",
    "2026-01-02T03:04Zx",
    "2026-01-02Z",
    "0000-01-01",
};

START_TEST(is_refused)
{
    struct fault fault;
    int64_t when;

    use_zone("UTC");
    ck_assert(!when_parse(bad[_i], JANUARY, &when, &fault));
    ck_assert_str_ne(fault.text, "");
}
END_TEST

static const char *const no_days[] = {"2026-02-29", "2026-02-30", "2026-04-31", "2026-13-01", "2026-01-00"};

START_TEST(a_day_that_is_none)
{
    struct fault fault;
    int64_t when;

    use_zone("UTC");
    ck_assert(!when_parse(no_days[_i], JANUARY, &when, &fault));
    ck_assert_str_eq(fault.text, "no such day");
}
END_TEST

static const struct {
    const char *zone, *text, *says;
} skipped[] = {
    {"Europe/Berlin", "2026-03-29T02:00", "give 01:00 or 03:00"},
    {"Europe/Berlin", "2026-03-29T02:30", "give 01:30 or 03:30"},
    {"Europe/Berlin", "2026-03-29 02:59:59", "give 01:59 or 03:59"},
    {"Europe/Berlin", "2026-03-29 02:30 CET", "give 01:30 or 03:30"},
    {"Australia/Lord_Howe", "2026-10-04T02:10", "give 01:40 or 02:40"}, /* half an hour */
    {"America/Santiago", "2026-09-06T00:00", "give 23:00 or 01:00"},
};

START_TEST(an_hour_that_summer_time_skips)
{
    struct fault fault;
    int64_t when;

    use_zone(skipped[_i].zone);
    ck_assert(!when_parse(skipped[_i].text, JANUARY, &when, &fault));
    ck_assert_msg(strstr(fault.text, skipped[_i].says), "%s", fault.text);
}
END_TEST

/* What the tool prints can be typed again, whatever the zone; the seconds are lost. */
START_TEST(what_is_printed_is_understood)
{
    static const char *const zones[] = {"UTC", "Europe/Berlin", "America/Santiago", "Asia/Kathmandu",
                                        "Australia/Lord_Howe"};
    struct fault fault;
    char text[WHEN_SIZE];
    int64_t when;

    use_zone(zones[_i]);
    for (int64_t then = JANUARY + 60; then < JANUARY + 370 * 86400; then += 1800) {
        when_format_local(text, then);
        ck_assert_msg(when_parse(text, JANUARY, &when, &fault), "%s: %s", text, fault.text);
        ck_assert_msg(when == then, "%s", text);
    }
}
END_TEST

START_TEST(formats)
{
    char text[WHEN_SIZE];

    use_zone("Europe/Berlin");
    when_format_utc(text, JANUARY + 5);
    ck_assert_str_eq(text, "2026-01-01T00:00:05Z");
    when_format_local(text, JANUARY);
    ck_assert_str_eq(text, "2026-01-01 01:00 CET");
    when_format_local(text, JANUARY + 7 * 30 * 86400 + 59 * 60);
    ck_assert_str_eq(text, "2026-07-30 02:59 CEST");
    when_format_local(text, INT64_C(253402300800)); /* a year of five digits */
    ck_assert_str_eq(text, "10000-01-01 01:00 CET");
    when_format_local(text, TIME_NEVER);
    ck_assert_str_eq(text, "never");
    when_format_utc(text, INT64_C(253402300799));
    ck_assert_str_eq(text, "9999-12-31T23:59:59Z");
    when_format_utc(text, INT64_C(253402300800));
    ck_assert_str_eq(text, "10000-01-01T00:00:00Z");
    when_format_utc(text, TIME_NEVER - 1); /* a year that does not fit */
    ck_assert_str_eq(text, "9223372036854775806");
}
END_TEST

static const struct {
    int64_t seconds;
    const char *text;
} distances[] = {
    {0, "0s ago"},
    {-1, "1s ago"},
    {1, "in 1s"},
    {119, "in 119s"},
    {120, "in 2m"},
    {-7140, "119m ago"},
    {7200, "in 2h"},
    {-2 * 86400, "2d ago"},
    {90 * 86400, "in 90d"},
    {90 * 86400 - 1, "in 90d"},
    {90 * 86400 - 43201, "in 89d"},
    {2 * 86400 - 1, "in 2d"},
    {2 * 86400 - 3600, "in 47h"},
    {7199, "in 2h"},
    {7169, "in 119m"},
    {-36 * 3600, "36h ago"},
};

START_TEST(distance)
{
    char text[WHEN_SIZE / 2];

    when_format_distance(text, JANUARY + distances[_i].seconds, JANUARY);
    ck_assert_str_eq(text, distances[_i].text);
    when_format_distance(text, TIME_NEVER, JANUARY);
    ck_assert_str_eq(text, "never");
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

Suite *when_suite(void)
{
    Suite *suite = suite_create("when");
    TCase *test = tcase_create("when");

    tcase_add_loop_test(test, is_understood, 0, COUNT(good));
    tcase_add_loop_test(test, is_refused, 0, COUNT(bad));
    tcase_add_loop_test(test, a_day_that_is_none, 0, sizeof(no_days) / sizeof(no_days[0]));
    tcase_add_loop_test(test, an_hour_that_summer_time_skips, 0, COUNT(skipped));
    tcase_add_loop_test(test, what_is_printed_is_understood, 0, 5);
    tcase_add_test(test, formats);
    tcase_add_loop_test(test, distance, 0, COUNT(distances));
    suite_add_tcase(suite, test);
    return suite;
}
