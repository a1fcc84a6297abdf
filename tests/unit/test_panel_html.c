#include "panel/html.h"
#include "suites.h"

#include <signal.h>
#include <string.h>

static struct page page;

static void start(void)
{
    page = (struct page){0};
}

static void end(void)
{
    page_free(&page);
}

static void expect(const char *text)
{
    ck_assert_uint_eq(page.length, strlen(text));
    ck_assert_mem_eq(page.text, text, page.length);
}

START_TEST(literals)
{
    markup(&page, "<p>");
    markup(&page, "$ & \"</p>\n");
    expect("<p>$ & \"</p>\n");
}
END_TEST

static const struct {
    const char *value, *written;
} values[] = {
    {"", ""},
    {"CI deploy", "CI deploy"},
    {"<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
    {"\" onclick=\"x", "&quot; onclick=&quot;x"},
    {"' a & b", "&#39; a &amp; b"},
    {"&amp;", "&amp;amp;"},
    {"$", "$"},
    {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
    {"\xf0\x9f\x94\x91", "\xf0\x9f\x94\x91"},
    {"a\nb\x7f", "a\xef\xbf\xbd"
                 "b\xef\xbf\xbd"},
    {"\xc2\x85", "\xef\xbf\xbd"},
    {"\xff<", "\xef\xbf\xbd&lt;"},
    {"\xc0\xbc", "\xef\xbf\xbd\xef\xbf\xbd"}, /* an overlong < */
    {"\xe2\x80\xae"
     "x",
     "\xef\xbf\xbd"
     "x"},                            /* U+202E */
    {"\xe2\x81\xa6", "\xef\xbf\xbd"}, /* U+2066 */
};

START_TEST(escapes)
{
    with(&page, "$", values[_i].value);
    expect(values[_i].written);
}
END_TEST

START_TEST(in_their_places)
{
    with(&page, "<a href=\"$\">$</a>$", "a", "<", "");
    expect("<a href=\"a\">&lt;</a>");
}
END_TEST

/* More room is taken, and what was written stays. */
START_TEST(long_pages)
{
    for (int i = 0; i < 10000; i++)
        with(&page, "<li>$</li>", "&");
    ck_assert_uint_eq(page.length, 10000 * strlen("<li>&amp;</li>"));
    for (size_t i = 0; i < 10000; i++)
        MUST(memcmp(page.text + i * 14, "<li>&amp;</li>", 14) == 0);
}
END_TEST

START_TEST(too_few)
{
    with(&page, "$ $", "one");
}
END_TEST

START_TEST(too_many)
{
    with(&page, "$", "one", "two");
}
END_TEST

Suite *panel_html_suite(void)
{
    Suite *suite = suite_create("panel_html");
    TCase *test = tcase_create("html");

    tcase_add_checked_fixture(test, start, end);
    tcase_add_test(test, literals);
    tcase_add_loop_test(test, escapes, 0, sizeof(values) / sizeof(values[0]));
    tcase_add_test(test, in_their_places);
    tcase_add_test(test, long_pages);
    tcase_add_test_raise_signal(test, too_few, SIGABRT);
    tcase_add_test_raise_signal(test, too_many, SIGABRT);
    suite_add_tcase(suite, test);
    return suite;
}
