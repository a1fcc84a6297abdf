/* Held against the numbers in toktab-store(5), which other programs computed. */
#include "crypto.h"
#include "fixture.h"
#include "suites.h"
#include "text.h"

#include <string.h>

#define TOKEN_A "acme_ExampleTokenNeverUseThisSecretItIsPrintedInTheManual12009B2EU"
#define TOKEN_B "acme_SecondSampleAnotherSecretThatIsKnownToEveryReader45678929SVNN"
#define HASH_A "a0acfe7ab0402a756593e4cf19f1477aba4b8fb445cd564e23a7c1537e5aefd6"
#define HASH_B "40545b10159c7de7100773f72a70a8b7db67b05273872af9e3b2c1cdc1ea20e9"
#define HASH_OF_NOTHING "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"

static void expect_hex(const unsigned char *bytes, size_t size, const char *hex)
{
    char text[2 * HASH_SIZE + 1] = "";

    hex_encode(text, bytes, size);
    ck_assert_str_eq(text, hex);
}

START_TEST(hash_of_a_token)
{
    unsigned char hash[HASH_SIZE], other[HASH_SIZE];

    crypto_hash_token(hash, TOKEN_A, strlen(TOKEN_A), "ExampleToken");
    expect_hex(hash, sizeof(hash), HASH_A);
    crypto_hash_token(hash, TOKEN_B, strlen(TOKEN_B), "SecondSample");
    expect_hex(hash, sizeof(hash), HASH_B);
    crypto_hash_token(other, TOKEN_B, strlen(TOKEN_B), "SecondSamplf"); /* it is salted by the id */
    ck_assert(!crypto_equal(hash, other, HASH_SIZE));
}
END_TEST

START_TEST(digest_in_pieces)
{
    static const char text[] = "any text that is longer than one block of the hash, which has 128 bytes, so "
                               "that a piece of it may end anywhere, before the border and after it";
    unsigned char whole[HASH_SIZE], pieces[HASH_SIZE];
    struct digest digest;

    crypto_digest_start(&digest, HASH_SIZE);
    crypto_digest_end(&digest, whole, HASH_SIZE);
    expect_hex(whole, HASH_SIZE, HASH_OF_NOTHING);
    crypto_digest_start(&digest, HASH_SIZE);
    crypto_digest_add(&digest, text, sizeof(text));
    crypto_digest_end(&digest, whole, HASH_SIZE);
    for (size_t cut = 0; cut <= sizeof(text); cut++) {
        struct digest copy;

        crypto_digest_start(&digest, HASH_SIZE);
        crypto_digest_add(&digest, text, cut);
        copy = digest;
        crypto_digest_add(&digest, "something else", 14);
        crypto_digest_add(&copy, text + cut, sizeof(text) - cut);
        crypto_digest_end(&copy, pieces, HASH_SIZE);
        ck_assert_mem_eq(pieces, whole, HASH_SIZE);
    }
}
END_TEST

/* The example of the paper on SipHash: Aumasson and Bernstein, 2012. */
START_TEST(short_sum)
{
    unsigned char bytes[SHORT_KEY_SIZE];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)i;
    ck_assert_uint_eq(crypto_short_sum(bytes, bytes, 15), UINT64_C(0xa129ca6149be45e5));
}
END_TEST

START_TEST(comparison)
{
    unsigned char a[HASH_SIZE] = {0}, b[HASH_SIZE] = {0};

    ck_assert(crypto_equal(a, b, HASH_SIZE));
    for (size_t i = 0; i < sizeof(a) * 8; i++) {
        b[i / 8] = (unsigned char)(1 << i % 8);
        ck_assert(!crypto_equal(a, b, HASH_SIZE));
        b[i / 8] = 0;
    }
}
END_TEST

START_TEST(wiped)
{
    char secret[64], zeros[64] = {0};

    memset(secret, 's', sizeof(secret));
    crypto_wipe(secret, sizeof(secret));
    ck_assert_mem_eq(secret, zeros, sizeof(secret));
}
END_TEST

START_TEST(random_numbers)
{
    unsigned counts[62] = {0};
    unsigned char a[32], b[32];

    for (int i = 0; i < 6200; i++) {
        uint32_t number = crypto_random_below(62);

        MUST(number < 62);
        counts[number]++;
    }
    for (int i = 0; i < 62; i++) { /* 100 are expected, and 9 times the deviation is allowed */
        ck_assert_uint_gt(counts[i], 10);
        ck_assert_uint_lt(counts[i], 190);
    }
    crypto_random_bytes(a, sizeof(a));
    crypto_random_bytes(b, sizeof(b));
    ck_assert_mem_ne(a, b, sizeof(a));
}
END_TEST

START_TEST(memory_for_secrets)
{
    char *memory = crypto_alloc(80);

    ck_assert_ptr_nonnull(memory);
    memset(memory, 'x', 80);
    crypto_free(memory);
    crypto_free(NULL);
    ck_assert_int_eq(crypto_start(), 0); /* a second time */
}
END_TEST

START_TEST(base64_of_rfc_4648)
{
    static const char *const texts[][2] = {{"", ""},        {"f", "Zg=="},          {"fo", "Zm8="},
                                           {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfb", "//77"}};
    char base64[32];

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t size = crypto_base64_size(strlen(texts[i][0]));

        ck_assert_uint_gt(size, strlen(texts[i][1]));
        crypto_base64(base64, sizeof(base64), texts[i][0], strlen(texts[i][0]));
        ck_assert_str_eq(base64, texts[i][1]);
    }
}
END_TEST

Suite *crypto_suite(void)
{
    Suite *suite = suite_create("crypto");
    TCase *hashes = tcase_create("hashes"), *memory = tcase_create("memory");

    tcase_add_test(hashes, hash_of_a_token);
    tcase_add_test(hashes, digest_in_pieces);
    tcase_add_test(hashes, short_sum);
    tcase_add_test(hashes, comparison);
    tcase_add_test(hashes, base64_of_rfc_4648);
    suite_add_tcase(suite, hashes);
    tcase_add_test(memory, wiped);
    tcase_add_test(memory, random_numbers);
    tcase_add_test(memory, memory_for_secrets);
    suite_add_tcase(suite, memory);
    return suite;
}
