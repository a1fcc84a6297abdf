/* Words of other tools, and what they mean here. */
#include "terminal/meant.h"

#include "fixture.h"
#include "suites.h"

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

static const char *const names[] = {"create", "list", "revoke", "show", "label", "expires", "version", "yes"};

static const struct {
    const char *word, *meant;
} words[] = {
    {"ls", "list"},     {"rm", "revoke"},    {"delete", "revoke"},
    {"add", "create"},  {"new", "create"},   {"name", "label"},
    {"ttl", "expires"}, {"force", "yes"},    {"lsit", "list"},
    {"LIST", "list"},   {"revok", "revoke"}, {"owner", NULL},
    {"", NULL},         {"xyzzy", NULL},     {"repair", NULL} /* no mend among the names */,
};

START_TEST(what_was_meant)
{
    const char *meant = meant_name(words[_i].word, names, LENGTH(names));

    if (words[_i].meant)
        ck_assert_pstr_eq(meant, words[_i].meant);
    else
        ck_assert_ptr_null(meant);
}
END_TEST

START_TEST(letters)
{
    ck_assert_pstr_eq(meant_letter('V', names, LENGTH(names)), "version");
    ck_assert_pstr_eq(meant_letter('v', names, LENGTH(names)), "version");
    ck_assert_pstr_eq(meant_letter('f', names, LENGTH(names)), "yes");
    ck_assert_ptr_null(meant_letter('j', names, LENGTH(names)));
    ck_assert_ptr_null(meant_letter('V', names, 1));
    ck_assert_ptr_null(meant_letter('Z', names, LENGTH(names)));
}
END_TEST

Suite *meant_suite(void)
{
    Suite *suite = suite_create("meant");
    TCase *meant = tcase_create("meant");

    tcase_add_loop_test(meant, what_was_meant, 0, LENGTH(words));
    tcase_add_test(meant, letters);
    suite_add_tcase(suite, meant);
    return suite;
}
