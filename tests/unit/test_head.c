#include "store/head.h"
#include "suites.h"

#include <string.h>

#define CHAIN "000102030405060708090a0b0c0d0e0f"

static const unsigned char chain[CHAIN_SIZE] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const unsigned char another[CHAIN_SIZE] = {1};

START_TEST(head_comes_back)
{
    struct expected_head expect;
    char text[HEAD_SIZE];

    head_format(text, 3, 17, chain);
    ck_assert_str_eq(text, "3:17:" CHAIN);
    ck_assert(head_parse(&expect, text));
    ck_assert_uint_eq(expect.epoch, 3);
    ck_assert_uint_eq(expect.n, 17);
    ck_assert_mem_eq(expect.chain, chain, CHAIN_SIZE);
    head_format(text, UINT64_MAX, UINT64_MAX, chain);
    ck_assert(head_parse(&expect, text));
}
END_TEST

static const char *const no_heads[] = {
    "",
    "3:17",
    "3:17:",
    ":17:" CHAIN,
    "3::" CHAIN,
    "03:17:" CHAIN,
    "3:017:" CHAIN,
    "3:17:" CHAIN "0",
    "3:17:0001",
    "x:17:" CHAIN,
    "3:17:" CHAIN "\n",
    "-3:17:" CHAIN,
    "18446744073709551616:17:" CHAIN,
    "3:17:000102030405060708090A0B0C0D0E0F",
};

START_TEST(is_no_head)
{
    struct expected_head expect;

    ck_assert(!head_parse(&expect, no_heads[_i]));
}
END_TEST

/* A log of epoch 3 that goes on after line 10 up to line 20, in which each chain is `chain`. */
static enum answer ask(uint64_t epoch, uint64_t n, const unsigned char expected[CHAIN_SIZE])
{
    struct header header = {.epoch = 3, .base = 10};
    struct expected_head expect = {.epoch = epoch, .n = n, .answer = ANSWER_PENDING};

    memcpy(expect.chain, expected, CHAIN_SIZE);
    memcpy(header.basechain, chain, CHAIN_SIZE);
    head_see_header(&expect, &header);
    for (uint64_t i = 11; i <= 20; i++)
        head_see_line(&expect, i, chain);
    head_see_end(&expect);
    return expect.answer;
}

START_TEST(answers)
{
    ck_assert_int_eq(ask(3, 10, chain), ANSWER_YES);
    ck_assert_int_eq(ask(3, 15, chain), ANSWER_YES);
    ck_assert_int_eq(ask(3, 20, chain), ANSWER_YES);
    ck_assert_int_eq(ask(3, 10, another), ANSWER_NO);
    ck_assert_int_eq(ask(3, 15, another), ANSWER_NO);
    ck_assert_int_eq(ask(3, 21, chain), ANSWER_NO);
    ck_assert_int_eq(ask(4, 15, chain), ANSWER_NO);
    ck_assert_int_eq(ask(3, 9, chain), ANSWER_CANNOT_TELL);
    ck_assert_int_eq(ask(3, 0, chain), ANSWER_CANNOT_TELL);
    ck_assert_int_eq(ask(2, 15, chain), ANSWER_CANNOT_TELL);
}
END_TEST

Suite *head_suite(void)
{
    Suite *suite = suite_create("head");
    TCase *test = tcase_create("expect");

    tcase_add_test(test, head_comes_back);
    tcase_add_loop_test(test, is_no_head, 0, (int)(sizeof(no_heads) / sizeof(no_heads[0])));
    tcase_add_test(test, answers);
    suite_add_tcase(suite, test);
    return suite;
}
