#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suites.h"
#include "token/finder.h"

enum { FOUND_MAX = 8, TEXT_SIZE = 4096 };

struct found {
    char token[FOUND_MAX][TOKEN_MAX + 1];
    uint64_t line[FOUND_MAX];
    size_t count;
};

static void note(void *context, const char *token, size_t length, uint64_t line)
{
    struct found *found = context;

    ck_assert_uint_lt(found->count, FOUND_MAX);
    ck_assert_uint_le(length, TOKEN_MAX);
    memcpy(found->token[found->count], token, length);
    found->token[found->count][length] = '\0';
    found->line[found->count++] = line;
}

/* In pieces of that many bytes, as from a pipe. */
static void find(struct found *found, const char *text, size_t size, size_t piece)
{
    char *buffer = malloc(FINDER_KEEP + piece);
    struct finder finder = {0};
    size_t kept = 0;

    memset(found, 0, sizeof(*found));
    while (size > 0) {
        size_t take = size < piece ? size : piece, have = kept + take;

        memcpy(buffer + kept, text, take);
        kept = finder_look(&finder, buffer, have, note, found);
        ck_assert_uint_le(kept, FINDER_KEEP);
        ck_assert_uint_le(kept, have);
        memmove(buffer, buffer + have - kept, kept);
        text += take;
        size -= take;
    }
    free(buffer);
}

static const char good[] = "tok_0123456789ABabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ";

/* A token with this prefix whose checksum is right. */
static const char *make(char token[TOKEN_MAX + 1], const char *prefix)
{
    ck_assert_int_eq(crypto_start(), 0);
    token_make(token, prefix);
    return token;
}

struct text {
    const char *before, *prefix, *after;
    uint64_t line; /* 0: it is not found */
};

static const struct text texts[] = {
    {"", "tok", "", 1},
    {"", "tok", "\n", 1},
    {"\n", "tok", "", 2},
    {"\n\n\n12345678\n", "tok", "\n\n", 5},
    {"\r\n\r\n", "tok", "\r\n", 3},
    {"key=", "tok", ";", 1},
    {"\"", "tok", "\"", 1},
    {"https://user:", "tok", "@example.com/", 1},
    {"X", "tok", "", 1},
    {"_", "tok", "_", 1},
    {"key", "tok", "", 1},
    {"9", "a1", "", 1},
    {"", "ab", "", 1},
    {"", "abcdefgh01234567", "", 1},
    {"z", "abcdefgh01234567", "", 1},
    {"", "tok", "0", 1},
    {"", "tok", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", 1},
    {"\xff\xfe", "tok", "\xff", 1},
    {"tok_tok_", "tok", "", 1},
    {"tok_0123456789ABabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ012345", "tok", "", 1},
};

/* However the text comes in pieces. */
START_TEST(is_found_where_it_stands)
{
    const struct text *text = &texts[_i];
    char token[TOKEN_MAX + 1], whole[TEXT_SIZE];
    struct found found;

    snprintf(whole, sizeof(whole), "%s%s%s", text->before, make(token, text->prefix), text->after);
    for (size_t piece = 1; piece <= strlen(whole) + 1; piece++) {
        find(&found, whole, strlen(whole), piece);
        ck_assert_uint_eq(found.count, 1);
        ck_assert_str_eq(found.token[0], token);
        ck_assert_uint_eq(found.line[0], text->line);
    }
}
END_TEST

START_TEST(a_changed_character_is_no_token)
{
    char token[TOKEN_MAX + 1];
    struct found found;
    size_t length = strlen(make(token, "tok"));

    for (size_t i = 0; i < length; i++) {
        char was = token[i];

        token[i] = was == 'q' ? 'r' : 'q';
        find(&found, token, length, TEXT_SIZE);
        ck_assert_uint_eq(found.count, 0);
        token[i] = was;
    }
    for (size_t shorter = 0; shorter < length; shorter++) {
        find(&found, token, shorter, TEXT_SIZE);
        ck_assert_uint_eq(found.count, 0);
    }
    find(&found, good, strlen(good), 1);
    ck_assert_uint_eq(found.count, 0);
}
END_TEST

START_TEST(several_are_found_each_in_its_line)
{
    char a[TOKEN_MAX + 1], b[TOKEN_MAX + 1], whole[TEXT_SIZE];
    struct found found;

    snprintf(whole, sizeof(whole), "%s\n_%s%s\n\n%s", make(a, "tok"), make(b, "acme"), a, b);
    for (size_t piece = 1; piece <= strlen(whole); piece++) {
        find(&found, whole, strlen(whole), piece);
        ck_assert_uint_eq(found.count, 4);
        ck_assert_str_eq(found.token[1], b);
        ck_assert_str_eq(found.token[2], a);
        ck_assert_uint_eq(found.line[0], 1);
        ck_assert_uint_eq(found.line[2], 2);
        ck_assert_uint_eq(found.line[3], 4);
    }
}
END_TEST

START_TEST(secrets_are_hidden_where_they_stand)
{
    char a[TOKEN_MAX + 1], b[TOKEN_MAX + 1], text[TEXT_SIZE], hidden[TEXT_SIZE],
        stars[TOKEN_BODY - ID_LENGTH + 1];

    memset(stars, '*', sizeof(stars));
    make(a, "tok");
    make(b, "acme");
    snprintf(text, sizeof(text), "/tmp/%s/%s.txt", a, b);
    snprintf(hidden, sizeof(hidden), "/tmp/%.*s%.*s/%.*s%.*s.txt", 4 + ID_LENGTH, a, TOKEN_BODY - ID_LENGTH,
             stars, 5 + ID_LENGTH, b, TOKEN_BODY - ID_LENGTH, stars);
    ck_assert(holds_token(text));
    hide_secrets(text);
    ck_assert_str_eq(text, hidden);
    ck_assert(!holds_token(text));
    ck_assert(!holds_token(""));
}
END_TEST

Suite *finder_suite(void)
{
    Suite *suite = suite_create("finder");
    TCase *tests = tcase_create("finder");

    tcase_add_loop_test(tests, is_found_where_it_stands, 0, sizeof(texts) / sizeof(texts[0]));
    tcase_add_test(tests, a_changed_character_is_no_token);
    tcase_add_test(tests, several_are_found_each_in_its_line);
    tcase_add_test(tests, secrets_are_hidden_where_they_stand);
    suite_add_tcase(suite, tests);
    return suite;
}
