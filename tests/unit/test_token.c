#include "crc.h"
#include "fixture.h"
#include "suites.h"
#include "text.h"
#include "token.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

#define TOKEN_A "acme_ExampleTokenNeverUseThisSecretItIsPrintedInTheManual12009B2EU"
#define BODY "ExampleTokenNeverUseThisSecretItIsPrintedInTheManual12009B2EU"

/* Would a token of this text be looked up? */
static bool accepted(const char *text, size_t length)
{
    const char *id = NULL;

    return token_shape_valid(text, length, &id) && token_checksum_valid(text, length);
}

/* ---- the prefix ---- */

static const struct {
    const char *prefix;
    bool valid;
} prefixes[] = {
    {"", false},
    {"a", false},
    {"ab", true},
    {"a1", true},
    {"tok", true},
    {"z9z9", true},
    {"abcdefghijklmnop", true},
    {"abcdefghijklmnopq", false},
    {"1a", false},
    {"Ab", false},
    {"aB", false},
    {"a_b", false},
    {"a-b", false},
    {"a b", false},
    {"a.b", false},
    {"a\n", false},
    {"_a", false},
    {"\xc3\xa4x", false},
    {"a\xc3\xa4", false},
    {"a{", false},
    {"a`", false},
    {"a:", false},
    {"a/", false},
};

START_TEST(prefix_of_a_token)
{
    const char *prefix = prefixes[_i].prefix, *id;
    char text[64 + TOKEN_BODY];

    ck_assert(token_prefix_valid(prefix, strlen(prefix)) == prefixes[_i].valid);
    strcat(strcat(strcpy(text, prefix), "_"), BODY);
    ck_assert(token_shape_valid(text, strlen(text), &id) == prefixes[_i].valid);
}
END_TEST

/* ---- the checksum ---- */

START_TEST(checksum_as_zlib_has_it)
{
    enum { MOST = 200 };
    unsigned char *bytes = malloc(MOST);

    for (size_t length = CRC_LEAST; length <= MOST; length++)
        for (size_t i = 0; i < 10; i++) {
            unsigned char *text = bytes + MOST - length; /* nothing behind it is read */

            crypto_random_bytes(text, length);
            MUST(crc_of((const char *)text, length) == crc32(0, text, (unsigned)length));
        }
    free(bytes);
}
END_TEST

/* ---- the shape ---- */

START_TEST(good_token)
{
    const char *id = NULL;

    ck_assert(token_shape_valid(TOKEN_A, strlen(TOKEN_A), &id));
    ck_assert_str_eq(id, BODY);
    ck_assert(token_checksum_valid(TOKEN_A, strlen(TOKEN_A)));
}
END_TEST

START_TEST(every_position_changed_to_every_byte)
{
    char text[] = TOKEN_A;

    for (size_t i = 0; i < strlen(TOKEN_A); i++) {
        for (int c = 0; c < 256; c++) {
            text[i] = (char)c;
            if (accepted(text, strlen(TOKEN_A)) != (text[i] == TOKEN_A[i]))
                ck_abort_msg("byte %zu as %#x", i, (unsigned)c);
        }
        text[i] = TOKEN_A[i];
    }
}
END_TEST

START_TEST(two_characters_swapped)
{
    char text[] = TOKEN_A;

    for (size_t i = 0; i + 1 < strlen(TOKEN_A); i++) {
        text[i] = TOKEN_A[i + 1];
        text[i + 1] = TOKEN_A[i];
        ck_assert(accepted(text, strlen(text)) == (TOKEN_A[i] == TOKEN_A[i + 1]));
        text[i] = TOKEN_A[i];
        text[i + 1] = TOKEN_A[i + 1];
    }
}
END_TEST

START_TEST(every_other_length)
{
    char *text = malloc(200);
    const char *id;

    memset(text, 'a', 200);
    memcpy(text, TOKEN_A, strlen(TOKEN_A));
    for (size_t length = 0; length < 200; length++) {
        char *exact = malloc(length > 0 ? length : 1); /* for tools that watch what is read */

        memcpy(exact, text, length);
        ck_assert(accepted(exact, length) == (length == strlen(TOKEN_A)));
        memset(exact, '_', length);
        ck_assert(!token_shape_valid(exact, length, &id));
        free(exact);
    }
    free(text);
}
END_TEST

START_TEST(huge_text)
{
    size_t length = 1 << 20;
    char *text = malloc(length);

    memset(text, 'a', length);
    ck_assert(!accepted(text, length));
    text[length - TOKEN_BODY - 1] = '_';
    ck_assert(!accepted(text, length));
    memset(text, 0, length);
    ck_assert(!accepted(text, length));
    free(text);
}
END_TEST

START_TEST(underscore_at_its_place_alone)
{
    const char *id;

    ck_assert(!token_shape_valid("acmex" BODY, 5 + TOKEN_BODY, &id));
    ck_assert(!token_shape_valid("acm__" BODY, 5 + TOKEN_BODY, &id));
    ck_assert(!token_shape_valid("_acme_" BODY, 6 + TOKEN_BODY, &id));
    ck_assert(!token_shape_valid("a_" BODY, 2 + TOKEN_BODY, &id));
    ck_assert(!token_shape_valid("acme-" BODY, 5 + TOKEN_BODY, &id));
}
END_TEST

/* ---- making ---- */

START_TEST(token_that_was_made_is_good)
{
    const char *prefix = prefixes[_i].prefix;

    if (!prefixes[_i].valid)
        return;
    for (int i = 0; i < 20; i++) {
        char token[TOKEN_MAX + 1];
        size_t length = token_make(token, prefix);

        MUST(length == strlen(token) && length == strlen(prefix) + 1 + TOKEN_BODY);
        MUST(memcmp(token, prefix, strlen(prefix)) == 0);
        MUST(accepted(token, length));
    }
}
END_TEST

START_TEST(every_character_is_random)
{
    enum { TOKENS = 300 };
    bool seen[ID_LENGTH + SECRET_LENGTH][128] = {{false}};

    for (int i = 0; i < TOKENS; i++) {
        char token[TOKEN_MAX + 1];

        token_make(token, "tok");
        for (size_t j = 0; j < ID_LENGTH + SECRET_LENGTH; j++)
            seen[j][(unsigned char)token[4 + j]] = true;
    }
    for (size_t j = 0; j < ID_LENGTH + SECRET_LENGTH; j++) {
        int different = 0;

        for (size_t k = 0; k < 128; k++)
            different += seen[j][k];
        ck_assert_int_gt(different, 45); /* 61.5 are expected */
    }
}
END_TEST

/* As a remainder would make some. 5,000 of each are expected, and 9 times the deviation is allowed. */
START_TEST(no_character_is_likelier)
{
    enum { CHARACTERS = ID_LENGTH + SECRET_LENGTH, TOKENS = 62 * 5000 / CHARACTERS };
    unsigned counts[128] = {0}, others = 62;

    for (int i = 0; i < TOKENS; i++) {
        char token[TOKEN_MAX + 1];

        token_make(token, "tok");
        for (size_t j = 0; j < CHARACTERS; j++)
            counts[(unsigned char)token[4 + j]]++;
    }
    for (int i = 0; i < 128; i++) {
        if (counts[i] == 0)
            continue;
        others--;
        ck_assert_uint_gt(counts[i], 4370);
        ck_assert_uint_lt(counts[i], 5630);
    }
    ck_assert_uint_eq(others, 0);
}
END_TEST

/* A checksum below 62^5 begins with a zero, as that of the manual's token does; a greater one does not. */
START_TEST(checksum_is_padded)
{
    unsigned padded = 0, full = 0;

    for (int i = 0; i < 300; i++) {
        char token[TOKEN_MAX + 1];
        size_t length = token_make(token, "tok");

        if (token[length - CRC_LENGTH] == '0')
            padded++;
        else
            full++;
        MUST(token[length - CRC_LENGTH] <= '4'); /* 2^32 / 62^5 = 4.7 */
    }
    ck_assert_uint_gt(padded, 0);
    ck_assert_uint_gt(full, 0);
}
END_TEST

Suite *token_suite(void)
{
    Suite *suite = suite_create("token");
    TCase *shape = tcase_create("shape"), *make = tcase_create("make");

    tcase_add_loop_test(shape, prefix_of_a_token, 0, LENGTH(prefixes));
    tcase_add_test(shape, checksum_as_zlib_has_it);
    tcase_add_test(shape, good_token);
    tcase_add_test(shape, every_position_changed_to_every_byte);
    tcase_add_test(shape, two_characters_swapped);
    tcase_add_test(shape, every_other_length);
    tcase_add_test(shape, huge_text);
    tcase_add_test(shape, underscore_at_its_place_alone);
    suite_add_tcase(suite, shape);
    tcase_add_loop_test(make, token_that_was_made_is_good, 0, LENGTH(prefixes));
    tcase_add_test(make, every_character_is_random);
    tcase_add_test(make, no_character_is_likelier);
    tcase_add_test(make, checksum_is_padded);
    suite_add_tcase(suite, make);
    return suite;
}
