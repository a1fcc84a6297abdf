#include "suites.h"
#include "terminal/say.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text, *shown;
} texts[] = {
    {"", ""},
    {"CI | 50% \"\\ 日本 🦊", "CI | 50% \"\\ 日本 🦊"},
    {"\x1b[31m", "\\x1b[31m"},
    {"a\nb\r\t\x7f", "a\\x0ab\\x0d\\x09\\x7f"},
    {"\xc2\x9b", "\\u{9B}"},       /* CSI as one character */
    {"\xe2\x80\xae", "\\u{202E}"}, /* turns what follows around */
    {"\xe2\x81\xa6\xe2\x80\xa8", "\\u{2066}\\u{2028}"},
    {"\xff\xfe", "\\xff\\xfe"},
    {"\xe2\x82", "\\xe2\\x82"},          /* cut off */
    {"\xc0\xaf", "\\xc0\\xaf"},          /* overlong */
    {"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* a surrogate */
    {"e\xcc\x81", "e\xcc\x81"},
    {"a\u200bb\u00adc\ufeffd", "a\\u{200B}b\\u{AD}c\\u{FEFF}d"}, /* nobody sees these */
    {"\u2060\u206f\ufff9", "\\u{2060}\\u{206F}\\u{FFF9}"},
    {"\U000e0041\U0001d173", "\\u{E0041}\\u{1D173}"},
    {"👩\u200d💻 می\u200cخواهم", "👩\u200d💻 می\u200cخواهم"},
};

START_TEST(is_shown_as)
{
    char *shown = showable(span_of(texts[_i].text));

    ck_assert_str_eq(shown, texts[_i].shown);
    free(shown);
}
END_TEST

START_TEST(a_nul_is_shown)
{
    char *shown = showable((struct span){"a\0b", 3});

    ck_assert_str_eq(shown, "a\\x00b");
    free(shown);
}
END_TEST

/* Each code point alone becomes something printable, of the length that was reserved for it. */
START_TEST(every_character)
{
    char text[2] = "";

    for (int byte = 1; byte < 256; byte++) {
        char *shown;

        text[0] = (char)byte;
        shown = showable(span_of(text));
        for (const char *at = shown; *at; at++)
            ck_assert_msg(*at >= 0x20 && *at < 0x7f, "byte %d", byte);
        free(shown);
    }
}
END_TEST

Suite *say_suite(void)
{
    Suite *suite = suite_create("say");
    TCase *test = tcase_create("say");

    tcase_add_loop_test(test, is_shown_as, 0, (int)(sizeof(texts) / sizeof(texts[0])));
    tcase_add_test(test, a_nul_is_shown);
    tcase_add_test(test, every_character);
    suite_add_tcase(suite, test);
    return suite;
}
