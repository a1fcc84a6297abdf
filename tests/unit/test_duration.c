#include "duration.h"
#include "suites.h"

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *text;
    int64_t seconds; /* -1: refused */
} durations[] = {
    {"0s", 0},
    {"1s", 1},
    {"90s", 90},
    {"2m", 120},
    {"24h", 86400},
    {"90d", 90 * 86400},
    {"2w", 14 * 86400},
    {"365d", 365 * 86400},
    {"366000d", 31622400000},
    {"366001d", -1},
    {"31622400000s", 31622400000},
    {"31622400001s", -1},
    {"52285w", INT64_C(52285) * 7 * 86400},
    {"52286w", -1},
    {"9223372036854775807s", -1},
    {"18446744073709551615s", -1},
    {"18446744073709551616s", -1},
    {"18446744073709551617s", -1},
    {"30500568904944w", -1}, /* 2^64 seconds and a few */
    {"", -1},
    {"s", -1},
    {"d", -1},
    {"90", -1},
    {"0", -1},
    {"90 d", -1},
    {" 90d", -1},
    {"90d ", -1},
    {"90D", -1},
    {"90y", -1},
    {"90days", -1},
    {"+90d", -1},
    {"-90d", -1},
    {"090d", -1},
    {"00s", -1},
    {"1.5h", -1},
    {"1h30m", -1},
    {"1,000s", -1},
    {"0x10s", -1},
    {"1e3s", -1},
    {"d90", -1},
    {"never", -1},
};

START_TEST(length_of_time)
{
    int64_t seconds = -1;

    ck_assert_msg(duration_parse(span_of(durations[_i].text), &seconds) == (durations[_i].seconds >= 0), "%s",
                  durations[_i].text);
    ck_assert_int_eq(seconds, durations[_i].seconds);
}
END_TEST

static const struct {
    int64_t seconds;
    const char *text;
} formats[] = {
    {1, "1s"},           {90, "90s"},       {120, "2m"},
    {3600, "1h"},        {129600, "36h"},   {86400, "1d"},
    {90 * 86400, "90d"}, {86401, "86401s"}, {DURATION_MAX, "366000d"},
};

START_TEST(written_in_its_greatest_unit)
{
    char text[DURATION_TEXT_SIZE];
    int64_t seconds;

    duration_format(text, formats[_i].seconds);
    ck_assert_str_eq(text, formats[_i].text);
    ck_assert(duration_parse(span_of(text), &seconds));
    ck_assert_int_eq(seconds, formats[_i].seconds);
}
END_TEST

Suite *duration_suite(void)
{
    Suite *suite = suite_create("duration");
    TCase *duration = tcase_create("duration");

    tcase_add_loop_test(duration, length_of_time, 0, LENGTH(durations));
    tcase_add_loop_test(duration, written_in_its_greatest_unit, 0, LENGTH(formats));
    suite_add_tcase(suite, duration);
    return suite;
}
