/* Forged stores: each check and chain in them is right, and no honest writer would make them. */
#include "proof_fixture.h"
#include "suites.h"

#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

typedef void spoil(struct compaction *compaction);

static void nothing(struct compaction *compaction)
{
    (void)compaction;
}

static void more_lines(struct compaction *compaction)
{
    compaction->header.lines++;
}

static void fewer_lines(struct compaction *compaction)
{
    compaction->header.lines--;
}

static void more_bytes(struct compaction *compaction)
{
    compaction->header.bytes++;
}

static void fewer_bytes(struct compaction *compaction)
{
    compaction->header.bytes--;
}

static void all_bytes(struct compaction *compaction)
{
    compaction->header.bytes = UINT64_MAX;
}

static void other_digest(struct compaction *compaction)
{
    compaction->header.digest[31] ^= 1;
}

static void other_digest_in_both(struct compaction *compaction)
{
    compaction->header.digest[31] ^= 1;
    compaction->point.hash[31] ^= 1;
}

static void other_digest_in_point(struct compaction *compaction)
{
    compaction->point.hash[0] ^= 0x80;
}

static void other_cutoff_in_point(struct compaction *compaction)
{
    compaction->point.expires--;
}

static void no_cutoff_in_point(struct compaction *compaction)
{
    compaction->point.expires = TIME_NEVER;
}

static void no_cutoff_in_header(struct compaction *compaction)
{
    compaction->header.cutoff = TIME_NEVER;
}

static void no_point(struct compaction *compaction)
{
    compaction->without_point = true;
}

static void point_is_an_update(struct compaction *compaction)
{
    compaction->point.op = OPERATION_UPDATE;
}

static void base_below_a_line(struct compaction *compaction)
{
    compaction->header.base = 5; /* the snapshot holds line 6 */
}

static void base_zero(struct compaction *compaction)
{
    compaction->header.base = 0;
}

static void change_snapshot(struct compaction *compaction, void (*change)(struct bytes *snapshot))
{
    unsigned char seal[CHAIN_SIZE];
    struct bytes sealed = {0};
    struct digest digest;
    const char *lf;

    change(&compaction->snapshot);
    crypto_digest_start(&digest, HASH_SIZE);
    for (const char *text = compaction->snapshot.at; (lf = strchr(text, '\n')) != NULL; text = lf + 1) {
        struct bytes line = {0};

        bytes_add(&line, text, (size_t)(lf - text) + 1);
        forge_seal(&line, compaction->header.basechain, seal);
        crypto_digest_add(&digest, seal, CHAIN_SIZE);
        bytes_add(&sealed, line.at, line.length);
        bytes_free(&line);
    }
    bytes_free(&compaction->snapshot);
    compaction->snapshot = sealed;
    compaction->header.bytes = compaction->snapshot.length;
    crypto_digest_end(&digest, compaction->header.digest, HASH_SIZE);
    memcpy(compaction->point.hash, compaction->header.digest, HASH_SIZE);
}

static void number_to_9(struct bytes *snapshot)
{
    snapshot->at[0] = '9';
}

static void number_is_beyond_base(struct compaction *compaction)
{
    change_snapshot(compaction, number_to_9);
}

static void number_of_second_to_1(struct bytes *snapshot)
{
    strchr(snapshot->at, '\n')[1] = '1';
}

static void numbers_do_not_rise(struct compaction *compaction)
{
    change_snapshot(compaction, number_of_second_to_1);
}

static void operation_to_p(struct bytes *snapshot)
{
    snapshot->at[2 + ID_LENGTH + 1] = OPERATION_POINT;
}

static void point_in_the_snapshot(struct compaction *compaction)
{
    change_snapshot(compaction, operation_to_p);
}

static void bar_to_dash(struct bytes *snapshot)
{
    snapshot->at[1] = '-';
}

static void no_line_in_the_snapshot(struct compaction *compaction)
{
    change_snapshot(compaction, bar_to_dash);
}

static void number_with_zero(struct bytes *snapshot)
{
    struct bytes padded = {0};

    bytes_add(&padded, "0", 1);
    bytes_add(&padded, snapshot->at, snapshot->length);
    bytes_free(snapshot);
    *snapshot = padded;
}

static void padded_number(struct compaction *compaction)
{
    change_snapshot(compaction, number_with_zero);
}

static const struct {
    spoil *spoil;
    const char *name;
} forgeries[] = {
    {nothing, "nothing"},
    {more_lines, "more lines"},
    {fewer_lines, "fewer lines"},
    {more_bytes, "more bytes"},
    {fewer_bytes, "fewer bytes"},
    {all_bytes, "2^64-1 bytes"},
    {other_digest, "another digest"},
    {other_digest_in_both, "another digest in header and P line"},
    {other_digest_in_point, "another digest in the P line"},
    {other_cutoff_in_point, "another cutoff in the P line"},
    {no_cutoff_in_point, "no cutoff in the P line"},
    {no_cutoff_in_header, "no cutoff in the header"},
    {no_point, "no P line"},
    {point_is_an_update, "a U line instead of the P line"},
    {base_below_a_line, "a base below a line of the snapshot"},
    {base_zero, "a base of 0"},
    {number_is_beyond_base, "a number beyond base"},
    {numbers_do_not_rise, "numbers that don't rise"},
    {point_in_the_snapshot, "a P line in the snapshot"},
    {no_line_in_the_snapshot, "no line"},
    {padded_number, "a padded number"},
};

START_TEST(forgery_is_found)
{
    struct forge forge;
    struct sample samples[4];
    struct compaction compaction;
    struct bytes file;

    forge_four(&forge, samples);
    compaction_prepare(&compaction, &forge, NOW);
    forgeries[_i].spoil(&compaction);
    file = compaction_file(&compaction, &forge);
    ck_assert_msg(is_sound(&file) == (forgeries[_i].spoil == nothing), "%s", forgeries[_i].name);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* A gap could hide a line of any token. The chain is right. */
START_TEST(number_must_be_the_next)
{
    static const int64_t steps[] = {-6, -1, 1, 2, 1000};
    struct forge forge;
    struct sample samples[4];
    struct bytes file;

    forge_four(&forge, samples);
    forge.at.n = (uint64_t)((int64_t)forge.at.n + steps[_i]);
    forge_create(&forge, &samples[0]);
    file = file_read(forge.path);
    ck_assert(!is_sound(&file));
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(chain_stays_where_it_was_after_a_fault)
{
    struct forge forge;
    struct sample samples[4];
    struct bytes file;
    struct chain chain, before;
    struct line line;
    char text[LINE_SIZE_MAX];
    size_t length;
    unsigned at;

    forge_four(&forge, samples);
    file = file_read(forge.path);
    ck_assert_ptr_null(prove_file(&chain, &file, &at));
    before = chain;
    length = forge_line(&forge, &samples[0].record, text);
    text[length - 2] = text[length - 2] == '0' ? '1' : '0';
    ck_assert_ptr_nonnull(chain_line(&chain, &line, text, length));
    ck_assert_ptr_nonnull(chain_line(&chain, &line, "x\n", 2));
    ck_assert_uint_eq(chain.at.n, before.at.n);
    ck_assert_mem_eq(chain.at.chain, before.at.chain, CHAIN_SIZE);
    hex_encode(text + length - 1 - CHAIN_HEX, forge.at.chain, CHAIN_SIZE);
    ck_assert_ptr_null(chain_line(&chain, &line, text, length));
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

Suite *forged_suite(void)
{
    Suite *suite = suite_create("forged");
    TCase *test = tcase_create("forgeries");

    tcase_add_loop_test(test, forgery_is_found, 0, LENGTH(forgeries));
    tcase_add_loop_test(test, number_must_be_the_next, 0, 5);
    tcase_add_test(test, chain_stays_where_it_was_after_a_fault);
    suite_add_tcase(suite, test);
    return suite;
}
