/* The look through a configuration before libconfig has it. Where the two disagree on what is a comment or a
 * string, something gets past. */
#include "config_text.h"
#include "suites.h"

#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))
#define TEXT(literal) literal, sizeof(literal) - 1

static const struct {
    const char *text;
    size_t length;
    const char *says; /* NULL: nothing is wrong */
    unsigned line;
} texts[] = {
    {TEXT(""), NULL, 0},
    {TEXT("a = \"b\";\n"), NULL, 0},
    {TEXT("/* \\ */ a = 1; // \\ \n# \\ \n"), NULL, 0},
    {TEXT("# @include \"/etc\"\n// @include\n/* @include \n @include */\n"), NULL, 0},
    {TEXT("a = \"@include\";\n"), NULL, 0},
    {TEXT("a = \"// /* # \";\n"), NULL, 0},
    {TEXT("# \"\n"), NULL, 0},
    {TEXT("/* \" */ \n"), NULL, 0},
    {TEXT("// \"\na = \"b\";"), NULL, 0},
    {TEXT("\xc3\xa4"), NULL, 0},
    /* NUL */
    {TEXT("\0"), "NUL", 1},
    {TEXT("a\n\nb\0"), "NUL", 3},
    {TEXT("# \0\n"), "NUL", 1},
    {TEXT("/*\n\0*/"), "NUL", 2},
    {TEXT("\"\0\""), "NUL", 1},
    /* backslash */
    {TEXT("a = \"b\\\\c\";"), "backslash", 1},
    {TEXT("\na = \"\\x00\";"), "backslash", 2},
    {TEXT("a = \"\n\n\\\""), "backslash", 3},
    {TEXT("a = \"x\" \"\\n\";"), "backslash", 1},
    /* @include */
    {TEXT("@include \"/etc\"\n"), "@include", 1},
    {TEXT("\n  \t@include \"x\"\n"), "@include", 2},
    {TEXT("a = 1; @include"), "@include", 1},
    {TEXT("/**/@include"), "@include", 1},
    {TEXT("\"\"@include"), "@include", 1},
    {TEXT("//\n@include"), "@include", 2},
    {TEXT("#\r\n@include"), "@include", 2},
    /* "/" + "*" + "/" opens a comment and does not close it; the end of one opens no other */
    {TEXT("/*/ \"\n*/\n@include \"/etc\"\n/* \" */\n"), "@include", 3},
    {TEXT("/* */ a = \"x\"; /**//**/ b = \"\n\"; \n@include \"/etc\"\n"), "@include", 3},
    {TEXT("/* x *//* y */ a = \"/a\\x00b\";\n"), "backslash", 1},
    {TEXT("/**/ a = \"\\\";"), "backslash", 1},
    {TEXT("/***/ a = \"\\\";"), "backslash", 1},
    {TEXT("/****/ a = \"\\\";"), "backslash", 1},
    {TEXT("/* **/ a = \"\\\";"), "backslash", 1},
    {TEXT("/* *//"), NULL, 0},
    {TEXT("/*/ \\ */"), NULL, 0},
    {TEXT("/"), NULL, 0},
    {TEXT("/*"), NULL, 0},
    {TEXT("/* *"), NULL, 0},
    {TEXT("@"), NULL, 0},
    {TEXT("@includ"), NULL, 0},
};

START_TEST(text_is_looked_through)
{
    unsigned line = 0;
    const char *wrong = config_text_wrong(texts[_i].text, texts[_i].length, &line);

    if (!texts[_i].says) {
        ck_assert_msg(!wrong, "%s: %s", texts[_i].text, wrong);
        return;
    }
    ck_assert_msg(wrong && strstr(wrong, texts[_i].says), "%s: %s", texts[_i].text,
                  wrong ? wrong : "accepted");
    ck_assert_uint_eq(line, texts[_i].line);
}
END_TEST

Suite *config_text_suite(void)
{
    Suite *suite = suite_create("config_text");
    TCase *text = tcase_create("text");

    tcase_add_loop_test(text, text_is_looked_through, 0, LENGTH(texts));
    suite_add_tcase(suite, text);
    return suite;
}
