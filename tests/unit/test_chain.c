/* Held against the numbers in toktab-store(5), which other programs computed. */
#include "chain.h"
#include "fixture.h"
#include "suites.h"
#include "text.h"

#include <string.h>

#define STOREID "00112233445566778899aabbccddeeff"

static const char line1[] =
    "1|ExampleToken|C|a0acfe7ab0402a756593e4cf19f1477aba4b8fb445cd564e23a7c1537e5aefd6|1|1767225600|"
    "1798761600|-|1767225600|alice/1000/1000|read,write|192.0.2.0/24,2001:db8::/32|deploy|"
    "build%7C100%25 f\xc3\xbcr CI||||";
static const char line2[] =
    "2|SecondSample|C|40545b10159c7de7100773f72a70a8b7db67b05273872af9e3b2c1cdc1ea20e9|2|1767229200|-|-|"
    "1767229200|root/0/-||||cron||ExampleToken|note=made%20by%20hand|";

static void expect_chain(const unsigned char chain[CHAIN_SIZE], const char *hex)
{
    char text[2 * CHAIN_SIZE + 1] = "";

    hex_encode(text, chain, CHAIN_SIZE);
    ck_assert_str_eq(text, hex);
}

START_TEST(chain_of_the_manual)
{
    unsigned char chain[CHAIN_SIZE];

    chain_start(chain, STOREID, 1);
    expect_chain(chain, "367d566e90403dca9afdd5e178f32257");
    chain_add(chain, line1, strlen(line1));
    expect_chain(chain, "3c384edc7cbab2d3748838196c76cdf9");
    chain_add(chain, line2, strlen(line2));
    expect_chain(chain, "4a198e8575a0aec0c371372289fcd798");
}
END_TEST

START_TEST(beginning_depends_on_storeid_and_epoch)
{
    unsigned char chain[CHAIN_SIZE], other[CHAIN_SIZE];
    char storeid[] = STOREID;

    chain_start(chain, STOREID, 1);
    chain_start(other, STOREID, 2);
    ck_assert_mem_ne(chain, other, CHAIN_SIZE);
    chain_start(other, STOREID, UINT64_MAX);
    ck_assert_mem_ne(chain, other, CHAIN_SIZE);
    for (size_t i = 0; i < strlen(storeid); i++) {
        char digit = storeid[i];

        storeid[i] = digit == '7' ? '8' : '7';
        chain_start(other, storeid, 1);
        ck_assert_mem_ne(chain, other, CHAIN_SIZE);
        storeid[i] = digit;
    }
}
END_TEST

START_TEST(every_bit_of_a_line_counts)
{
    unsigned char start[CHAIN_SIZE], chain[CHAIN_SIZE], other[CHAIN_SIZE];
    char line[sizeof(line2)];

    chain_start(start, STOREID, 1);
    memcpy(chain, start, CHAIN_SIZE);
    chain_add(chain, line2, strlen(line2));
    memcpy(line, line2, sizeof(line2));
    for (size_t i = 0; i < 8 * strlen(line2); i++) {
        line[i / 8] = (char)(line2[i / 8] ^ 1 << i % 8);
        memcpy(other, start, CHAIN_SIZE);
        chain_add(other, line, strlen(line2));
        MUST(memcmp(other, chain, CHAIN_SIZE) != 0);
        line[i / 8] = line2[i / 8];
    }
}
END_TEST

START_TEST(order_of_lines_counts)
{
    unsigned char forth[CHAIN_SIZE], back[CHAIN_SIZE];

    chain_start(forth, STOREID, 1);
    memcpy(back, forth, CHAIN_SIZE);
    chain_add(forth, line1, strlen(line1));
    chain_add(forth, line2, strlen(line2));
    chain_add(back, line2, strlen(line2));
    chain_add(back, line1, strlen(line1));
    ck_assert_mem_ne(forth, back, CHAIN_SIZE);
}
END_TEST

Suite *chain_suite(void)
{
    Suite *suite = suite_create("chain");
    TCase *chain = tcase_create("chain");

    tcase_add_test(chain, chain_of_the_manual);
    tcase_add_test(chain, beginning_depends_on_storeid_and_epoch);
    tcase_add_test(chain, every_bit_of_a_line_counts);
    tcase_add_test(chain, order_of_lines_counts);
    suite_add_tcase(suite, chain);
    return suite;
}
