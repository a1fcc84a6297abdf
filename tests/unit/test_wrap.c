#include "suites.h"
#include "terminal/wrap.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    size_t width;
    const char *lines; /* with "/" between them */
} texts[] = {
    {"CI deploy", 9, "CI deploy"},
    {"CI deploy", 8, "CI/deploy"},
    {"CI deploy", 2, "CI/de/pl/oy"},
    {"one two three", 7, "one two/three"},
    {"one two three", 8, "one two/three"},
    {"one   two", 4, "one/two"},
    {"one   two", 9, "one   two"},
    {"read,write,admin", 11, "read,write,/admin"},
    {"read,write,admin", 10, "read,/write,/admin"},
    {"read,write,admin", 5, "read,/write/,/admin"},
    {"verylongword", 5, "veryl/ongwo/rd"},
    {"a verylongword", 6, "a/verylo/ngword"},
    {" leading", 5, " lead/ing"},
    {"trailing   ", 8, "trailing"},
    {"日本語 日本", 6, "日本語/日本"},
    {"日本語", 5, "日本/語"},
    {"日本語", 1, "日/本/語"},
    {"ae\u0301b", 2, "ae\u0301/b"}, /* a mark stays with its letter */
    {"\xff\xff", 1, "\xff\xff"},
};

START_TEST(breaks)
{
    struct span rest = span_of(texts[_i].text);
    char lines[64] = "";

    setlocale(LC_CTYPE, "C.UTF-8");
    while (rest.length > 0) {
        struct span line = wrap_line(&rest, texts[_i].width);

        if (lines[0])
            strcat(lines, "/");
        strncat(lines, line.at, line.length);
    }
    ck_assert_str_eq(lines, texts[_i].lines);
}
END_TEST

START_TEST(widths)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    ck_assert_uint_eq(wrap_width(span_of("")), 0);
    ck_assert_uint_eq(wrap_width(span_of("CI deploy")), 9);
    ck_assert_uint_eq(wrap_width(span_of("日本")), 4);
    ck_assert_uint_eq(wrap_width(span_of("e\u0301")), 1);
    ck_assert_uint_eq(wrap_width(span_of("\xff")), 0);
}
END_TEST

Suite *wrap_suite(void)
{
    Suite *suite = suite_create("wrap");
    TCase *test = tcase_create("wrap");

    tcase_add_loop_test(test, breaks, 0, (int)(sizeof(texts) / sizeof(texts[0])));
    tcase_add_test(test, widths);
    suite_add_tcase(suite, test);
    return suite;
}
