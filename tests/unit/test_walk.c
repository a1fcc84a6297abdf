/* The proof of a store, line by line; the stores are forged in memory and on disk, the walk sees bytes alone.
 */
#include "forge.h"
#include "suites.h"
#include "walk.h"

#include <stdio.h>
#include <string.h>

#define DOMAIN "example.com"
#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

/* Walk through a whole file. NULL, or what is wrong; *at: the number of the line that is. */
static const char *walk_through(struct walk *walk, const struct bytes *file, unsigned *at)
{
    const char *text = file->at, *end = file->at + file->length, *wrong = NULL;

    for (*at = 1; !wrong && text < end; ++*at) {
        const char *lf = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)(lf - text) + 1;
        struct line line;

        if (!lf) /* a torn tail */
            break;
        wrong = *at == 1 ? walk_start(walk, DOMAIN, text, length) : walk_line(walk, &line, text, length);
        if (wrong)
            return wrong;
        text += length;
    }
    return walk_end(walk);
}

static bool is_sound(const struct bytes *file)
{
    struct walk walk;
    unsigned at;

    return walk_through(&walk, file, &at) == NULL;
}

/* ---- good stores ---- */

static const struct {
    const char *path;
    uint64_t n;
    const char *chain;
} manual[] = {
    {"tests/unit/vector.tokens", 3, "604b5d89fe36f526bf92dc4cddd58e69"},
    {"tests/unit/vector-compacted.tokens", 4, "0cd56bbb4f048af1231c469a5ced9b51"},
};

START_TEST(stores_of_the_manual)
{
    struct bytes file = file_read(manual[_i].path);
    struct walk walk;
    char chain[CHAIN_HEX + 1] = "";
    unsigned at;

    ck_assert_ptr_null(walk_through(&walk, &file, &at));
    ck_assert_uint_eq(walk.n, manual[_i].n);
    hex_encode(chain, walk.chain, CHAIN_SIZE);
    ck_assert_str_eq(chain, manual[_i].chain);
    bytes_free(&file);
}
END_TEST

/* A store with four tokens, of which the last two are revoked. */
static void forge_four(struct forge *forge, struct sample samples[4])
{
    char directory[SCRATCH_PATH];

    scratch_directory(directory);
    forge_start(forge, directory, DOMAIN);
    for (int i = 0; i < 4; i++) {
        sample_make(&samples[i]);
        forge_create(forge, &samples[i]);
    }
    forge_revoke(forge, &samples[2]);
    forge_revoke(forge, &samples[3]);
}

START_TEST(compaction_changes_the_file_and_not_the_log)
{
    struct forge forge;
    struct sample samples[4];
    struct bytes file;
    struct walk walk;
    unsigned at;

    forge_four(&forge, samples);
    forge_compact(&forge, _i == 0 ? TIME_NEVER : NOW + 1);
    forge_create(&forge, &samples[0]);
    forge_compact(&forge, _i == 0 ? TIME_NEVER : NOW + 2);
    forge_create(&forge, &samples[1]);
    file = file_read(forge.path);
    ck_assert_ptr_null(walk_through(&walk, &file, &at));
    ck_assert_uint_eq(walk.n, 10);
    ck_assert_mem_eq(walk.chain, forge.chain, CHAIN_SIZE);
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
    struct walk walk;
    unsigned at;

    forge_four(&forge, samples);
    forge_mend(&forge, 1800000000);
    forge_create(&forge, &samples[0]);
    file = file_read(forge.path);
    ck_assert_ptr_null(walk_through(&walk, &file, &at));
    ck_assert_uint_eq(walk.header.epoch, 1800000000);
    ck_assert_uint_eq(walk.n, 8);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(snapshot_is_skipped_by_who_has_it)
{
    struct forge forge;
    struct sample samples[4];
    struct bytes file;
    struct walk walk;
    struct line line;
    const char *point;
    size_t header;

    forge_four(&forge, samples);
    forge_compact(&forge, NOW);
    file = file_read(forge.path);
    header = (size_t)(strchr(file.at, '\n') - file.at) + 1;
    point = file.at + header + forge.header.bytes;
    ck_assert_ptr_null(walk_start(&walk, DOMAIN, file.at, header));
    walk_skip_snapshot(&walk);
    ck_assert_uint_eq(walk.n, 6);
    ck_assert_ptr_nonnull(walk_end(&walk)); /* the P line is due */
    ck_assert_ptr_null(walk_line(&walk, &line, point, file.length - (size_t)(point - file.at)));
    ck_assert_ptr_null(walk_end(&walk));
    ck_assert_mem_eq(walk.chain, forge.chain, CHAIN_SIZE);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(store_of_another_domain)
{
    struct forge forge;
    struct sample samples[4];
    struct bytes file;
    struct walk walk;

    forge_four(&forge, samples);
    file = file_read(forge.path);
    ck_assert_ptr_nonnull(
        walk_start(&walk, "example.co", file.at, (size_t)(strchr(file.at, '\n') - file.at) + 1));
    ck_assert_ptr_nonnull(
        walk_start(&walk, "xxample.com", file.at, (size_t)(strchr(file.at, '\n') - file.at) + 1));
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
 * LF, without which the last line is a torn tail. */
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
        log += forge.header.bytes;
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

/* ---- lies that the chain and the check vouch for ---- */

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
    struct digest digest;

    change(&compaction->snapshot);
    compaction->header.bytes = compaction->snapshot.length;
    crypto_digest_start(&digest, HASH_SIZE);
    crypto_digest_add(&digest, compaction->snapshot.at, compaction->snapshot.length);
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
} lies[] = {
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

START_TEST(lie_is_found)
{
    struct forge forge;
    struct sample samples[4];
    struct compaction compaction;
    struct bytes file;

    forge_four(&forge, samples);
    compaction_prepare(&compaction, &forge, NOW);
    lies[_i].spoil(&compaction);
    file = compaction_file(&compaction, &forge);
    ck_assert_msg(is_sound(&file) == (lies[_i].spoil == nothing), "%s", lies[_i].name);
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
    forge.n = (uint64_t)((int64_t)forge.n + steps[_i]);
    forge_create(&forge, &samples[0]);
    file = file_read(forge.path);
    ck_assert(!is_sound(&file));
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(walk_stays_where_it_was_after_a_fault)
{
    struct forge forge;
    struct sample samples[4];
    struct bytes file;
    struct walk walk, before;
    struct line line;
    char text[LINE_SIZE_MAX];
    size_t length;
    unsigned at;

    forge_four(&forge, samples);
    file = file_read(forge.path);
    ck_assert_ptr_null(walk_through(&walk, &file, &at));
    before = walk;
    length = forge_line(&forge, &samples[0].record, text);
    text[length - 2] = text[length - 2] == '0' ? '1' : '0';
    ck_assert_ptr_nonnull(walk_line(&walk, &line, text, length));
    ck_assert_ptr_nonnull(walk_line(&walk, &line, "x\n", 2));
    ck_assert_uint_eq(walk.n, before.n);
    ck_assert_mem_eq(walk.chain, before.chain, CHAIN_SIZE);
    hex_encode(text + length - 1 - CHAIN_HEX, forge.chain, CHAIN_SIZE);
    ck_assert_ptr_null(walk_line(&walk, &line, text, length));
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

Suite *walk_suite(void)
{
    Suite *suite = suite_create("walk");
    TCase *sound = tcase_create("sound"), *damage = tcase_create("damage"), *lie = tcase_create("lies");

    tcase_add_loop_test(sound, stores_of_the_manual, 0, LENGTH(manual));
    tcase_add_loop_test(sound, compaction_changes_the_file_and_not_the_log, 0, 2);
    tcase_add_test(sound, snapshot_may_be_empty);
    tcase_add_test(sound, new_epoch_goes_on_with_its_own_chain);
    tcase_add_test(sound, snapshot_is_skipped_by_who_has_it);
    tcase_add_test(sound, store_of_another_domain);
    suite_add_tcase(suite, sound);
    tcase_set_timeout(damage, 120);
    tcase_add_loop_test(damage, every_flipped_bit_is_found, 0, 3);
    tcase_add_loop_test(damage, missing_line_is_found, 0, 3);
    tcase_add_loop_test(damage, doubled_and_swapped_lines_are_found, 0, 3);
    tcase_add_loop_test(damage, cut_anywhere, 0, 3);
    suite_add_tcase(suite, damage);
    tcase_add_loop_test(lie, lie_is_found, 0, LENGTH(lies));
    tcase_add_loop_test(lie, number_must_be_the_next, 0, 5);
    tcase_add_test(lie, walk_stays_where_it_was_after_a_fault);
    suite_add_tcase(suite, lie);
    return suite;
}
