#include "forge.h"
#include "store/salvage.h"
#include "suites.h"

#include <stdlib.h>
#include <string.h>

enum { TOKENS = 6, OLD = 4, LAST = 2 };

/* A store of a few tokens, of which the last lines revoke 1 and LAST, and OLD was before a compaction. */
struct plot {
    struct forge forge;
    struct sample sample[TOKENS];
    struct bytes file;
};

static void append_change(struct plot *plot, int i, enum operation op)
{
    plot->sample[i].record.op = (char)op;
    forge_append(&plot->forge, &plot->sample[i].record);
}

static void begin(struct plot *plot, bool compacted)
{
    char directory[SCRATCH_PATH];

    scratch_directory(directory);
    forge_start(&plot->forge, directory, "example.com");
    for (int i = 0; i < TOKENS; i++) {
        sample_make(&plot->sample[i]);
        forge_create(&plot->forge, &plot->sample[i]);
    }
    forge_revoke(&plot->forge, &plot->sample[OLD]);
    if (compacted)
        forge_compact(&plot->forge, TIME_NEVER);
    append_change(plot, 0, OPERATION_UPDATE);
    append_change(plot, LAST, OPERATION_UPDATE);
    forge_revoke(&plot->forge, &plot->sample[1]);
    forge_revoke(&plot->forge, &plot->sample[LAST]);
    plot->file = file_read(plot->forge.path);
}

static void end(struct plot *plot)
{
    bytes_free(&plot->file);
    forge_end(&plot->forge);
}

static bool salvage_bytes(struct salvage *salvage, const char *bytes, size_t size, struct fault *fault)
{
    char *room = salvage_room(salvage, size);

    MUST(room);
    if (size > 0)
        memcpy(room, bytes, size);
    fault->text[0] = '\0';
    return salvage_find(salvage, size, "example.com", NOW, fault);
}

static bool is_active(const struct salvage *salvage, const struct sample *sample)
{
    for (size_t i = 0; i < salvage->snapshot.count; i++) {
        const struct last_line *line = &salvage->snapshot.lines[i];

        if (memcmp(line->id, sample->record.id, ID_LENGTH) == 0)
            return !line->ends && !line_revoked(line->id);
    }
    return false;
}

static size_t count_ends(const struct salvage *salvage)
{
    size_t ends = 0;

    for (size_t i = 0; i < salvage->snapshot.count; i++)
        ends += salvage->snapshot.lines[i].ends;
    return ends;
}

/* Whatever was salvaged: who was revoked still is, and only who was a token is one. */
static void expect_no_gift(const struct salvage *salvage, const struct plot *plot)
{
    size_t active = 0;

    MUST(!is_active(salvage, &plot->sample[1]));
    MUST(!is_active(salvage, &plot->sample[OLD]));
    MUST(!is_active(salvage, &plot->sample[LAST]));
    for (int i = 0; i < TOKENS; i++)
        active += is_active(salvage, &plot->sample[i]);
    for (size_t i = 0; i < salvage->snapshot.count; i++)
        active -= !salvage->snapshot.lines[i].ends && !line_revoked(salvage->snapshot.lines[i].id);
    MUST(active == 0);
}

START_TEST(sound_store)
{
    struct salvage salvage;
    struct fault fault;
    struct plot plot;

    begin(&plot, _i == 1);
    ck_assert(salvage_bytes(&salvage, plot.file.at, plot.file.length, &fault));
    ck_assert_str_eq(salvage.any.text, "");
    ck_assert_uint_eq(salvage.base, plot.forge.n);
    ck_assert_uint_eq(salvage.snapshot.count, TOKENS);
    ck_assert_uint_eq(count_ends(&salvage), 0);
    for (size_t i = 0; i < plot.forge.count; i++)
        for (size_t j = 0; j < TOKENS; j++)
            if (memcmp(plot.forge.state[i].id, salvage.snapshot.lines[j].id, ID_LENGTH) == 0)
                ck_assert_mem_eq(plot.forge.state[i].text.at, salvage.snapshot.lines[j].text,
                                 plot.forge.state[i].text.length);
    salvage_free(&salvage);
    end(&plot);
}
END_TEST

/* What becomes of damage. */
enum outcome { HEADER_LOST, ANY, GOOD };

static enum outcome outcome_of(const struct plot *plot, const char *bytes, size_t size, size_t *ends)
{
    struct salvage salvage;
    struct fault fault;
    enum outcome outcome = ANY;

    if (!salvage_bytes(&salvage, bytes, size, &fault)) {
        outcome = HEADER_LOST;
    } else if (salvage.any.text[0] == '\0') {
        outcome = GOOD;
        expect_no_gift(&salvage, plot);
        *ends = count_ends(&salvage);
    }
    salvage_free(&salvage);
    return outcome;
}

/* Each bit, one at a time: what it could hide is in doubt, and little else. */
START_TEST(flipped_bits)
{
    size_t counts[3] = {0}, ends, most = 0, bits;
    struct plot plot;

    begin(&plot, _i == 1);
    bits = (plot.file.length - 1) * 8;
    for (size_t bit = 0; bit < bits; bit++) {
        char *byte = &plot.file.at[bit / 8];

        *byte = (char)(*byte ^ 1 << bit % 8);
        ends = 0;
        counts[outcome_of(&plot, plot.file.at, plot.file.length, &ends)]++;
        most = ends > most ? ends : most;
        *byte = (char)(*byte ^ 1 << bit % 8);
    }
    /* what nothing but the header knows, and line feeds that are lost or gained */
    ck_assert_uint_eq(counts[HEADER_LOST], _i == 1 ? 8 * (32 + 20 + 32) : 8 * (32 + 20));
    ck_assert_uint_lt(counts[ANY], bits / 100);
    ck_assert_uint_le(most, 3);
    end(&plot);
}
END_TEST

/* Two bytes, anywhere but at the end, where nothing tells what is lost: nobody who was revoked comes back. */
START_TEST(random_damage)
{
    struct plot plot;
    size_t ends;

    begin(&plot, _i == 1);
    for (int round = 0; round < 20000; round++) {
        struct bytes copy = {0};

        bytes_add(&copy, plot.file.at, plot.file.length);
        for (int i = 0; i < 2; i++)
            copy.at[crypto_random_below((uint32_t)copy.length - 1)] = (char)crypto_random_below(256);
        outcome_of(&plot, copy.at, copy.length, &ends);
        bytes_free(&copy);
    }
    end(&plot);
}
END_TEST

static size_t start_of_line(const struct bytes *file, size_t number)
{
    size_t at = 0;

    for (; number > 0; number--)
        at = (size_t)((const char *)memchr(file->at + at, '\n', file->length - at) - file->at) + 1;
    return at;
}

static void remove_bytes(struct bytes *file, size_t from, size_t to)
{
    memmove(file->at + from, file->at + to, file->length - to);
    file->length -= to - from;
}

static void insert(struct bytes *file, size_t at, const char *text, size_t length)
{
    struct bytes grown = {0};

    bytes_add(&grown, file->at, at);
    bytes_add(&grown, text, length);
    bytes_add(&grown, file->at + at, file->length - at);
    bytes_free(file);
    *file = grown;
}

/* A line that is gone could have ended any token. */
START_TEST(lost_lines)
{
    struct plot plot;
    size_t ends;

    begin(&plot, false);
    for (size_t line = 1; line < 10; line++) {
        struct bytes copy = {0};

        bytes_add(&copy, plot.file.at, plot.file.length);
        remove_bytes(&copy, start_of_line(&copy, line), start_of_line(&copy, line + 1));
        ck_assert_int_eq(outcome_of(&plot, copy.at, copy.length, &ends), ANY);
        bytes_free(&copy);
    }
    end(&plot);
}
END_TEST

/* So could one that a snapshot has lost. */
START_TEST(lost_of_the_snapshot)
{
    struct plot plot;
    size_t ends;

    begin(&plot, true);
    for (size_t line = 1; line <= TOKENS; line++) {
        struct bytes copy = {0};

        bytes_add(&copy, plot.file.at, plot.file.length);
        remove_bytes(&copy, start_of_line(&copy, line), start_of_line(&copy, line + 1));
        ck_assert_int_eq(outcome_of(&plot, copy.at, copy.length, &ends), ANY);
        bytes_free(&copy);
    }
    end(&plot);
}
END_TEST

/* The lines that the tokens began with, which all follow on each other, in the place of their last. */
START_TEST(stale_lines_in_the_snapshot)
{
    struct bytes before, file = {0};
    struct salvage salvage;
    struct fault fault;
    struct plot plot;

    begin(&plot, false);
    before = plot.file;
    forge_compact(&plot.forge, TIME_NEVER);
    plot.file = file_read(plot.forge.path);
    bytes_add(&file, plot.file.at, start_of_line(&plot.file, 1));
    bytes_add(&file, before.at + start_of_line(&before, 1),
              start_of_line(&before, 1 + TOKENS) - start_of_line(&before, 1));
    bytes_add(&file, plot.file.at + start_of_line(&plot.file, 1 + TOKENS),
              plot.file.length - start_of_line(&plot.file, 1 + TOKENS));
    ck_assert(salvage_bytes(&salvage, file.at, file.length, &fault));
    ck_assert_str_eq(salvage.any.text, "");
    ck_assert_uint_eq(count_ends(&salvage), TOKENS);
    expect_no_gift(&salvage, &plot);
    salvage_free(&salvage);
    bytes_free(&before);
    bytes_free(&file);
    end(&plot);
}
END_TEST

/* A block that the disk has kept of the file before the compaction, wherever it comes to stand. */
START_TEST(stale_block_in_the_snapshot)
{
    enum { BLOCK = 800, STEP = 7 };
    struct bytes before;
    struct plot plot;
    size_t begins, ends, stand = 0;

    begin(&plot, false);
    before = plot.file;
    forge_compact(&plot.forge, TIME_NEVER);
    plot.file = file_read(plot.forge.path);
    begins = start_of_line(&plot.file, 1);
    for (size_t to = begins; to + BLOCK <= start_of_line(&plot.file, 1 + TOKENS); to += STEP)
        for (size_t from = start_of_line(&before, 1); from + BLOCK <= before.length; from += STEP) {
            struct bytes copy = {0};

            bytes_add(&copy, plot.file.at, plot.file.length);
            memcpy(copy.at + to, before.at + from, BLOCK);
            stand += outcome_of(&plot, copy.at, copy.length, &ends) == GOOD;
            bytes_free(&copy);
        }
    ck_assert_uint_gt(stand, 0);
    bytes_free(&before);
    end(&plot);
}
END_TEST

/* A clock was wrong when the store was compacted: what it would drop may still work. */
START_TEST(cutoff_still_to_come)
{
    struct salvage salvage;
    struct fault fault;
    struct plot plot;

    begin(&plot, false);
    plot.sample[0].record.expires = NOW + 1000;
    append_change(&plot, 0, OPERATION_UPDATE);
    forge_compact(&plot.forge, NOW + 500);
    plot.sample[0].record.expires = NOW + 200;
    append_change(&plot, 0, OPERATION_UPDATE);
    bytes_free(&plot.file);
    plot.file = file_read(plot.forge.path);
    ck_assert(salvage_bytes(&salvage, plot.file.at, plot.file.length, &fault));
    ck_assert_str_eq(salvage.any.text, "");
    ck_assert_int_eq(salvage.header.cutoff, NOW);
    ck_assert(is_active(&salvage, &plot.sample[0]));
    salvage_free(&salvage);
    end(&plot);
}
END_TEST

/* A revocation whose id and serial are those of nobody, or which begins as another line does: whose it was,
 * it does not show. */
START_TEST(revocation_of_nobody)
{
    struct plot plot;
    size_t ends, revocation;

    begin(&plot, false);
    revocation = start_of_line(&plot.file, OLD + 3);
    if (_i == 0) {
        memcpy(plot.file.at + revocation + 2, "Nobodys00000", ID_LENGTH);
        plot.file.at[revocation + 2 + AT_SERIAL] = '6';
    } else {
        memcpy(plot.file.at + revocation, plot.file.at + start_of_line(&plot.file, 8), 60);
        plot.file.at[revocation + 2 + AT_SERIAL - 1] = 'x'; /* the piece and the rest make no line */
    }
    ck_assert_int_eq(outcome_of(&plot, plot.file.at, plot.file.length, &ends), ANY);
    end(&plot);
}
END_TEST

/* A line too many hides nothing where the chain goes on behind it. */
START_TEST(foreign_lines)
{
    static const char *const texts[] = {"\n", "hello\n", "7|hello|R|\n"};
    struct plot plot;
    size_t ends = 99;

    begin(&plot, false);
    insert(&plot.file, start_of_line(&plot.file, 4), texts[_i], strlen(texts[_i]));
    ck_assert_int_eq(outcome_of(&plot, plot.file.at, plot.file.length, &ends), GOOD);
    ck_assert_uint_eq(ends, 0);
    insert(&plot.file, plot.file.length, texts[_i],
           strlen(texts[_i])); /* here it could be any token's line */
    ck_assert_int_eq(outcome_of(&plot, plot.file.at, plot.file.length, &ends), ANY);
    end(&plot);
}
END_TEST

/* One that was written twice shows whose it is. */
START_TEST(doubled_line)
{
    struct plot plot;
    size_t from, to, ends;
    char text[LINE_SIZE_MAX];

    begin(&plot, false);
    from = start_of_line(&plot.file, 4);
    to = start_of_line(&plot.file, 5);
    memcpy(text, plot.file.at + from, to - from);
    insert(&plot.file, to, text, to - from);
    ck_assert_int_eq(outcome_of(&plot, plot.file.at, plot.file.length, &ends), GOOD);
    ck_assert_uint_eq(ends, 1);
    end(&plot);
}
END_TEST

/* The file of another domain is no damaged one of ours. */
START_TEST(another_domain)
{
    struct salvage salvage;
    struct fault fault;
    struct plot plot;

    begin(&plot, false);
    memcpy(plot.file.at + strlen("toktab1|"), "example.net", strlen("example.net"));
    ck_assert(
        salvage_bytes(&salvage, plot.file.at, plot.file.length, &fault)); /* its check says what it was */
    salvage_free(&salvage);
    strcpy(plot.forge.header.domain, "example.net");
    header_format(plot.file.at, &plot.forge.header);
    plot.file.at[start_of_line(&plot.file, 1) - 1] = '\n';
    ck_assert(!salvage_bytes(&salvage, plot.file.at, plot.file.length, &fault));
    salvage_free(&salvage);
    end(&plot);
}
END_TEST

START_TEST(end_all)
{
    struct salvage salvage;
    struct fault fault;
    struct plot plot;

    begin(&plot, _i == 1);
    ck_assert(salvage_bytes(&salvage, plot.file.at, plot.file.length, &fault));
    salvage_end_all(&salvage);
    ck_assert_uint_eq(count_ends(&salvage), TOKENS - 3); /* three are revoked already */
    salvage_free(&salvage);
    end(&plot);
}
END_TEST

START_TEST(no_store)
{
    static const char *const texts[] = {"", "\n", "toktab1|\n", "no store\nno line\n"};
    struct salvage salvage;
    struct fault fault;

    ck_assert(!salvage_bytes(&salvage, texts[_i], strlen(texts[_i]), &fault));
    ck_assert_str_ne(fault.text, "");
    salvage_free(&salvage);
}
END_TEST

Suite *salvage_suite(void)
{
    Suite *suite = suite_create("salvage");
    TCase *test = tcase_create("salvage");

    tcase_set_timeout(test, 120);
    tcase_add_loop_test(test, sound_store, 0, 2);
    tcase_add_loop_test(test, flipped_bits, 0, 2);
    tcase_add_loop_test(test, random_damage, 0, 2);
    tcase_add_test(test, lost_lines);
    tcase_add_test(test, lost_of_the_snapshot);
    tcase_add_test(test, stale_lines_in_the_snapshot);
    tcase_add_test(test, stale_block_in_the_snapshot);
    tcase_add_test(test, cutoff_still_to_come);
    tcase_add_loop_test(test, revocation_of_nobody, 0, 2);
    tcase_add_loop_test(test, foreign_lines, 0, 3);
    tcase_add_test(test, doubled_line);
    tcase_add_test(test, another_domain);
    tcase_add_loop_test(test, end_all, 0, 2);
    tcase_add_loop_test(test, no_store, 0, 4);
    suite_add_tcase(suite, test);
    return suite;
}
