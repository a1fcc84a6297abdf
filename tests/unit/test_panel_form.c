#include "panel/form.h"
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In memory of just that size: a sanitizer sees one step too far. */
static bool parse(struct form *form, const char *text, char **copy)
{
    size_t length = strlen(text);

    *copy = malloc(length + 1);
    ck_assert_ptr_nonnull(*copy);
    memcpy(*copy, text, length);
    (*copy)[length] = 'x'; /* no NUL is needed */
    return form_parse(form, *copy, length);
}

START_TEST(fields)
{
    struct form form;
    char *copy;

    ck_assert(parse(&form, "label=CI+deploy%21&empty=&a=b%3Dc%26d=e", &copy));
    ck_assert_uint_eq(form.count, 3);
    ck_assert_str_eq(form_value(&form, "label"), "CI deploy!");
    ck_assert_str_eq(form_value(&form, "empty"), "");
    ck_assert_str_eq(form_value(&form, "a"), "b=c&d=e");
    ck_assert_ptr_null(form_value(&form, "none"));
    ck_assert_str_eq(form_text(&form, "none"), "");
    free(copy);
}
END_TEST

static const char *const good[] = {"", "a=", "a=%e2%82%AC", "%61=b", "a=1&b=2&", "a===", "a=\xc3\xbc"};

START_TEST(good_ones)
{
    struct form form;
    char *copy;

    ck_assert(parse(&form, good[_i], &copy));
    free(copy);
}
END_TEST

static const char *const bad[] = {
    "a",     "=",    "=b",    "a=b&&c=d", "&",        "a=%",     "a=%4",      "a=%4&b=1", "a=%zz",
    "a=%00", "a=%0", "%00=a", "a=%ff",    "a=%c0%bc", "a=1&a=2", "a=1&%61=2", "a=\xff",   "a=%ed%a0%80",
};

START_TEST(bad_ones)
{
    struct form form;
    char *copy;

    ck_assert(!parse(&form, bad[_i], &copy));
    free(copy);
}
END_TEST

START_TEST(too_many)
{
    char text[FORM_FIELDS_MAX * 8 + 16] = "", *end = text, *copy;
    struct form form;

    for (int i = 0; i < FORM_FIELDS_MAX; i++)
        end += sprintf(end, "%s%d=1", i > 0 ? "&" : "", i);
    ck_assert(parse(&form, text, &copy));
    ck_assert_uint_eq(form.count, FORM_FIELDS_MAX);
    free(copy);
    strcpy(end, "&one=more");
    ck_assert(!parse(&form, text, &copy));
    free(copy);
}
END_TEST

START_TEST(encoded_and_back)
{
    static const char text[] = "a b&c=d%e+f\"<\xc3\xbc/?#";
    char *encoded = form_encoded(text), *copy, query[128];
    struct form form;

    snprintf(query, sizeof(query), "q=%s", encoded);
    ck_assert_uint_eq(strcspn(encoded, " &=+\"<>'/?#"), strlen(encoded));
    ck_assert(parse(&form, query, &copy));
    ck_assert_str_eq(form_value(&form, "q"), text);
    free(copy);
    free(encoded);
}
END_TEST

#define BODY "0123456789012345678901234567890123456789012345678901234567890"

static const struct {
    const char *value;
    bool hidden;
} pasted[] = {
    {"tok_" BODY, true},          {"x tok_" BODY " y", true}, {"_" BODY, true},
    {"tok__" BODY, true},         {"tok_x tok_" BODY, true},  {"tok_" BODY "0", true},
    {"%22tok_" BODY "%22", true}, {"tok_0 " BODY, false},     {"tok_", false},
    {BODY BODY, false},           {"CI_deploy", false},       {"_0123456789-" BODY, false},
};

START_TEST(tokens)
{
    char text[256], *copy;
    struct form form;

    snprintf(text, sizeof(text), "a=kept&label=%s&b=%s", pasted[_i].value, pasted[_i].value);
    ck_assert(parse(&form, text, &copy));
    if (pasted[_i].hidden) {
        ck_assert_str_eq(form_hide_tokens(&form), "label");
        ck_assert_str_eq(form_text(&form, "label"), "");
        ck_assert_str_eq(form_text(&form, "b"), "");
    } else {
        ck_assert_ptr_null(form_hide_tokens(&form));
        ck_assert_str_ne(form_text(&form, "label"), "");
    }
    ck_assert_str_eq(form_text(&form, "a"), "kept");
    free(copy);
}
END_TEST

Suite *panel_form_suite(void)
{
    Suite *suite = suite_create("panel_form");
    TCase *test = tcase_create("form");

    tcase_add_test(test, fields);
    tcase_add_loop_test(test, good_ones, 0, sizeof(good) / sizeof(good[0]));
    tcase_add_loop_test(test, bad_ones, 0, sizeof(bad) / sizeof(bad[0]));
    tcase_add_test(test, too_many);
    tcase_add_test(test, encoded_and_back);
    tcase_add_loop_test(test, tokens, 0, sizeof(pasted) / sizeof(pasted[0]));
    suite_add_tcase(suite, test);
    return suite;
}
