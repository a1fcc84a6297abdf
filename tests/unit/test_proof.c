/* The proof of a store, line by line: what is sound, and accidents. test_forged.c has what is no accident. */
#include "proof_fixture.h"
#include "suites.h"

#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

/* ---- good stores ---- */

static const struct {
    const char *path;
    uint64_t n;
    const char *chain;
} manual[] = {
    {"tests/unit/vector.tokens", 4, "0040640696ade1b8114a1b76c8dd15f9"},
    {"tests/unit/vector-compacted.tokens", 5, "09d926e2b18abbe773a3fda8ef74132b"},
    {"tests/unit/vector-mended.tokens", 9, "9112d065a595bc1059fda19b1f162b11"},
};

START_TEST(stores_of_the_manual)
{
    struct bytes file = file_read(manual[_i].path);
    struct chain chain;
    char hex[CHAIN_HEX + 1] = "";
    unsigned at;

    ck_assert_ptr_null(prove_file(&chain, &file, &at));
    ck_assert_uint_eq(chain.at.n, manual[_i].n);
    hex_encode(hex, chain.at.chain, CHAIN_SIZE);
    ck_assert_str_eq(hex, manual[_i].chain);
    bytes_free(&file);
}
END_TEST

START_TEST(compaction_changes_the_file_and_not_the_log)
{
    struct forge forge;
    struct sample samples[4];
    struct bytes file;
    struct chain chain;
    unsigned at;

    forge_four(&forge, samples);
    forge_compact(&forge, _i == 0 ? TIME_NEVER : NOW + 1);
    forge_create(&forge, &samples[0]);
    forge_compact(&forge, _i == 0 ? TIME_NEVER : NOW + 2);
    forge_create(&forge, &samples[1]);
    file = file_read(forge.path);
    ck_assert_ptr_null(prove_file(&chain, &file, &at));
    ck_assert_uint_eq(chain.at.n, 10);
    ck_assert_mem_eq(chain.at.chain, forge.at.chain, CHAIN_SIZE);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* All tokens were dropped: the P line alone is left. */
START_TEST(snapshot_may_be_empty)
{
    struct forge forge;
    struct sample samples[4];
    struct bytes file;

    forge_four(&forge, samples);
    forge_revoke(&forge, &samples[0]);
    forge_revoke(&forge, &samples[1]);
    forge_compact(&forge, NOW + 1);
    ck_assert_uint_eq(forge.header.lines, 0);
    file = file_read(forge.path);
    ck_assert(is_sound(&file));
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(new_epoch_goes_on_with_its_own_chain)
{
    struct forge forge;
    struct sample samples[4];
    struct bytes file;
    struct chain chain;
    unsigned at;

    forge_four(&forge, samples);
    forge_mend(&forge, 1800000000);
    forge_create(&forge, &samples[0]);
    file = file_read(forge.path);
    ck_assert_ptr_null(prove_file(&chain, &file, &at));
    ck_assert_uint_eq(chain.header.epoch, 1800000000);
    ck_assert_uint_eq(chain.at.n, 8);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(snapshot_is_skipped_by_who_has_it)
{
    struct forge forge;
    struct sample samples[4];
    struct bytes file;
    struct chain chain;
    struct line line;
    const char *point;
    size_t header;

    forge_four(&forge, samples);
    forge_compact(&forge, NOW);
    file = file_read(forge.path);
    header = (size_t)(strchr(file.at, '\n') - file.at) + 1;
    point = file.at + header + forge.header.bytes;
    ck_assert_ptr_null(chain_begin(&chain, PROOF_DOMAIN, file.at, header));
    chain_skip_snapshot(&chain);
    ck_assert_uint_eq(chain.at.n, 6);
    ck_assert_ptr_nonnull(chain_end(&chain)); /* the P line is due */
    ck_assert_ptr_null(chain_line(&chain, &line, point, file.length - (size_t)(point - file.at)));
    ck_assert_ptr_null(chain_end(&chain));
    ck_assert_mem_eq(chain.at.chain, forge.at.chain, CHAIN_SIZE);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(store_of_another_domain)
{
    struct forge forge;
    struct sample samples[4];
    struct bytes file;
    struct chain chain;

    forge_four(&forge, samples);
    file = file_read(forge.path);
    ck_assert_ptr_nonnull(
        chain_begin(&chain, "example.co", file.at, (size_t)(strchr(file.at, '\n') - file.at) + 1));
    ck_assert_ptr_nonnull(
        chain_begin(&chain, "xxample.com", file.at, (size_t)(strchr(file.at, '\n') - file.at) + 1));
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* ---- damage ---- */

static void forge_for(struct forge *forge, int kind)
{
    struct sample samples[4];

    forge_four(forge, samples);
    if (kind > 0)
        forge_compact(forge, NOW);
    if (kind > 1)
        forge_create(forge, &samples[0]);
}

/* Whichever bit flips, be it in the header, the snapshot or the log, the store is not sound; but for the last
 * LF: the last line counts without it. */
START_TEST(every_flipped_bit_is_found)
{
    struct forge forge;
    struct bytes file;

    forge_for(&forge, _i);
    file = file_read(forge.path);
    ck_assert(is_sound(&file));
    for (size_t i = 0; i < 8 * (file.length - 1); i++) {
        file.at[i / 8] = (char)(file.at[i / 8] ^ 1 << i % 8);
        if (is_sound(&file))
            ck_abort_msg("bit %zu of byte %zu", i % 8, i / 8);
        file.at[i / 8] = (char)(file.at[i / 8] ^ 1 << i % 8);
    }
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* A file without the line that begins there. */
static struct bytes without_line(const struct bytes *file, const char *line)
{
    size_t length = (size_t)(strchr(line, '\n') - line) + 1;
    struct bytes other = {0};

    bytes_add(&other, file->at, (size_t)(line - file->at));
    bytes_add(&other, line + length, file->length - (size_t)(line - file->at) - length);
    return other;
}

START_TEST(missing_line_is_found)
{
    struct forge forge;
    struct bytes file;
    const char *line;

    forge_for(&forge, _i);
    file = file_read(forge.path);
    for (line = file.at; strchr(line, '\n') + 1 < file.at + file.length; line = strchr(line, '\n') + 1) {
        struct bytes other = without_line(&file, line);

        ck_assert_msg(!is_sound(&other), "without the line at byte %zu", (size_t)(line - file.at));
        bytes_free(&other);
    }
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(doubled_and_swapped_lines_are_found)
{
    struct forge forge;
    struct bytes file;
    const char *line, *next, *after;

    forge_for(&forge, _i);
    file = file_read(forge.path);
    for (line = file.at; (next = strchr(line, '\n') + 1) < file.at + file.length; line = next) {
        struct bytes doubled = {0}, swapped = {0};

        after = strchr(next, '\n') + 1;
        bytes_add(&doubled, file.at, (size_t)(next - file.at));
        bytes_add(&doubled, line, file.length - (size_t)(line - file.at));
        ck_assert(!is_sound(&doubled));
        bytes_add(&swapped, file.at, (size_t)(line - file.at));
        bytes_add(&swapped, next, (size_t)(after - next));
        bytes_add(&swapped, line, (size_t)(next - line));
        bytes_add(&swapped, after, file.length - (size_t)(after - file.at));
        ck_assert(!is_sound(&swapped));
        bytes_free(&doubled);
        bytes_free(&swapped);
    }
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* Whole lines may be missing at the end of the log alone: it is an older store then. */
START_TEST(cut_anywhere)
{
    struct forge forge;
    struct bytes file;
    size_t log;

    forge_for(&forge, _i);
    file = file_read(forge.path);
    log = (size_t)(strchr(file.at, '\n') - file.at) + 1;
    if (_i > 0) { /* the snapshot and the P line must be there */
        log += (size_t)forge.header.bytes;
        log += (size_t)(strchr(file.at + log, '\n') - (file.at + log)) + 1;
    }
    for (size_t length = 0; length <= file.length; length++) {
        struct bytes cut = {.at = file.at, .length = length};

        if (length >= log)
            ck_assert_msg(is_sound(&cut), "cut at byte %zu", length);
        else if (length > 0 && memchr(file.at, '\n', length))
            ck_assert_msg(!is_sound(&cut), "cut at byte %zu", length);
    }
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

Suite *proof_suite(void)
{
    Suite *suite = suite_create("proof");
    TCase *sound = tcase_create("sound"), *damage = tcase_create("damage");

    tcase_add_loop_test(sound, stores_of_the_manual, 0, LENGTH(manual));
    tcase_add_loop_test(sound, compaction_changes_the_file_and_not_the_log, 0, 2);
    tcase_add_test(sound, snapshot_may_be_empty);
    tcase_add_test(sound, new_epoch_goes_on_with_its_own_chain);
    tcase_add_test(sound, snapshot_is_skipped_by_who_has_it);
    tcase_add_test(sound, store_of_another_domain);
    suite_add_tcase(suite, sound);
    tcase_add_loop_test(damage, every_flipped_bit_is_found, 0, 3);
    tcase_add_loop_test(damage, missing_line_is_found, 0, 3);
    tcase_add_loop_test(damage, doubled_and_swapped_lines_are_found, 0, 3);
    tcase_add_loop_test(damage, cut_anywhere, 0, 3);
    suite_add_tcase(suite, damage);
    return suite;
}
