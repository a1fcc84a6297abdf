/* What stands after the last line of a log: the four kinds that toktab-store(5) tells apart. */
#include "forge.h"
#include "suites.h"

#include <string.h>

/* A log, and the line that would be its next one. */
struct stage {
    struct chain chain;
    char line[LINE_SIZE_MAX];
    size_t length; /* with its LF */
    char bytes[2 * LINE_SIZE_MAX];
};

static void write_line(struct stage *stage, uint64_t n, struct span label)
{
    static const struct span empty = {"", 0};
    unsigned char chain[CHAIN_SIZE];
    struct record record = {.n = n,
                            .id = "SecondSample",
                            .op = OPERATION_CREATE,
                            .serial = n,
                            .created = NOW,
                            .expires = TIME_NEVER,
                            .revoked = TIME_NEVER,
                            .time = NOW,
                            .by = span_of("root/0/-"),
                            .scopes = empty,
                            .nets = empty,
                            .user = empty,
                            .label = label,
                            .reason = empty,
                            .prev = empty,
                            .ext = empty,
                            .prior = 12};

    memcpy(record.before, stage->chain.at.chain, CHAIN_SIZE);
    stage->length = record_format(stage->line, &record);
    stage->length = chain_finish(stage->line, stage->length, stage->chain.origin, chain);
    memcpy(stage->bytes, stage->line, stage->length);
}

static void begin(struct stage *stage)
{
    struct header header = {.domain = "example.com", .storeid = "00112233445566778899aabbccddeeff"};

    memset(stage, 0, sizeof(*stage));
    header_start(&header);
    stage->chain.header = header;
    memcpy(stage->chain.origin, header.basechain, CHAIN_SIZE);
    memcpy(stage->chain.at.chain, "chain of line 12", CHAIN_SIZE);
    stage->chain.at.n = 12;
    write_line(stage, 13, span_of("a sample"));
}

static enum rest rest_of(const struct stage *stage, size_t length, uint64_t offset)
{
    size_t line_length = 0;
    enum rest rest = chain_rest(&stage->chain, stage->bytes, length, offset, &line_length);

    MUST(rest != REST_LINE || line_length == stage->length - 1);
    return rest;
}

START_TEST(nothing)
{
    struct stage s;

    begin(&s);
    ck_assert_int_eq(rest_of(&s, 0, 0), REST_NONE);
}
END_TEST

START_TEST(line_without_its_lf)
{
    struct stage s;

    begin(&s);
    ck_assert_int_eq(rest_of(&s, s.length - 1, 0), REST_LINE);
    for (int byte = 0; byte < 256; byte++) {
        s.bytes[s.length - 1] = (char)byte;
        MUST(rest_of(&s, s.length, 0) == REST_LINE);
    }
    ck_assert_int_eq(rest_of(&s, s.length + 1, 0), REST_DAMAGE);
}
END_TEST

START_TEST(torn_anywhere)
{
    struct stage s;

    begin(&s);
    for (size_t length = 1; length < s.length - 1; length++)
        MUST(rest_of(&s, length, 0) == REST_TORN);
}
END_TEST

START_TEST(torn_lines_have_the_next_number)
{
    static const struct {
        const char *bytes;
        enum rest rest;
    } cases[] = {{"1", REST_TORN},      {"13", REST_TORN},      {"13|", REST_TORN},  {"1|", REST_DAMAGE},
                 {"14", REST_DAMAGE},   {"130", REST_DAMAGE},   {"x", REST_DAMAGE},  {"|", REST_DAMAGE},
                 {"13|a", REST_TORN},   {"13|\n", REST_DAMAGE}, {"\n", REST_DAMAGE}, {"13|\x7f", REST_DAMAGE},
                 {"13|\xff", REST_TORN}};
    struct stage s;

    begin(&s);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        strcpy(s.bytes, cases[i].bytes);
        MUST(rest_of(&s, strlen(cases[i].bytes), 0) == cases[i].rest);
    }
}
END_TEST

START_TEST(too_long_to_be_a_line)
{
    struct stage s;

    begin(&s);
    memset(s.bytes + 3, 'x', sizeof(s.bytes) - 3);
    ck_assert_int_eq(rest_of(&s, LINE_SIZE_MAX - 1, 0), REST_TORN);
    ck_assert_int_eq(rest_of(&s, LINE_SIZE_MAX, 0), REST_DAMAGE);
    memset(s.bytes, 0, sizeof(s.bytes));
    ck_assert_int_eq(rest_of(&s, LINE_SIZE_MAX - 1, 0), REST_UNSYNCED);
    ck_assert_int_eq(rest_of(&s, LINE_SIZE_MAX, 0), REST_DAMAGE);
}
END_TEST

/* The power went when the disk had the size and the bytes before or after a sector's start. */
START_TEST(unsynced_sectors)
{
    struct stage s;

    begin(&s);
    for (size_t place = 2; place < s.length - 1; place++) {
        memset(s.bytes + place, 0, s.length - place);
        MUST(rest_of(&s, s.length, 0) == REST_UNSYNCED);
        memcpy(s.bytes, s.line, s.length);
        memset(s.bytes, 0, place);
        MUST(rest_of(&s, s.length, 5120 - place) == REST_UNSYNCED);
        MUST(rest_of(&s, s.length, 5121 - place) == REST_DAMAGE);
        memcpy(s.bytes, s.line, s.length);
    }
}
END_TEST

/* A whole line of which one bit is another is never cut off. */
START_TEST(flipped_bits)
{
    struct stage s;

    begin(&s);
    for (size_t bit = 0; bit < 8 * (s.length - 1); bit++) {
        s.bytes[bit / 8] = (char)(s.line[bit / 8] ^ 1 << bit % 8);
        MUST(rest_of(&s, s.length, 512 - bit / 8 % 512 - 1) == REST_DAMAGE);
        s.bytes[bit / 8] = s.line[bit / 8];
    }
}
END_TEST

/* What proves itself is damage where it is not the next line. */
START_TEST(lines_of_another_place)
{
    struct stage s;

    begin(&s);
    write_line(&s, 14, span_of("a sample"));
    ck_assert_int_eq(rest_of(&s, s.length - 1, 0), REST_DAMAGE);
    s.chain.at.chain[0] ^= 1;
    write_line(&s, 13, span_of("a sample"));
    s.chain.at.chain[0] ^= 1;
    ck_assert_int_eq(rest_of(&s, s.length - 1, 0), REST_DAMAGE);
    memset(s.bytes, 0, 512);
    memcpy(s.bytes + 512, s.line, s.length);
    ck_assert_int_eq(rest_of(&s, 512 + s.length, 0), REST_DAMAGE);
    s.bytes[511] = '\n';
    ck_assert_int_eq(rest_of(&s, 512 + s.length, 0), REST_DAMAGE);
    s.bytes[520] ^= 1;
    ck_assert_int_eq(rest_of(&s, 512 + s.length, 0), REST_UNSYNCED);
}
END_TEST

/* No writer makes such lines: one with an LF is none, and one with NULs is no unsynced write. */
START_TEST(lines_with_controls_that_prove_themselves)
{
    unsigned char chain[CHAIN_SIZE];
    struct stage s;
    char *at;

    begin(&s);
    write_line(&s, 13, span_of("a\nsample"));
    ck_assert_int_eq(rest_of(&s, s.length - 1, 0), REST_DAMAGE);
    s.chain.at.chain[0] ^= 1;
    write_line(&s, 13, span_of("a  sample"));
    s.chain.at.chain[0] ^= 1;
    at = memmem(s.bytes, s.length, "sample|", strlen("sample|"));
    memset(at - 2, 0, 2);
    chain_finish(s.bytes, s.length - CHAIN_HEX - 1, s.chain.origin, chain);
    ck_assert_int_eq(rest_of(&s, s.length, 5120 - (uint64_t)(at - s.bytes)), REST_DAMAGE);
    s.bytes[s.length - 2] ^= 1;
    ck_assert_int_eq(rest_of(&s, s.length, 5120 - (uint64_t)(at - s.bytes)), REST_UNSYNCED);
}
END_TEST

START_TEST(within_a_snapshot)
{
    struct stage s;

    begin(&s);
    s.chain.bytes_left = s.chain.lines_left = 1;
    ck_assert_int_eq(rest_of(&s, s.length - 1, 0), REST_DAMAGE);
    ck_assert_int_eq(rest_of(&s, 3, 0), REST_DAMAGE);
}
END_TEST

Suite *rest_suite(void)
{
    Suite *suite = suite_create("rest");
    TCase *rest = tcase_create("kinds");

    tcase_add_test(rest, nothing);
    tcase_add_test(rest, line_without_its_lf);
    tcase_add_test(rest, torn_anywhere);
    tcase_add_test(rest, torn_lines_have_the_next_number);
    tcase_add_test(rest, too_long_to_be_a_line);
    tcase_add_test(rest, unsynced_sectors);
    tcase_add_test(rest, flipped_bits);
    tcase_add_test(rest, lines_of_another_place);
    tcase_add_test(rest, lines_with_controls_that_prove_themselves);
    tcase_add_test(rest, within_a_snapshot);
    suite_add_tcase(suite, rest);
    return suite;
}
