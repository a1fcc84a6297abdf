#include "panel/distance.h"
#include "suites.h"

enum { NOW = 1767225600, HOUR = 3600, DAY = 24 * HOUR }; /* 2026-01-01T00:00:00Z */

static const struct {
    const char *time, *text;
} distances[] = {
    {"2026-01-04T00:00:00Z", "in 3 days"},
    {"2026-01-03T23:59:50Z", "in 3 days"},
    {"2026-01-02T23:00:00Z", "in 47 hours"},
    {"2026-01-01T02:00:00Z", "in 2 hours"},
    {"2026-01-01T01:59:00Z", "in 119 minutes"},
    {"2026-01-01T00:01:00Z", "in 1 minute"},
    {"2026-01-01T00:00:01Z", "in less than a minute"},
    {"2026-01-01T00:00:00Z", "less than a minute ago"},
    {"2025-12-31T23:55:00Z", "5 minutes ago"},
    {"2025-12-31T23:58:59Z", "1 minute ago"},
    {"2025-01-01T00:00:00Z", "365 days ago"},
    {"9999-12-31T23:59:59Z", "in 2912443 days"},
    {"", ""},
    {"never", ""},
    {"2026-01-04T00:00:00", ""},
    {"2026-01-04T00:00:00Zx", ""},
};

START_TEST(texts)
{
    char text[DISTANCE_SIZE];

    ck_assert_int_eq(distance_text(text, distances[_i].time, NOW), distances[_i].text[0] != '\0');
    ck_assert_str_eq(text, distances[_i].text);
}
END_TEST

START_TEST(within)
{
    ck_assert(distance_within("2026-01-03T23:59:59Z", NOW, 3 * DAY));
    ck_assert(!distance_within("2026-01-04T00:00:00Z", NOW, 3 * DAY));
    ck_assert(!distance_within("2026-01-01T00:00:00Z", NOW, 3 * DAY));
    ck_assert(!distance_within("2025-12-31T23:59:59Z", NOW, 3 * DAY));
    ck_assert(!distance_within("", NOW, 3 * DAY));
}
END_TEST

Suite *panel_distance_suite(void)
{
    Suite *suite = suite_create("panel_distance");
    TCase *test = tcase_create("distance");

    tcase_add_loop_test(test, texts, 0, sizeof(distances) / sizeof(distances[0]));
    tcase_add_test(test, within);
    suite_add_tcase(suite, test);
    return suite;
}
