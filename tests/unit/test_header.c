#include "fixture.h"
#include "header.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

#define NOTHING "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"
#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

enum { FIELDS = 10 }; /* before the check */

static const char *const good[FIELDS] = {
    "toktab1",
    "example.com",
    "00112233445566778899aabbccddeeff",
    "00000000000000000002",
    "00000000000000000003",
    "604b5d89fe36f526bf92dc4cddd58e69",
    "1769904000",
    "00000000000000000002",
    "00000000000000000450",
    NOTHING,
};

/* A header of these fields, one of them replaced, with a check that is right. */
static size_t compose(char text[LINE_SIZE_MAX], int field, const char *by)
{
    size_t length = 0;
    unsigned char sum[CHAIN_SIZE];
    char check[CHAIN_HEX + 1] = "";
    struct digest digest;

    for (int i = 0; i < FIELDS; i++)
        length += (size_t)snprintf(text + length, LINE_SIZE_MAX - length, "%s|", i == field ? by : good[i]);
    crypto_digest_start(&digest, CHAIN_SIZE);
    crypto_digest_add(&digest, text, length);
    crypto_digest_end(&digest, sum, CHAIN_SIZE);
    hex_encode(check, sum, CHAIN_SIZE);
    return length + (size_t)snprintf(text + length, LINE_SIZE_MAX - length, "%s\n", check);
}

START_TEST(good_header)
{
    char text[LINE_SIZE_MAX];
    struct header header;

    ck_assert_ptr_null(header_parse(&header, text, compose(text, -1, NULL)));
    ck_assert_str_eq(header.domain, "example.com");
    ck_assert_str_eq(header.storeid, "00112233445566778899aabbccddeeff");
    ck_assert_uint_eq(header.epoch, 2);
    ck_assert_uint_eq(header.base, 3);
    ck_assert_uint_eq(header.basechain[0], 0x60);
    ck_assert_int_eq(header.cutoff, 1769904000);
    ck_assert_uint_eq(header.lines, 2);
    ck_assert_uint_eq(header.bytes, 450);
    ck_assert_uint_eq(header.digest[0], 0x0e);
}
END_TEST

static const struct {
    int field;
    const char *by;
    bool accepted;
} replacements[] = {
    {0, "toktab2", false},
    {0, "toktab", false},
    {0, "toktab11", false},
    {0, "Toktab1", false},
    {0, "toktab1 ", false},
    {0, "", false},
    {0, "\xef\xbb\xbftoktab1", false},
    {1, "a", true},
    {1, "0", true},
    {1, "a.b-c.0", true},
    {1, A63, true},
    {1, A63 "a", false},
    {1, "", false},
    {1, ".a", false},
    {1, "-a", false},
    {1, "A", false},
    {1, "a_b", false},
    {1, "a/b", false},
    {1, "..", false},
    {1, "a b", false},
    {1, "a%2E", false},
    {1, "\xc3\xa4", false},
    {1, "a\n", false},
    {2, "ffffffffffffffffffffffffffffffff", true},
    {2, "FFffffffffffffffffffffffffffffff", false},
    {2, "0011223344556677889aabbccddeeff", false},
    {2, "00112233445566778899aabbccddeeff0", false},
    {2, "", false},
    {2, "g0112233445566778899aabbccddeeff", false},
    {3, "00000000000000000001", true},
    {3, "18446744073709551615", true},
    {3, "18446744073709551616", false},
    {3, "99999999999999999999", false},
    {3, "1", false},
    {3, "0000000000000000001", false},
    {3, "000000000000000000001", false},
    {3, "0000000000000000000a", false},
    {3, " 0000000000000000001", false},
    {3, "+0000000000000000001", false},
    {3, "-0000000000000000001", false},
    {3, "", false},
    {4, "18446744073709551615", true},
    {4, "18446744073709551616", false},
    {4, "3", false},
    {4, "", false},
    {4, "000000000000000000003", false},
    {5, "604B5d89fe36f526bf92dc4cddd58e69", false},
    {5, "604b5d89fe36f526bf92dc4cddd58e6", false},
    {5, "604b5d89fe36f526bf92dc4cddd58e690", false},
    {5, "", false},
    {6, "-", true},
    {6, "0", true},
    {6, "9223372036854775806", true},
    {6, "9223372036854775807", false},
    {6, "01769904000", false},
    {6, "", false},
    {6, "-1", false},
    {6, "--", false},
    {7, "18446744073709551616", false},
    {7, "2", false},
    {7, "", false},
    {7, "0000000000000000000x", false},
    {8, "18446744073709551616", false},
    {8, "450", false},
    {8, "", false},
    {8, "0000000000000000045 ", false},
    {9, "0E5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8", false},
    {9, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a", false},
    {9, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a80", false},
    {9, "", false},
    {9, NOTHING "|", false},
    {1, "example.com|x", false},
    {5, "x|604b5d89fe36f526bf92dc4cddd58e69", false},
};

START_TEST(field_is_held_against_its_grammar)
{
    char text[LINE_SIZE_MAX];
    struct header header;
    const char *wrong =
        header_parse(&header, text, compose(text, replacements[_i].field, replacements[_i].by));

    ck_assert_msg(replacements[_i].accepted == !wrong, "field %d as \"%s\": %s", replacements[_i].field,
                  replacements[_i].by, wrong ? wrong : "accepted");
}
END_TEST

/* Columns that are right each, but not together. */
START_TEST(header_that_contradicts_itself)
{
    static const struct header sound = {.domain = "a", .storeid = "00112233445566778899aabbccddeeff"};
    struct header header = sound;
    char text[LINE_SIZE_MAX];
    struct header back;

    header_start(&header);
    if (_i == 1)
        header.epoch = 0;
    else if (_i == 2)
        header.basechain[0] ^= 1;
    else if (_i == 3)
        header.digest[0] ^= 1; /* of nothing */
    else if (_i == 4)
        header.bytes = 139; /* of no line */
    else if (_i == 5)
        header.lines = 1; /* of no bytes */
    else if (_i == 6)
        header.lines = 1, header.bytes = 139; /* before the first line of the log */
    else if (_i == 7)
        header.lines = 3, header.bytes = 999, header.base = 2;
    ck_assert((header_parse(&back, text, header_format(text, &header)) == NULL) == (_i == 0));
}
END_TEST

START_TEST(version_is_told_from_garbage)
{
    char text[LINE_SIZE_MAX];
    struct header header;

    ck_assert_ptr_nonnull(strstr(header_parse(&header, text, compose(text, 0, "toktab2")), "version"));
    ck_assert_ptr_nonnull(strstr(header_parse(&header, "root:x:0\n", 9), "not a toktab store"));
    ck_assert_ptr_nonnull(header_parse(&header, "\n", 1));
    ck_assert_ptr_nonnull(header_parse(&header, "toktab1|\n", 9));
}
END_TEST

/* Whatever changes in it, it is refused. */
START_TEST(every_bit_is_checked)
{
    char text[LINE_SIZE_MAX];
    size_t length = compose(text, -1, NULL);
    struct header header;

    for (size_t i = 0; i < length * 8; i++) {
        text[i / 8] = (char)(text[i / 8] ^ 1 << i % 8);
        if (!header_parse(&header, text, length))
            ck_abort_msg("bit %zu of byte %zu", i % 8, i / 8);
        text[i / 8] = (char)(text[i / 8] ^ 1 << i % 8);
    }
    ck_assert_ptr_null(header_parse(&header, text, length));
}
END_TEST

START_TEST(every_length_but_one_is_refused)
{
    char text[LINE_SIZE_MAX];
    size_t length = compose(text, -1, NULL);
    struct header header;

    for (size_t i = 1; i < length; i++) {
        char byte = text[i - 1];

        ck_assert_ptr_nonnull(header_parse(&header, text, i));
        text[i - 1] = '\n';
        ck_assert_ptr_nonnull(header_parse(&header, text, i));
        text[i - 1] = byte;
    }
    text[length] = '\n';
    ck_assert_ptr_nonnull(header_parse(&header, text, length + 1));
}
END_TEST

START_TEST(new_store)
{
    struct header header = {.domain = "example.com", .storeid = "00112233445566778899aabbccddeeff"};
    struct bytes file = file_read("tests/unit/vector.tokens");
    char text[LINE_SIZE_MAX];

    header_start(&header);
    ck_assert_uint_eq(header_format(text, &header), (size_t)(strchr(file.at, '\n') - file.at) + 1);
    ck_assert_mem_eq(text, file.at, (size_t)(strchr(file.at, '\n') - file.at) + 1);
    bytes_free(&file);
}
END_TEST

static const struct {
    const char *path;
    uint64_t base;
} vectors[] = {
    {"tests/unit/vector.tokens", 0},
    {"tests/unit/vector-compacted.tokens", 4},
    {"tests/unit/vector-mended.tokens", 7},
};

START_TEST(header_of_the_manual)
{
    struct bytes file = file_read(vectors[_i].path);
    size_t length = (size_t)(strchr(file.at, '\n') - file.at) + 1;
    struct header header;
    char text[LINE_SIZE_MAX];

    ck_assert_ptr_null(header_parse(&header, file.at, length));
    ck_assert_uint_eq(header.base, vectors[_i].base);
    ck_assert_uint_eq(header_format(text, &header), length);
    ck_assert_mem_eq(text, file.at, length);
    bytes_free(&file);
}
END_TEST

START_TEST(longest_header)
{
    struct header header = {.domain = A63,
                            .storeid = "ffffffffffffffffffffffffffffffff",
                            .epoch = UINT64_MAX,
                            .base = UINT64_MAX,
                            .cutoff = TIME_NEVER - 1,
                            .lines = 1,
                            .bytes = 139};
    struct header back;
    char text[LINE_SIZE_MAX];

    ck_assert_ptr_null(header_parse(&back, text, header_format(text, &header)));
    ck_assert_str_eq(back.domain, A63);
    ck_assert_uint_eq(back.epoch, UINT64_MAX);
    ck_assert_uint_eq(back.base, UINT64_MAX);
    ck_assert_int_eq(back.cutoff, TIME_NEVER - 1);
}
END_TEST

Suite *header_suite(void)
{
    Suite *suite = suite_create("header");
    TCase *header = tcase_create("header");

    tcase_add_test(header, good_header);
    tcase_add_loop_test(header, field_is_held_against_its_grammar, 0, LENGTH(replacements));
    tcase_add_loop_test(header, header_that_contradicts_itself, 0, 8);
    tcase_add_test(header, version_is_told_from_garbage);
    tcase_add_test(header, every_bit_is_checked);
    tcase_add_test(header, every_length_but_one_is_refused);
    tcase_add_test(header, new_store);
    tcase_add_loop_test(header, header_of_the_manual, 0, 2);
    tcase_add_test(header, longest_header);
    suite_add_tcase(suite, header);
    return suite;
}
