/* The tokens of a store as the tool keeps them while it reads the lines. */
#include "store/token_table.h" /* before check.h, which has a macro fail() */

#include "fixture.h"
#include "suites.h"

#include <stdio.h>

static struct tokens tokens;

static void setup(void)
{
    token_table_make(&tokens, 0, false);
}

static void teardown(void)
{
    tokens_free(&tokens);
}

/* What differs between lines. */
struct written {
    uint64_t n, id, serial;
    const char *revoked, *label, *hash;
};

static void take(const struct written *written)
{
    char text[LINE_SIZE_MAX];
    struct line line;
    int length = snprintf(
        text, sizeof(text),
        "%d|%012d|C|%s%063d|%d|7|8|%s|9|root/0/-|read,write|::1|bob|%s|why||x|0|%032d|%032d\n",
        (int)written->n, (int)written->id, written->hash ? written->hash : "0", 1, (int)written->serial,
        written->revoked ? written->revoked : "-", written->label ? written->label : "CI", 0, 0);

    ck_assert(line_split(&line, text, (size_t)length));
    token_table_take(&tokens, &line, written->n);
}

static const struct token *find(int id)
{
    char text[ID_LENGTH + 1];

    snprintf(text, sizeof(text), "%012d", id);
    return tokens_find(&tokens, text);
}

#define TAKE(...) take(&(struct written){__VA_ARGS__})

START_TEST(what_a_line_says)
{
    static const unsigned char hash[HASH_SIZE] = {[HASH_SIZE - 1] = 1};
    struct record record;

    TAKE(.n = 5, .id = 3, .serial = 4, .revoked = "12", .label = "C%7CI");
    ck_assert_uint_eq(tokens.count, 1);
    ck_assert_uint_eq(tokens.list[0].n, 5);
    ck_assert(token_record(find(3), &record));
    ck_assert_str_eq(record.id, "000000000003");
    ck_assert_mem_eq(record.hash, hash, HASH_SIZE);
    ck_assert_uint_eq(record.serial, 4);
    ck_assert_int_eq(record.created, 7);
    ck_assert_int_eq(record.expires, 8);
    ck_assert_int_eq(record.revoked, 12);
    ck_assert(span_equals(record.by, "root/0/-"));
    ck_assert(span_equals(record.scopes, "read,write"));
    ck_assert(span_equals(record.nets, "::1"));
    ck_assert(span_equals(record.user, "bob"));
    ck_assert(span_equals(record.label, "C%7CI"));
    ck_assert(span_equals(record.reason, "why"));
    ck_assert(span_equals(record.prev, ""));
    ck_assert_ptr_null(find(4));
}
END_TEST

START_TEST(a_later_line_counts)
{
    struct record record;

    TAKE(.n = 1, .id = 1, .serial = 1);
    TAKE(.n = 2, .id = 2, .serial = 2);
    TAKE(.n = 3, .id = 1, .serial = 1, .label = "a longer label than before");
    ck_assert_uint_eq(tokens.count, 2);
    ck_assert_ptr_eq(find(1), &tokens.list[0]);
    ck_assert_uint_eq(find(1)->n, 3);
    ck_assert(token_record(find(1), &record) && span_equals(record.label, "a longer label than before"));
    ck_assert(token_record(find(2), &record) && span_equals(record.label, "CI"));
}
END_TEST

/* As the index of a host has it. */
START_TEST(none_brings_a_revoked_token_back)
{
    struct record record;

    TAKE(.n = 1, .id = 1, .serial = 1, .revoked = "5");
    TAKE(.n = 2, .id = 1, .serial = 1);
    ck_assert(token_record(find(1), &record) && record.revoked == 5);
    TAKE(.n = 3, .id = 1, .serial = 1, .revoked = "6");
    ck_assert(token_record(find(1), &record) && record.revoked == 6);
}
END_TEST

START_TEST(an_invalid_line_is_kept_as_such)
{
    struct record record;

    TAKE(.n = 1, .id = 1, .serial = 1, .hash = "g");
    TAKE(.n = 2, .id = 2, .serial = 2, .revoked = "never", .hash = "g");
    ck_assert(!token_record(find(1), &record));
    ck_assert_uint_eq(find(1)->serial, 1);
    TAKE(.n = 3, .id = 1, .serial = 1);
    ck_assert(token_record(find(1), &record));
    TAKE(.n = 4, .id = 2, .serial = 2); /* it was revoked, if not how it should be */
    ck_assert(!token_record(find(2), &record));
}
END_TEST

START_TEST(it_grows_and_is_sorted)
{
    enum { MANY = 5000 };

    for (int i = 0; i < MANY; i++) {
        int id = i ^ 1; /* pairs in the wrong order */

        TAKE(.n = (uint64_t)i + 1, .id = (uint64_t)id, .serial = (uint64_t)id + 1);
    }
    ck_assert_uint_eq(tokens.count, MANY);
    for (int i = 0; i < MANY; i++)
        ck_assert_ptr_eq(find(i), &tokens.list[i ^ 1]);
    token_table_sort(&tokens);
    for (int i = 0; i < MANY; i++)
        ck_assert_ptr_eq(find(i), &tokens.list[i]);
    ck_assert_ptr_null(find(MANY));
}
END_TEST

START_TEST(one_serial_twice)
{
    TAKE(.n = 1, .id = 9, .serial = 1);
    TAKE(.n = 2, .id = 8, .serial = 1);
    token_table_sort(&tokens);
    ck_assert_ptr_eq(find(8), &tokens.list[0]);
    ck_assert_ptr_eq(find(9), &tokens.list[1]);
}
END_TEST

Suite *token_table_suite(void)
{
    Suite *suite = suite_create("token_table");
    TCase *lines = tcase_create("lines");

    tcase_add_checked_fixture(lines, setup, teardown);
    tcase_add_test(lines, what_a_line_says);
    tcase_add_test(lines, a_later_line_counts);
    tcase_add_test(lines, none_brings_a_revoked_token_back);
    tcase_add_test(lines, an_invalid_line_is_kept_as_such);
    tcase_add_test(lines, it_grows_and_is_sorted);
    tcase_add_test(lines, one_serial_twice);
    suite_add_tcase(suite, lines);
    return suite;
}
