/* Which tokens are in doubt when a store is damaged: each rule of toktab-store(5). */
#include "plot.h"
#include "suites.h"

#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

/* ---- the log ---- */

START_TEST(sound_stores)
{
    struct mended mended;
    struct plot plot;
    struct bytes file = plot_begin(&plot, _i == 1);

    plot_expect_alone(&plot, &file, "", "ACDE");
    ck_assert(mend_bytes(&mended, &file, 1, "example.com"));
    ck_assert(position_equal(&mended.salvage.at, &plot.forge.at));
    ck_assert_uint_eq(mended.salvage.header.epoch, 1);
    ck_assert_uint_eq(mended.salvage.snapshot.count, PLOT_TOKENS);
    for (size_t i = 0; i < PLOT_TOKENS; i++)
        for (size_t j = 0; j < PLOT_TOKENS; j++)
            if (memcmp(plot.forge.state[i].id, mended.salvage.snapshot.lines[j].id, ID_LENGTH) == 0)
                ck_assert_mem_eq(plot.forge.state[i].text.at, mended.salvage.snapshot.lines[j].text,
                                 plot.forge.state[i].text.length);
    mended_free(&mended);
    plot_end(&plot, &file);
}
END_TEST

/* The line behind says whose it was. Who has a later line is not in doubt, and of whom nothing is left is
 * unknown. What a file lost at its end leaves no trace. */
static const struct {
    bool compacted;
    int numbers[8];
    const char *ended, *alive;
} gaps[] = {
    {false, {1}, "", "CDE"},       {false, {2}, "", "ACDE"},      {false, {5}, "", "ACD"},
    {false, {6}, "", "ACDE"},      {false, {7}, "F", "ACDE"},     {false, {8}, "", "ACDE"},
    {false, {9}, "B", "ACDE"},     {false, {10}, "C", "ADE"},     {false, {11}, "", "ACDE"},
    {false, {1, 2}, "", "CDE"},    {false, {1, 2, 3}, "", "CDE"}, {false, {1, 9}, "B", "CDE"},
    {false, {7, 9}, "BF", "ACDE"}, {false, {7, 8}, "AEF", "CD"},  {false, {8, 9, 10}, "ABCE", "D"},
    {false, {3, 4}, "A", "CDE"},                            /* B is revoked, C and D have later lines */
    {false, {10, 11}, "", "ACDE"}, {true, {8}, "", "ACDE"}, /* the P line */
    {true, {9}, "", "ACDE"},       {true, {10}, "B", "ACDE"},     {true, {11}, "C", "ADE"},
    {true, {8, 9}, "", "ACDE"},    {true, {8, 10}, "B", "ACDE"},  {true, {8, 9, 10}, "ABE", "CD"},
    {true, {9, 10}, "ABE", "CD"},  {true, {10, 11}, "ABCE", "D"},
};

START_TEST(missing_lines)
{
    struct plot plot;
    struct bytes file = plot_begin(&plot, gaps[_i].compacted),
                 left = plot_without(&plot, &file, gaps[_i].numbers);

    plot_expect_alone(&plot, &left, gaps[_i].ended, gaps[_i].alive);
    plot_expect_with(&plot, &left, &file, "", "ACDE");
    plot_expect_with(&plot, &file, &left, "", "ACDE");
    bytes_free(&left);
    plot_end(&plot, &file);
}
END_TEST

/* In a log that has the P line of a compaction in its midst, the line behind that says that it was of nobody.
 */
START_TEST(missing_point_within_a_log)
{
    struct plot plot;
    struct bytes file, left;

    plot_start(&plot);
    file = file_read(plot.forge.path);
    forge_compact(&plot.forge, TIME_NEVER);
    left = plot_change(&plot, 4);
    bytes_replace(&file, file.length, 0, left.at + start_of_line(&left, 8),
                  left.length - start_of_line(&left, 8)); /* 1 to 7, and 9 to 12 */
    plot_expect_alone(&plot, &file, "", "ACDE");
    bytes_free(&left);
    plot_end(&plot, &file);
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
    struct plot plot;
    struct bytes file = plot_begin(&plot, false), made = lines_of(&file, orders[_i]);

    plot_expect_alone(&plot, &made, "", "ACDE");
    bytes_free(&made);
    plot_end(&plot, &file);
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
    struct plot plot;
    struct bytes file = plot_begin(&plot, false), made = lines_of(&file, cases[_i].order);

    plot_expect_alone(&plot, &made, cases[_i].ended, cases[_i].alive);
    bytes_free(&made);
    plot_end(&plot, &file);
}
END_TEST

/* What was found before is forgotten. */
START_TEST(looked_at_again)
{
    struct plot plot;
    struct bytes file = plot_begin(&plot, false), whole = copy_of(&file);
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
    plot_end(&plot, &file);
}
END_TEST

/* A token that was revoked once stays so, in whichever file. */
START_TEST(revoked_absorbs)
{
    struct plot plot;
    struct bytes before = plot_begin(&plot, _i == 1), file, left;

    plot.sample[B].record.revoked = plot.sample[F].record.revoked = TIME_NEVER;
    plot_update(&plot, B);
    plot_update(&plot, F);
    file = file_read(plot.forge.path);
    plot_expect_alone(&plot, &file, "", "ACDE");
    left = plot_without(&plot, &file, _i == 1 ? (int[]){10, 0} : (int[]){9, 0});
    plot_expect_with(&plot, &left, &before, "", "ACDE");
    plot_expect_with(&plot, &before, &left, "", "ACDE");
    bytes_free(&left);
    bytes_free(&before);
    plot_end(&plot, &file);
}
END_TEST

/* A writer that was not honest: what proves itself and makes no record is nothing. */
START_TEST(line_that_breaks_the_grammar)
{
    struct plot plot;
    struct bytes file = plot_begin(&plot, false);
    unsigned char origin[CHAIN_SIZE];
    char text[LINE_SIZE_MAX];
    size_t length;

    plot.sample[E].record.op = OPERATION_UPDATE;
    length = forge_line(&plot.forge, &plot.sample[E].record, text) - CHAIN_HEX - 1;
    memcpy(text, "12|no id      |", 15);
    header_origin(origin, &plot.forge.header);
    bytes_add(&file, text, chain_finish(text, length, origin, plot.forge.at.chain));
    plot_expect_alone(&plot, &file, "ACDE", "");
    plot_end(&plot, &file);
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
    struct plot plot;
    struct bytes file = plot_begin(&plot, false), whole = copy_of(&file);

    if (strcmp(rests[_i].text, "x") == 0)
        file.length--; /* in the place of its LF */
    bytes_replace(&file, file.length, 0, rests[_i].text, rests[_i].length);
    if (rests[_i].harmless)
        plot_expect_alone(&plot, &file, "", "ACDE");
    else
        plot_expect_alone(&plot, &file, "ACDE", "");
    plot_expect_with(&plot, &whole, &file, rests[_i].harmless ? "" : "ACDE",
                     rests[_i].harmless ? "ACDE" : "");
    bytes_free(&whole);
    plot_end(&plot, &file);
}
END_TEST

/* It counts, in the store or in a copy: here it revokes B. */
START_TEST(last_line_without_its_lf)
{
    struct plot plot;
    struct bytes file, older;

    plot_start(&plot);
    older = file_read(plot.forge.path);
    file = plot_change(&plot, 2);
    file.length--;
    bytes_replace(&file, file.length, 0, "xx", (size_t)_i);
    if (_i == 2) {
        plot_expect_alone(&plot, &file, "ABCDE", "");
    } else {
        plot_expect_alone(&plot, &file, "", "ACDE");
        plot_expect_with(&plot, &older, &file, "", "ACDE");
    }
    bytes_free(&older);
    plot_end(&plot, &file);
}
END_TEST

/* It may be any token's. */
START_TEST(damaged_last_line)
{
    struct plot plot;
    struct bytes file = plot_begin(&plot, _i == 1);
    size_t last = start_of_line(&file, count_lines(&file) - 1);

    for (size_t at = last; at < file.length - 1; at++) {
        file.at[at] = (char)(file.at[at] ^ 4);
        plot_expect_alone(&plot, &file, "ACDE", "");
        file.at[at] = (char)(file.at[at] ^ 4);
    }
    plot_end(&plot, &file);
}
END_TEST

/* A copy has lines that are just as long, or the one whose chain still stands there. */
START_TEST(end_that_a_copy_knows)
{
    struct plot plot;
    struct bytes older, file, newer, damaged;
    size_t last;

    plot_start(&plot);
    older = plot_change(&plot, 3);
    plot_update(&plot, D);
    file = file_read(plot.forge.path);
    plot_update(&plot, E);
    newer = file_read(plot.forge.path);
    last = older.length;
    damaged = copy_of(&file);
    if (_i == 0) {
        damaged.at[damaged.length - 2] = '!'; /* in its chain */
    } else if (_i == 1) {
        memset(damaged.at + last, '!', damaged.length - last);
    } else {
        bytes_replace(&damaged, last, 0, "x", 1); /* its chain is still there */
        if (_i == 3)
            bytes_replace(&damaged, damaged.length, 0, "12|torn", 7);
        if (_i == 4)
            bytes_replace(&damaged, damaged.length, 0, "13|torn", 7);
    }
    plot_expect_alone(&plot, &damaged, "ACDE", "");
    plot_expect_with(&plot, &damaged, &older, "ACDE", "");
    plot_expect_with(&plot, &damaged, &file, _i == 4 ? "ACDE" : "", _i == 4 ? "" : "ACDE");
    plot_expect_with(&plot, &damaged, &newer, _i == 4 ? "ACDE" : "", _i == 4 ? "" : "ACDE");
    bytes_free(&damaged);
    bytes_free(&newer);
    bytes_free(&older);
    plot_end(&plot, &file);
}
END_TEST

/* A copy that lacks the first of them does not know them, though the others are as long together. */
START_TEST(end_that_a_copy_knows_in_part)
{
    struct plot plot;
    struct bytes file = plot_begin(&plot, false), copy = plot_without(&plot, &file, (int[]){10, 0}), cut;

    cut = plot_without(&plot, &file, (int[]){10, 11, 0});
    bytes_replace(&cut, cut.length, 0, file.at + start_of_line(&file, 11),
                  start_of_line(&file, 12) - start_of_line(&file, 11));
    cut.at[cut.length - 40] ^= 1;
    plot_expect_with(&plot, &cut, &copy, "ACDE", "");
    bytes_free(&cut);
    bytes_free(&copy);
    plot_end(&plot, &file);
}
END_TEST

/* A line that the snapshot stands for has no place behind it: it may have been written over another. */
START_TEST(old_line_at_the_end)
{
    struct plot plot;
    struct bytes old, file;

    plot_start(&plot);
    old = file_read(plot.forge.path);
    forge_compact(&plot.forge, TIME_NEVER);
    file = plot_change(&plot, 1);
    bytes_add(&file, old.at + start_of_line(&old, 2), start_of_line(&old, 3) - start_of_line(&old, 2));
    plot_expect_alone(&plot, &file, "ABCDE", "");
    bytes_free(&old);
    plot_end(&plot, &file);
}
END_TEST

/* Of the log not even the P line is whole: then it ends at base, wherever the snapshot's last line was. */
START_TEST(torn_point)
{
    struct mended mended;
    struct plot plot;
    struct bytes file;
    size_t point;

    plot_start(&plot);
    forge_compact(&plot.forge, TIME_NEVER);
    forge_compact(&plot.forge, TIME_NEVER); /* base is 8, the P line before */
    file = file_read(plot.forge.path);
    point = start_of_line(&file, 7);
    for (file.length = point; file.length < point + 150; file.length++)
        plot_expect_alone(&plot, &file, "", "ABCDE");
    ck_assert(mend_bytes(&mended, &file, 1, "example.com"));
    ck_assert_uint_eq(mended.salvage.at.n, 8);
    ck_assert_mem_eq(mended.salvage.at.chain, plot.forge.header.basechain, CHAIN_SIZE);
    mended_free(&mended);
    file.at[point] = '8';
    plot_expect_alone(&plot, &file, "ABCDE", "");
    plot_end(&plot, &file);
}
END_TEST

/* Nothing is left of the log but damage: the snapshot does not tell what that did. */
START_TEST(no_line_behind_a_snapshot)
{
    struct plot plot;
    struct bytes file = plot_begin(&plot, true), header = {0};

    for (size_t at = start_of_line(&file, 7); at < file.length; at++)
        if (file.at[at] == '|')
            file.at[at] = ':';
    plot_expect_alone(&plot, &file, "ABCDE", "");
    bytes_add(&header, file.at, start_of_line(&file, 1));
    file.at[start_of_line(&file, 1) - 1] = 'x'; /* nor is the header, nor its LF */
    plot_expect(&plot, (struct bytes[]){file, header}, 2, "BCDE", "", 1);
    bytes_free(&header);
    plot_end(&plot, &file);
}
END_TEST

Suite *doubt_suite(void)
{
    Suite *suite = suite_create("doubt");
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
    tcase_add_test(rest, old_line_at_the_end);
    tcase_add_test(rest, torn_point);
    tcase_add_test(rest, no_line_behind_a_snapshot);
    suite_add_tcase(suite, log);
    suite_add_tcase(suite, rest);
    return suite;
}
