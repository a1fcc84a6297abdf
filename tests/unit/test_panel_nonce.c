#include "panel/nonce.h"
#include "suites.h"

#include <string.h>

enum { NOW = 5000 };

static struct nonces nonces;
static const struct purpose create = {"alice@example.com", "create", "example.com", ""};

static void start(void)
{
    nonces_start(&nonces);
}

static enum nonce_answer use(const struct purpose *purpose, const char *text, int64_t now)
{
    struct nonce_used *used;

    return nonce_use(&nonces, purpose, text, now, &used);
}

START_TEST(once)
{
    struct nonce_used *used, *again;
    char text[NONCE_SIZE];

    nonce_make(&nonces, &create, NOW, text);
    ck_assert_uint_eq(strlen(text), NONCE_SIZE - 1);
    ck_assert_int_eq(nonce_use(&nonces, &create, text, NOW + 1, &used), NONCE_GOOD);
    strcpy(used->result, "Qfj7et6GnHPH");
    ck_assert_int_eq(nonce_use(&nonces, &create, text, NOW + 2, &again), NONCE_USED);
    ck_assert_ptr_eq(used, again);
    ck_assert_str_eq(again->result, "Qfj7et6GnHPH");
}
END_TEST

START_TEST(each_is_another)
{
    char one[NONCE_SIZE], other[NONCE_SIZE];

    nonce_make(&nonces, &create, NOW, one);
    nonce_make(&nonces, &create, NOW, other);
    ck_assert_str_ne(one, other);
    ck_assert_int_eq(use(&create, one, NOW), NONCE_GOOD);
    ck_assert_int_eq(use(&create, other, NOW), NONCE_GOOD);
}
END_TEST

START_TEST(two_hours)
{
    char text[NONCE_SIZE];

    nonce_make(&nonces, &create, NOW, text);
    ck_assert_int_eq(use(&create, text, NOW + NONCE_LIFE + 1), NONCE_OLD);
    ck_assert_int_eq(use(&create, text, NOW + NONCE_LIFE), NONCE_GOOD);
    ck_assert_int_eq(use(&create, text, NOW + NONCE_LIFE), NONCE_USED);
    ck_assert_int_eq(use(&create, text, NOW + NONCE_LIFE + 1), NONCE_OLD);
}
END_TEST

static const struct purpose others[] = {
    {"alice@example.co", "create", "example.com", ""},
    {"bob", "create", "example.com", ""},
    {"alice@example.com", "revoke", "example.com", ""},
    {"alice@example.com", "create", "intern", ""},
    {"alice@example.com", "create", "example.com", "Qfj7et6GnHPH"},
    {"alice@example.comcreate", "", "example.com", ""},
};

START_TEST(for_one_purpose)
{
    char text[NONCE_SIZE];

    nonce_make(&nonces, &create, NOW, text);
    ck_assert_int_eq(use(&others[_i], text, NOW), NONCE_OLD);
    ck_assert_int_eq(use(&create, text, NOW), NONCE_GOOD);
}
END_TEST

START_TEST(forged)
{
    char text[NONCE_SIZE], changed[NONCE_SIZE + 1];

    nonce_make(&nonces, &create, NOW, text);
    for (size_t i = 0; i < NONCE_SIZE - 1; i++) {
        strcpy(changed, text);
        changed[i] = changed[i] == '0' ? '1' : '0';
        MUST(use(&create, changed, NOW) == NONCE_OLD);
    }
    ck_assert_int_eq(use(&create, "", NOW), NONCE_OLD);
    strcpy(changed, text);
    strcat(changed, "0");
    ck_assert_int_eq(use(&create, changed, NOW), NONCE_OLD);
    changed[NONCE_SIZE - 2] = '\0';
    ck_assert_int_eq(use(&create, changed, NOW), NONCE_OLD);
    ck_assert_int_eq(use(&create, text, NOW), NONCE_GOOD);
}
END_TEST

START_TEST(another_run)
{
    char text[NONCE_SIZE];

    nonce_make(&nonces, &create, NOW, text);
    nonces_start(&nonces);
    ck_assert_int_eq(use(&create, text, NOW), NONCE_OLD);
}
END_TEST

static enum nonce_answer use_new(const struct purpose *purpose, int64_t now)
{
    char text[NONCE_SIZE];

    nonce_make(&nonces, purpose, now, text);
    return use(purpose, text, now);
}

/* None is forgotten while it would be good; and one user leaves room for others, and they for more. */
START_TEST(full)
{
    static const struct purpose bob = {"bob", "create", "example.com", ""},
                                carol = {"carol", "create", "example.com", ""};
    static char first[NONCE_SIZE];

    nonce_make(&nonces, &create, NOW, first);
    MUST(use(&create, first, NOW) == NONCE_GOOD);
    for (int i = 1; i < NONCES_MAX / 2; i++)
        MUST(use_new(&create, NOW) == NONCE_GOOD);
    ck_assert_int_eq(use_new(&create, NOW + 10), NONCE_FULL);
    ck_assert_int_eq(use(&create, first, NOW + 10), NONCE_USED);
    for (int i = 0; i < NONCES_MAX / 4; i++)
        MUST(use_new(&bob, NOW + 10) == NONCE_GOOD);
    ck_assert_int_eq(use_new(&bob, NOW + 10), NONCE_FULL);
    ck_assert_int_eq(use_new(&carol, NOW + 10), NONCE_GOOD);
    ck_assert_int_eq(use_new(&create, NOW + NONCE_LIFE), NONCE_FULL);
    ck_assert_int_eq(use_new(&create, NOW + NONCE_LIFE + 1), NONCE_GOOD);
}
END_TEST

/* Soon after the machine has started, the clock is near 0. */
START_TEST(from_the_beginning)
{
    char text[NONCE_SIZE];

    nonce_make(&nonces, &create, 0, text);
    ck_assert_int_eq(use(&create, text, 0), NONCE_GOOD);
    ck_assert_int_eq(use(&create, text, 0), NONCE_USED);
}
END_TEST

Suite *panel_nonce_suite(void)
{
    Suite *suite = suite_create("panel_nonce");
    TCase *test = tcase_create("nonce");

    tcase_add_checked_fixture(test, start, NULL);
    tcase_add_test(test, once);
    tcase_add_test(test, each_is_another);
    tcase_add_test(test, two_hours);
    tcase_add_loop_test(test, for_one_purpose, 0, sizeof(others) / sizeof(others[0]));
    tcase_add_test(test, forged);
    tcase_add_test(test, another_run);
    tcase_add_test(test, full);
    tcase_add_test(test, from_the_beginning);
    suite_add_tcase(suite, test);
    return suite;
}
