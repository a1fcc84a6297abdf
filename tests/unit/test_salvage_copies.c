/* Several files of one store: whose header counts, what a copy heals, and what of a snapshot is lost. */
#include "mendable.h"
#include "suites.h"

#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

/* ---- headers ---- */

START_TEST(damaged_header)
{
    static const struct {
        const char *text;
        bool takes_first; /* the first line is no line of its own any more */
    } damage[] = {{"", false}, {"\n", false}, {"toktab1|nonsense\n", false}, {"nonsense", true}};
    bool compacted = _i >= 4, takes_first = damage[_i % 4].takes_first;
    const char *alive = takes_first ? "CDE" : "ACDE";
    struct mendable mendable;
    struct bytes file = mendable_begin(&mendable, compacted), damaged = copy_of(&file), header = {0};

    bytes_add(&header, file.at, start_of_line(&file, 1));
    bytes_replace(&damaged, 0, header.length, damage[_i % 4].text, strlen(damage[_i % 4].text));
    mendable_expect_refusal(&damaged, NULL, "header");
    mendable_expect_refusal(&damaged, &damaged, "a copy");
    mendable_expect(&mendable, (struct bytes[]){damaged, header}, 2, "", alive, takes_first);
    mendable_expect_with(&mendable, &damaged, &file, "", "ACDE");
    bytes_free(&header);
    bytes_free(&damaged);
    mendable_end(&mendable, &file);
}
END_TEST

/* It proves nothing under the header of another store, or epoch; nor does what is no store. */
START_TEST(header_that_is_not_ours)
{
    static const char *const texts[] = {"", "\n", "no store\nno line\n"};
    struct mendable mendable, other;
    struct bytes file = mendable_begin(&mendable, false), sibling = mendable_begin(&other, false), none = {0};

    mendable_expect_refusal(&file, &sibling, "another store");
    file.at[3] = 'x';
    mendable_expect_refusal(&file, &sibling, "no line");
    forge_mend(&mendable.forge, 2);
    bytes_free(&sibling);
    sibling = file_read(mendable.forge.path);
    mendable_expect_refusal(&file, &sibling, "no line");
    file.at[3] = 't';
    file.at[3] = "toktab1"[3];
    mendable_expect_refusal(&file, &sibling, "another epoch");
    mendable_expect_refusal(&sibling, &file, "another epoch");
    for (int i = 0; i < LENGTH(texts); i++) {
        bytes_add(&none, texts[i], strlen(texts[i]));
        mendable_expect_refusal(&none, NULL, "header");
        mendable_expect_refusal(&none, &file, "no line");
        mendable_expect_refusal(&file, &none, "a copy");
        bytes_free(&none);
    }
    bytes_free(&sibling);
    forge_end(&other.forge);
    mendable_end(&mendable, &file);
}
END_TEST

START_TEST(another_domain)
{
    struct mended mended;
    struct mendable mendable;
    struct bytes file = mendable_begin(&mendable, false);

    ck_assert(!mend_bytes(&mended, &file, 1, "example.net"));
    ck_assert_ptr_nonnull(strstr(mended.fault.text, "example.com"));
    mended_free(&mended);
    mendable_end(&mendable, &file);
}
END_TEST

/* ---- snapshots ---- */

/* Whose line is lost is unknown; but not who has a later one. A copy that begins before base heals nothing.
 */
START_TEST(lost_lines_of_a_snapshot)
{
    static const struct {
        int place;
        const char *alive;
        uint64_t lost;
    } cases[] = {{1, "CDE", 1}, {2, "ACDE", 0}, {3, "ACDE", 0}, {5, "ACD", 1}, {6, "ACDE", 1}};
    struct mendable mendable;
    struct bytes older, same, file, files[2];
    size_t at;

    mendable_start(&mendable);
    older = file_read(mendable.forge.path);
    forge_compact(&mendable.forge, TIME_NEVER);
    same = file_read(mendable.forge.path);
    file = mendable_change(&mendable, 4);
    at = start_of_line(&file, (size_t)cases[_i].place);
    file.at[at + 40] ^= 1;
    files[0] = file;
    files[1] = older;
    mendable_expect(&mendable, files, 1, "", cases[_i].alive, cases[_i].lost);
    mendable_expect(&mendable, files, 2, "", cases[_i].alive, cases[_i].lost);
    mendable_expect_with(&mendable, &file, &same, "", "ACDE");
    bytes_replace(&file, at, start_of_line(&file, (size_t)cases[_i].place + 1) - at, "", 0);
    mendable_expect(&mendable, &file, 1, "", cases[_i].alive, cases[_i].lost);
    bytes_free(&same);
    bytes_free(&older);
    mendable_end(&mendable, &file);
}
END_TEST

/* What an older snapshot says of a token is no state of it: it was revoked since, in lines that are gone. */
START_TEST(copy_of_another_snapshot)
{
    struct mendable mendable;
    struct bytes older, file, files[2];
    size_t at;

    mendable_start(&mendable);
    forge_compact(&mendable.forge, TIME_NEVER);
    older = file_read(mendable.forge.path);
    forge_revoke(&mendable.forge, &mendable.sample[A]);
    forge_compact(&mendable.forge, TIME_NEVER);
    file = file_read(mendable.forge.path);
    at = start_of_line(&file, 6); /* that of A is the last one */
    bytes_replace(&file, at, start_of_line(&file, 7) - at, "", 0);
    files[0] = file;
    files[1] = older;
    mendable_expect(&mendable, files, 2, "", "BCDE", 1);
    bytes_free(&older);
    mendable_end(&mendable, &file);
}
END_TEST

/* Who is lost is counted by the header's lines: not who was created after them, nor in another log. */
START_TEST(counting_the_lost)
{
    struct mendable mendable;
    struct forge other;
    struct sample sample;
    struct bytes file, copy, files[2];

    mendable_start(&mendable);
    forge_copy(&other, &mendable.forge, "other.tokens");
    forge_revoke(&mendable.forge, &mendable.sample[A]);
    forge_compact(&mendable.forge, TIME_NEVER);
    sample_make(&sample);
    forge_create(&mendable.forge, &sample);
    file = files[0] = file_read(mendable.forge.path);
    files[0].at[start_of_line(&file, 1) + 40] ^= 1; /* B's */
    mendable_expect(&mendable, files, 1, "", "CDE?", 1);
    files[0].at[start_of_line(&file, 1) + 40] ^= 1;
    sample_make(&sample);
    forge_create(&other, &sample);
    sample.record.op = OPERATION_UPDATE;
    for (int i = 0; i < 3; i++) /* up to a line of its own */
        forge_append(&other, &sample.record);
    copy = files[1] = file_read(other.path);
    mendable_expect(&mendable, files, 2, "BCDE??", "", 0);
    bytes_free(&copy);
    forge_end(&other);
    mendable_end(&mendable, &file);
}
END_TEST

/* Nothing in the store proves itself: what it had may be more than the copy has. */
START_TEST(store_of_which_nothing_is_left)
{
    struct mendable mendable;
    struct bytes copy, file;

    mendable_start(&mendable);
    copy = mendable_change(&mendable, 1);
    file = mendable_change(&mendable, 1);
    for (size_t at = start_of_line(&file, 1); at < file.length; at++)
        if (file.at[at] == '|')
            file.at[at] = ':';
    mendable_expect_with(&mendable, &file, &copy, "ABCDE", "");
    bytes_free(&copy);
    mendable_end(&mendable, &file);
}
END_TEST

/* The file that begins last says what the snapshot is, wherever it comes from. */
START_TEST(copy_of_a_greater_base)
{
    struct mendable mendable;
    struct bytes plain, copy, file, left, files[2];

    mendable_start(&mendable);
    plain = file_read(mendable.forge.path);
    forge_compact(&mendable.forge, TIME_NEVER);
    copy = file_read(mendable.forge.path);
    file = mendable_change(&mendable, 4);
    bytes_replace(&plain, plain.length, 0, file.at + start_of_line(&file, 7),
                  file.length - start_of_line(&file, 7));
    left = mendable_without(&mendable, &plain, (int[]){0});
    bytes_replace(&left, start_of_line(&left, 3), start_of_line(&left, 8) - start_of_line(&left, 3), "", 0);
    mendable_expect_alone(&mendable, &plain, "", "ACDE");
    mendable_expect(&mendable, &left, 1, "A", "CD", 1); /* 3 to 7 are missing, F's among them */
    mendable_expect_with(&mendable, &left, &copy, "", "ACDE");
    files[0] = plain;
    files[1] = copy;
    plain.at[plain.length - 40] ^=
        1; /* the last line: that the copy has a snapshot does not tell what it was */
    mendable_expect(&mendable, files, 2, "ACDE", "", 0);
    mendable_expect_with(&mendable, &plain, &file, "", "ACDE");
    bytes_free(&left);
    bytes_free(&copy);
    bytes_free(&plain);
    mendable_end(&mendable, &file);
}
END_TEST

START_TEST(compacted_in_two_ways)
{
    struct mendable mendable;
    struct forge other;
    struct bytes file = mendable_begin(&mendable, false), copy;

    forge_copy(&other, &mendable.forge, "other.tokens");
    forge_compact(&other, _i == 0 ? NOW : TIME_NEVER);
    forge_compact(&mendable.forge, TIME_NEVER);
    copy = file_read(other.path);
    bytes_free(&file);
    file = file_read(mendable.forge.path);
    if (_i == 0)
        mendable_expect_refusal(&file, &copy, "compacted");
    else
        mendable_expect_with(&mendable, &file, &copy, "", "ACDE");
    bytes_free(&copy);
    forge_end(&other);
    mendable_end(&mendable, &file);
}
END_TEST

/* A block that the disk has kept of the file before a compaction, wherever it comes to stand, or of a store
 * of another storeid in the same shape. */
START_TEST(blocks_of_other_files)
{
    enum { BLOCK = 800, STEP = 13 };
    struct mendable mendable, sibling;
    struct bytes other, file, copy;
    struct mended mended;
    char alive[64];

    mendable_start(&mendable);
    mendable_start(&sibling);
    other = file_read(_i == 0 ? mendable.forge.path : sibling.forge.path);
    forge_compact(&mendable.forge, TIME_NEVER);
    file = mendable_change(&mendable, 4);
    copy = copy_of(&file);
    for (size_t to = start_of_line(&file, 1); to < file.length; to += STEP)
        for (size_t from = start_of_line(&other, 1); from + BLOCK <= other.length; from += STEP) {
            size_t length = file.length - to < BLOCK ? file.length - to : BLOCK;

            memcpy(copy.at + to, other.at + from, length);
            MUST(mend_bytes(&mended, &copy, 1, "example.com"));
            mendable_names(alive, &mendable, &mended, false);
            MUST(!strpbrk(alive, "BF?"));
            mended_free(&mended);
            memcpy(copy.at, file.at, file.length);
        }
    bytes_free(&copy);
    bytes_free(&other);
    forge_end(&sibling.forge);
    mendable_end(&mendable, &file);
}
END_TEST

/* Who was dead before the cutoff is left out, as a compaction does it, and is not revoked once more. */
START_TEST(cutoffs)
{
    struct mended mended;
    struct mendable mendable;
    struct bytes file;

    mendable_start(&mendable);
    mendable.sample[A].record.expires = _i == 0 ? NOW - 10 : NOW + 200;
    mendable_update(&mendable, A);
    forge_compact(&mendable.forge, _i == 0 ? NOW - 5 : NOW + 500);
    mendable.sample[E].record.expires = _i == 0 ? NOW - 10 : NOW + 200;
    mendable_update(&mendable, E);
    file = file_read(mendable.forge.path);
    bytes_replace(&file, file.length, 0, "damage\n", 7);
    ck_assert(mend_bytes(&mended, &file, 1, "example.com"));
    ck_assert_int_eq(mended.salvage.header.cutoff, _i == 0 ? NOW - 5 : NOW); /* a clock was wrong */
    mended_free(&mended);
    mendable_expect_alone(&mendable, &file, _i == 0 ? "BCD" : "ABCDE", "");
    mendable_end(&mendable, &file);
}
END_TEST

Suite *salvage_copies_suite(void)
{
    Suite *suite = suite_create("salvage_copies");
    TCase *test = tcase_create("copies");

    tcase_add_loop_test(test, damaged_header, 0, 8);
    tcase_add_test(test, header_that_is_not_ours);
    tcase_add_test(test, another_domain);
    tcase_add_loop_test(test, lost_lines_of_a_snapshot, 0, 5);
    tcase_add_test(test, copy_of_another_snapshot);
    tcase_add_test(test, counting_the_lost);
    tcase_add_test(test, store_of_which_nothing_is_left);
    tcase_add_test(test, copy_of_a_greater_base);
    tcase_add_loop_test(test, compacted_in_two_ways, 0, 2);
    tcase_add_loop_test(test, blocks_of_other_files, 0, 2);
    tcase_add_loop_test(test, cutoffs, 0, 2);
    suite_add_tcase(suite, test);
    return suite;
}
