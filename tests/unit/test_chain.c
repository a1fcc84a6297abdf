/* Held against the numbers in toktab-store(5), which other programs computed. */
#include "chain.h"
#include "fixture.h"
#include "suites.h"

#include <string.h>

static const char line2[] =
    "2|SecondSample|C|40545b10159c7de7100773f72a70a8b7db67b05273872af9e3b2c1cdc1ea20e9|2|1767229200|-|-|"
    "1767229200|root/0/-||||cron||ExampleToken|note=made%20by%20hand|1|d44456f71b103db26822546672eea2fa|";

static const struct header sample_header = {.storeid = "00112233445566778899aabbccddeeff", .epoch = 1};

START_TEST(origin_of_the_manual)
{
    struct bytes file = file_read("tests/unit/vector.tokens");
    unsigned char origin[CHAIN_SIZE];
    struct header header;

    ck_assert_ptr_null(header_parse(&header, file.at, (size_t)(strchr(file.at, '\n') - file.at) + 1));
    header_origin(origin, &header);
    ck_assert_mem_eq(origin, header.basechain, CHAIN_SIZE);
    bytes_free(&file);
}
END_TEST

START_TEST(origin_depends_on_storeid_and_epoch)
{
    unsigned char origin[CHAIN_SIZE], other[CHAIN_SIZE];
    struct header header = sample_header;

    header_origin(origin, &header);
    header.epoch = 2;
    header_origin(other, &header);
    ck_assert_mem_ne(origin, other, CHAIN_SIZE);
    header.epoch = UINT64_MAX;
    header_origin(other, &header);
    ck_assert_mem_ne(origin, other, CHAIN_SIZE);
    header.epoch = 1;
    for (size_t i = 0; i < STOREID_HEX; i++) {
        char digit = header.storeid[i];

        header.storeid[i] = digit == '7' ? '8' : '7';
        header_origin(other, &header);
        ck_assert_mem_ne(origin, other, CHAIN_SIZE);
        header.storeid[i] = digit;
    }
}
END_TEST

/* Each bit of a line and of the salt changes its chain; and a seal is no chain. */
START_TEST(every_bit_counts)
{
    unsigned char origin[CHAIN_SIZE], chain[CHAIN_SIZE], other[CHAIN_SIZE];
    char line[sizeof(line2)];

    header_origin(origin, &sample_header);
    crypto_sum_line(chain, line2, strlen(line2), origin);
    memcpy(line, line2, sizeof(line2));
    for (size_t i = 0; i < 8 * strlen(line2); i++) {
        line[i / 8] = (char)(line2[i / 8] ^ 1 << i % 8);
        crypto_sum_line(other, line, strlen(line2), origin);
        MUST(memcmp(other, chain, CHAIN_SIZE) != 0);
        line[i / 8] = line2[i / 8];
    }
    for (size_t i = 0; i < 8 * CHAIN_SIZE; i++) {
        origin[i / 8] = (unsigned char)(origin[i / 8] ^ 1 << i % 8);
        crypto_sum_line(other, line2, strlen(line2), origin);
        MUST(memcmp(other, chain, CHAIN_SIZE) != 0);
        origin[i / 8] = (unsigned char)(origin[i / 8] ^ 1 << i % 8);
    }
    crypto_sum_seal(other, line2, strlen(line2), origin);
    ck_assert_mem_ne(other, chain, CHAIN_SIZE);
}
END_TEST

Suite *chain_suite(void)
{
    Suite *suite = suite_create("chain");
    TCase *chain = tcase_create("sums");

    tcase_add_test(chain, origin_of_the_manual);
    tcase_add_test(chain, origin_depends_on_storeid_and_epoch);
    tcase_add_test(chain, every_bit_counts);
    suite_add_tcase(suite, chain);
    return suite;
}
