/* Which tokens are in doubt when a store is damaged: each rule of toktab-store(5). */
#include "mendable.h"
#include "suites.h"

#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

/* ---- the log ---- */

START_TEST(sound_stores)
{
    struct mended mended;
    struct mendable mendable;
    struct bytes file = mendable_begin(&mendable, _i == 1);

    mendable_expect_alone(&mendable, &file, "", "ACDE");
    ck_assert(mend_bytes(&mended, &file, 1, "example.com"));
    ck_assert(position_equal(&mended.salvage.at, &mendable.forge.at));
    ck_assert_uint_eq(mended.salvage.header.epoch, 1);
    ck_assert_uint_eq(mended.salvage.snapshot.count, MENDABLE_TOKENS);
    for (size_t i = 0; i < MENDABLE_TOKENS; i++)
        for (size_t j = 0; j < MENDABLE_TOKENS; j++)
            if (memcmp(mendable.forge.state[i].id, mended.salvage.snapshot.lines[j].id, ID_LENGTH) == 0)
                ck_assert_mem_eq(mendable.forge.state[i].text.at, mended.salvage.snapshot.lines[j].text,
                                 mendable.forge.state[i].text.length);
    mended_free(&mended);
    mendable_end(&mendable, &file);
}
END_TEST

/* The next line says whose it was. Who has a later line is not in doubt, and of whom nothing is left is
 * unknown: counted if the next line tells, else the lines are. What a file lost at its end leaves no trace.
 */
static const struct {
    bool compacted;
    int numbers[8];
    const char *ended, *alive;
    uint64_t lost, unknown;
} gaps[] = {
    {false, {1}, "", "CDE", 1, 0},
    {false, {2}, "", "ACDE", 0, 0},
    {false, {5}, "", "ACD", 1, 0},
    {false, {6}, "", "ACDE", 0, 0},
    {false, {7}, "F", "ACDE", 0, 0},
    {false, {8}, "", "ACDE", 0, 0},
    {false, {9}, "B", "ACDE", 0, 0},
    {false, {10}, "C", "ADE", 0, 0},
    {false, {11}, "", "ACDE", 0, 0},
    {false, {1, 2}, "", "CDE", 0, 1},
    {false, {1, 2, 3}, "", "CDE", 0, 2},
    {false, {1, 9}, "B", "CDE", 1, 0},
    {false, {7, 9}, "BF", "ACDE", 0, 0},
    {false, {7, 8}, "AEF", "CD", 0, 1},
    {false, {8, 9, 10}, "ABCE", "D", 0, 2},
    {false, {3, 4}, "A", "CDE", 0, 1}, /* B is revoked, C and D have later lines */
    {false, {10, 11}, "", "ACDE", 0, 0},
    {true, {8}, "", "ACDE", 0, 0}, /* the P line */
    {true, {9}, "", "ACDE", 0, 0},
    {true, {10}, "B", "ACDE", 0, 0},
    {true, {11}, "C", "ADE", 0, 0},
    {true, {8, 9}, "", "ACDE", 0, 0},
    {true, {8, 10}, "B", "ACDE", 0, 0},
    {true, {8, 9, 10}, "ABE", "CD", 0, 1},
    {true, {9, 10}, "ABE", "CD", 0, 1},
    {true, {10, 11}, "ABCE", "D", 0, 1},
};

START_TEST(missing_lines)
{
    struct mendable mendable;
    struct mended mended;
    struct bytes file = mendable_begin(&mendable, gaps[_i].compacted),
                 left = mendable_without(&mendable, &file, gaps[_i].numbers);

    mendable_expect(&mendable, &left, 1, gaps[_i].ended, gaps[_i].alive, gaps[_i].lost);
    ck_assert(mend_bytes(&mended, &left, 1, "example.com"));
    ck_assert_uint_eq(mended.salvage.unknown, gaps[_i].unknown);
    mended_free(&mended);
    mendable_expect_with(&mendable, &left, &file, "", "ACDE");
    mendable_expect_with(&mendable, &file, &left, "", "ACDE");
    bytes_free(&left);
    mendable_end(&mendable, &file);
}
END_TEST

/* In a log that has the P line of a compaction in its midst, the next line says that it was of nobody. */
START_TEST(missing_point_within_a_log)
{
    struct mendable mendable;
    struct bytes file, left;

    mendable_start(&mendable);
    file = file_read(mendable.forge.path);
    forge_compact(&mendable.forge, TIME_NEVER);
    left = mendable_change(&mendable, 4);
    bytes_replace(&file, file.length, 0, left.at + start_of_line(&left, 8),
                  left.length - start_of_line(&left, 8)); /* 1 to 7, and 9 to 12 */
    mendable_expect_alone(&mendable, &file, "", "ACDE");
    bytes_free(&left);
    mendable_end(&mendable, &file);
}
END_TEST

/* What stands elsewhere is not lost. */
START_TEST(swapped_lines)
{
    static const int orders[][14] = {
        {0, 1, 2, 3, 11, 5, 6, 7, 8, 9, 10, 4, -1},
        {0, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, -1},
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 10, -1},
    };
    struct mendable mendable;
    struct bytes file = mendable_begin(&mendable, false), made = lines_of(&file, orders[_i]);

    mendable_expect_alone(&mendable, &made, "", "ACDE");
    bytes_free(&made);
    mendable_end(&mendable, &file);
}
END_TEST

/* A line that stands twice may have been written over another. */
START_TEST(repeated_lines)
{
    static const struct {
        int order[14];
        const char *ended, *alive;
    } cases[] = {
        {{0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 10, 11, -1}, "", "ACDE"},
        {{0, 1, 2, 3, 4, 5, 6, 7, 8, 2, 10, 11, -1}, "B", "ACDE"},
        {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11, -1}, "ACDE", ""},
        {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1, -1}, "ACDE", ""},
        {{0, 1, 2, 3, 4, 5, 6, 7, 8, 8, -1}, "ABCDE", ""}, /* here it was the one that revoked B */
    };
    struct mendable mendable;
    struct bytes file = mendable_begin(&mendable, false), made = lines_of(&file, cases[_i].order);

    mendable_expect_alone(&mendable, &made, cases[_i].ended, cases[_i].alive);
    bytes_free(&made);
    mendable_end(&mendable, &file);
}
END_TEST

/* What was found before is forgotten. */
START_TEST(looked_at_again)
{
    struct mendable mendable;
    struct bytes file = mendable_begin(&mendable, false), whole = copy_of(&file);
    struct mended mended;

    bytes_add(&file, whole.at + start_of_line(&whole, 11), whole.length - start_of_line(&whole, 11));
    ck_assert(mend_bytes(&mended, &file, 1, "example.com"));
    ck_assert_uint_eq(mended.salvage.ends, 4);
    salvage_free(&mended.salvage);
    mended.files[0].size = whole.length;
    ck_assert(salvage_find(&mended.salvage, mended.files, 1, "example.com", NOW, &mended.fault));
    ck_assert_uint_eq(mended.salvage.ends, 0);
    mended_free(&mended);
    bytes_free(&whole);
    mendable_end(&mendable, &file);
}
END_TEST

/* A token that was revoked once stays so, in whichever file. */
START_TEST(revoked_absorbs)
{
    struct mendable mendable;
    struct bytes before = mendable_begin(&mendable, _i == 1), file, left;

    mendable.sample[B].record.revoked = mendable.sample[F].record.revoked = TIME_NEVER;
    mendable_update(&mendable, B);
    mendable_update(&mendable, F);
    file = file_read(mendable.forge.path);
    mendable_expect_alone(&mendable, &file, "", "ACDE");
    left = mendable_without(&mendable, &file, _i == 1 ? (int[]){10, 0} : (int[]){9, 0});
    mendable_expect_with(&mendable, &left, &before, "", "ACDE");
    mendable_expect_with(&mendable, &before, &left, "", "ACDE");
    bytes_free(&left);
    bytes_free(&before);
    mendable_end(&mendable, &file);
}
END_TEST

/* A writer that was not honest: what proves itself and makes no record is nothing. */
START_TEST(line_that_breaks_the_grammar)
{
    struct mendable mendable;
    struct bytes file = mendable_begin(&mendable, false);
    unsigned char origin[CHAIN_SIZE];
    char text[LINE_SIZE_MAX];
    size_t length;

    mendable.sample[E].record.op = OPERATION_UPDATE;
    length = forge_line(&mendable.forge, &mendable.sample[E].record, text) - CHAIN_HEX - 1;
    memcpy(text, "12|no id      |", 15);
    header_origin(origin, &mendable.forge.header);
    bytes_add(&file, text, chain_finish(text, length, origin, mendable.forge.at.chain));
    mendable_expect_alone(&mendable, &file, "ACDE", "");
    mendable_end(&mendable, &file);
}
END_TEST

/* ---- the end of a file ---- */

#define REST(text, harmless) {text, sizeof(text) - 1, harmless}

static const struct {
    const char *text;
    size_t length;
    bool harmless;
} rests[] = {
    REST("", true),      REST("1", true),       REST("12", true),      REST("12|x", true),
    REST("\0\0", true),  REST("\0\n", true),    REST("12|\0\0", true), REST("x", true), /* see below */
    REST("xx", false),   REST("\n", false),     REST("x\n", false),    REST("11|", false),
    REST("13|x", false), REST("12|x\n", false), REST("12\t", false),   REST("\n\0", false),
};

START_TEST(rest_of_a_file)
{
    struct mendable mendable;
    struct bytes file = mendable_begin(&mendable, false), whole = copy_of(&file);

    if (strcmp(rests[_i].text, "x") == 0)
        file.length--; /* in the place of its LF */
    bytes_replace(&file, file.length, 0, rests[_i].text, rests[_i].length);
    if (rests[_i].harmless)
        mendable_expect_alone(&mendable, &file, "", "ACDE");
    else
        mendable_expect_alone(&mendable, &file, "ACDE", "");
    mendable_expect_with(&mendable, &whole, &file, rests[_i].harmless ? "" : "ACDE",
                         rests[_i].harmless ? "ACDE" : "");
    bytes_free(&whole);
    mendable_end(&mendable, &file);
}
END_TEST

/* It counts, in the store or in a copy: here it revokes B. */
START_TEST(last_line_without_its_lf)
{
    struct mendable mendable;
    struct bytes file, older;

    mendable_start(&mendable);
    older = file_read(mendable.forge.path);
    file = mendable_change(&mendable, 2);
    file.length--;
    bytes_replace(&file, file.length, 0, "xx", (size_t)_i);
    if (_i == 2) {
        mendable_expect_alone(&mendable, &file, "ABCDE", "");
    } else {
        mendable_expect_alone(&mendable, &file, "", "ACDE");
        mendable_expect_with(&mendable, &older, &file, "", "ACDE");
    }
    bytes_free(&older);
    mendable_end(&mendable, &file);
}
END_TEST

/* It may be any token's. */
START_TEST(damaged_last_line)
{
    struct mendable mendable;
    struct bytes file = mendable_begin(&mendable, _i == 1);
    size_t last = start_of_line(&file, count_lines(&file) - 1);

    for (size_t at = last; at < file.length - 1; at++) {
        file.at[at] = (char)(file.at[at] ^ 4);
        mendable_expect_alone(&mendable, &file, "ACDE", "");
        file.at[at] = (char)(file.at[at] ^ 4);
    }
    mendable_end(&mendable, &file);
}
END_TEST

/* A copy has lines that are just as long, or the one whose chain still stands there. */
START_TEST(end_that_a_copy_knows)
{
    struct mendable mendable;
    struct bytes older, file, newer, damaged;
    size_t last;

    mendable_start(&mendable);
    older = mendable_change(&mendable, 3);
    mendable_update(&mendable, D);
    file = file_read(mendable.forge.path);
    mendable_update(&mendable, E);
    newer = file_read(mendable.forge.path);
    last = older.length;
    damaged = copy_of(&file);
    if (_i == 0) {
        damaged.at[damaged.length - 2] ^= 1; /* in its chain */
    } else if (_i == 1) {
        memset(damaged.at + last, '\1', damaged.length - last);
    } else {
        bytes_replace(&damaged, last, 0, "x", 1); /* its chain is still there */
        if (_i == 3)
            bytes_replace(&damaged, damaged.length, 0, "12|torn", 7);
        if (_i == 4)
            bytes_replace(&damaged, damaged.length, 0, "13|torn", 7);
    }
    mendable_expect_alone(&mendable, &damaged, "ACDE", "");
    mendable_expect_with(&mendable, &damaged, &older, "ACDE", "");
    mendable_expect_with(&mendable, &damaged, &file, _i == 4 ? "ACDE" : "", _i == 4 ? "" : "ACDE");
    mendable_expect_with(&mendable, &damaged, &newer, _i == 4 ? "ACDE" : "", _i == 4 ? "" : "ACDE");
    bytes_free(&damaged);
    bytes_free(&newer);
    bytes_free(&older);
    mendable_end(&mendable, &file);
}
END_TEST

/* A piece was cut out from within a line into the last one, or into a torn write, and what remains is as long
 * as the former. An older copy that has only that does not know the end; one that has the last line does,
 * where its chain is whole. Fewer digits than these of a chain may look like a flipped bit. */
START_TEST(piece_cut_out_into_the_last_line)
{
    enum { FEWEST_DIGITS = 5 };
    static const char torn[] = "12|torn off, and as long as the end of a chain";
    struct mendable mendable;
    struct bytes older, file, damaged;
    size_t line, last, length;

    mendable_start(&mendable);
    older = mendable_change(&mendable, 3);
    mendable_update(&mendable, D);
    file = file_read(mendable.forge.path);
    last = older.length;
    line = start_of_line(&older, count_lines(&older) - 1);
    if (_i == 1)
        file.length--; /* its LF */
    if (_i == 2)
        bytes_add(&file, torn, strlen(torn));
    length = file.length - last;
    for (size_t at = line + 2; at < last - FEWEST_DIGITS; at++) { /* "10" is not how line 11 begins */
        damaged = copy_of(&file);
        bytes_replace(&damaged, at, length, "", 0);
        if (memchr(damaged.at + line, '\n', damaged.length - line) || _i == 1)
            mendable_expect_with(&mendable, &damaged, &older, "ACDE", "");
        if (_i == 0 && at <= last - CHAIN_HEX - 2)
            mendable_expect_with(&mendable, &damaged, &file, "", "ACDE");
        bytes_free(&damaged);
    }
    bytes_free(&older);
    mendable_end(&mendable, &file);
}
END_TEST

/* A copy that lacks the first of them does not know them, though the others are as long together. */
START_TEST(end_that_a_copy_knows_in_part)
{
    struct mendable mendable;
    struct bytes file = mendable_begin(&mendable, false),
                 copy = mendable_without(&mendable, &file, (int[]){10, 0}), cut;

    cut = mendable_without(&mendable, &file, (int[]){10, 11, 0});
    bytes_replace(&cut, cut.length, 0, file.at + start_of_line(&file, 11),
                  start_of_line(&file, 12) - start_of_line(&file, 11));
    cut.at[cut.length - 40] ^= 1;
    mendable_expect_with(&mendable, &cut, &copy, "ACDE", "");
    bytes_free(&cut);
    bytes_free(&copy);
    mendable_end(&mendable, &file);
}
END_TEST

/* A line that the snapshot stands for has no place after it: it may have been written over another. */
START_TEST(old_line_at_the_end)
{
    struct mendable mendable;
    struct bytes old, file;

    mendable_start(&mendable);
    old = file_read(mendable.forge.path);
    forge_compact(&mendable.forge, TIME_NEVER);
    file = mendable_change(&mendable, 1);
    bytes_add(&file, old.at + start_of_line(&old, 2), start_of_line(&old, 3) - start_of_line(&old, 2));
    mendable_expect_alone(&mendable, &file, "ABCDE", "");
    bytes_free(&old);
    mendable_end(&mendable, &file);
}
END_TEST

/* Of the log not even the P line is whole: then it ends at base, wherever the snapshot's last line was. */
START_TEST(torn_point)
{
    struct mended mended;
    struct mendable mendable;
    struct bytes file;
    size_t point;

    mendable_start(&mendable);
    forge_compact(&mendable.forge, TIME_NEVER);
    forge_compact(&mendable.forge, TIME_NEVER); /* base is 8, the P line before */
    file = file_read(mendable.forge.path);
    point = start_of_line(&file, 7);
    for (file.length = point; file.length < point + 150; file.length++)
        mendable_expect_alone(&mendable, &file, "", "ABCDE");
    ck_assert(mend_bytes(&mended, &file, 1, "example.com"));
    ck_assert_uint_eq(mended.salvage.at.n, 8);
    ck_assert_mem_eq(mended.salvage.at.chain, mendable.forge.header.basechain, CHAIN_SIZE);
    mended_free(&mended);
    file.at[point] = '8';
    mendable_expect_alone(&mendable, &file, "ABCDE", "");
    mendable_end(&mendable, &file);
}
END_TEST

/* Nothing is left of the log but damage: the snapshot does not tell what that did. */
START_TEST(no_line_behind_a_snapshot)
{
    struct mendable mendable;
    struct bytes file = mendable_begin(&mendable, true), header = {0};

    for (size_t at = start_of_line(&file, 7); at < file.length; at++)
        if (file.at[at] == '|')
            file.at[at] = ':';
    mendable_expect_alone(&mendable, &file, "ABCDE", "");
    bytes_add(&header, file.at, start_of_line(&file, 1));
    file.at[start_of_line(&file, 1) - 1] = 'x'; /* nor is the header, nor its LF */
    mendable_expect(&mendable, (struct bytes[]){file, header}, 2, "BCDE", "", 1);
    bytes_free(&header);
    mendable_end(&mendable, &file);
}
END_TEST

Suite *salvage_rules_suite(void)
{
    Suite *suite = suite_create("salvage_rules");
    TCase *log = tcase_create("log"), *rest = tcase_create("ends");

    tcase_add_loop_test(log, sound_stores, 0, 2);
    tcase_add_loop_test(log, missing_lines, 0, LENGTH(gaps));
    tcase_add_test(log, missing_point_within_a_log);
    tcase_add_loop_test(log, swapped_lines, 0, 3);
    tcase_add_loop_test(log, repeated_lines, 0, 5);
    tcase_add_test(log, looked_at_again);
    tcase_add_loop_test(log, revoked_absorbs, 0, 2);
    tcase_add_test(log, line_that_breaks_the_grammar);
    tcase_add_loop_test(rest, rest_of_a_file, 0, LENGTH(rests));
    tcase_add_loop_test(rest, last_line_without_its_lf, 0, 3);
    tcase_add_loop_test(rest, damaged_last_line, 0, 2);
    tcase_add_loop_test(rest, end_that_a_copy_knows, 0, 5);
    tcase_add_test(rest, end_that_a_copy_knows_in_part);
    tcase_add_loop_test(rest, piece_cut_out_into_the_last_line, 0, 3);
    tcase_add_test(rest, old_line_at_the_end);
    tcase_add_test(rest, torn_point);
    tcase_add_test(rest, no_line_behind_a_snapshot);
    suite_add_tcase(suite, log);
    suite_add_tcase(suite, rest);
    return suite;
}
