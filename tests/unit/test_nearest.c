#include "nearest.h"
#include "suites.h"

#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

static const char *const names[] = {"name", "prefix", "admins", "scopes", "default_lifetime", "max_lifetime"};

static const struct {
    const char *word, *meant; /* NULL: nobody can know */
} words[] = {
    {"name", "name"},
    {"nam", "name"},
    {"names", "name"},
    {"nmae", "name"},
    {"Name", "name"},
    {"prefx", "prefix"},
    {"perfix", "prefix"},
    {"preffix", "prefix"},
    {"admin", "admins"},
    {"scope", "scopes"},
    {"default_life", "default_lifetime"},
    {"default_lifetmie", "default_lifetime"},
    {"maxlifetime", "max_lifetime"},
    {"max-lifetime", "max_lifetime"},
    {"MAX_LIFETIME", "max_lifetime"},
    {"x", NULL},
    {"", NULL},
    {"colour", NULL},
    {"something_else_entirely", NULL},
};

START_TEST(what_was_meant)
{
    const char *meant = nearest_name(words[_i].word, names, LENGTH(names));

    if (words[_i].meant)
        ck_assert_pstr_eq(meant, words[_i].meant);
    else
        ck_assert_ptr_null(meant);
}
END_TEST

START_TEST(among_none_and_among_long_ones)
{
    char word[1000], name[1000];
    const char *const one[] = {name};

    memset(word, 'a', sizeof(word));
    word[sizeof(word) - 1] = '\0';
    memcpy(name, word, sizeof(name));
    ck_assert_ptr_null(nearest_name("name", names, 0));
    ck_assert_ptr_null(nearest_name(word, names, LENGTH(names)));
    nearest_name(word, one, 1); /* whatever it says: neither is cut nor overrun */
    name[63] = '\0';
    word[62] = '\0';
    ck_assert_ptr_eq(nearest_name(word, one, 1), name);
}
END_TEST

/* Of two that are as near, the first is named. */
START_TEST(order_decides)
{
    static const char *const two[] = {"abcd", "abce"};

    ck_assert_str_eq(nearest_name("abc", two, 2), "abcd");
    ck_assert_str_eq(nearest_name("abce", two, 2), "abce");
}
END_TEST

Suite *nearest_suite(void)
{
    Suite *suite = suite_create("nearest");
    TCase *nearest = tcase_create("nearest");

    tcase_add_loop_test(nearest, what_was_meant, 0, LENGTH(words));
    tcase_add_test(nearest, among_none_and_among_long_ones);
    tcase_add_test(nearest, order_decides);
    suite_add_tcase(suite, nearest);
    return suite;
}
