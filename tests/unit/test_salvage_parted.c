/* Mending from two logs of one store that have parted: everybody is in doubt, and a sound store comes of it.
 */
#include "mendable.h"
#include "suites.h"

struct parted {
    struct mendable mendable;
    struct forge other;
    struct bytes one, two;
};

/* Two logs that agree up to line 11. */
static void part(struct parted *parted)
{
    struct bytes file = mendable_begin(&parted->mendable, false);

    bytes_free(&file);
    forge_copy(&parted->other, &parted->mendable.forge, "other.tokens");
}

static void part_end(struct parted *parted)
{
    bytes_free(&parted->two);
    forge_end(&parted->other);
    mendable_end(&parted->mendable, &parted->one);
}

/* One revokes A, the other changes E twice. */
START_TEST(two_lines_of_one_number)
{
    static const int thirteenth[] = {13, -1};
    struct mended mended;
    struct parted parted;
    struct bytes line;

    part(&parted);
    parted.mendable.sample[E].record.op = OPERATION_UPDATE;
    forge_append(&parted.other, &parted.mendable.sample[E].record);
    forge_append(&parted.other, &parted.mendable.sample[E].record);
    forge_revoke(&parted.mendable.forge, &parted.mendable.sample[A]);
    parted.one = file_read(parted.mendable.forge.path);
    parted.two = file_read(parted.other.path);
    mendable_expect_with(&parted.mendable, &parted.one, &parted.two, "CDE", "");
    mendable_expect_with(&parted.mendable, &parted.two, &parted.one, "ACDE",
                         ""); /* the store's own line counts */
    parted.two.length = start_of_line(&parted.two, 13);
    ck_assert(mend_bytes(&mended, (struct bytes[]){parted.one, parted.two}, 2, "example.com"));
    ck_assert(position_equal(&mended.salvage.at, &parted.mendable.forge.at)); /* also where the log ends */
    mended_free(&mended);
    bytes_free(&parted.two);
    parted.two = file_read(parted.other.path);
    line = lines_of(&parted.two, thirteenth);
    bytes_replace(&parted.one, parted.one.length, 0, line.at,
                  line.length); /* it does not fit the one before it */
    mendable_expect_alone(&parted.mendable, &parted.one, "CDE", "");
    bytes_free(&line);
    part_end(&parted);
}
END_TEST

/* Each has made a token, of one serial; the other's has two lines. One of them is left. */
START_TEST(two_tokens_of_one_serial)
{
    struct parted parted;
    struct sample one, two;

    part(&parted);
    sample_make(&one);
    sample_make(&two);
    forge_create(&parted.mendable.forge, &one);
    forge_create(&parted.other, &two);
    two.record.op = OPERATION_UPDATE;
    forge_append(&parted.other, &two.record);
    parted.one = file_read(parted.mendable.forge.path);
    parted.two = file_read(parted.other.path);
    mendable_expect_with(&parted.mendable, &parted.one, &parted.two, "ACDE?", "");
    mendable_expect_with(&parted.mendable, &parted.two, &parted.one, "ACDE?", "");
    part_end(&parted);
}
END_TEST

/* One was compacted where the other went on: what follows there does not follow on base. */
START_TEST(another_log_before_base)
{
    struct mendable mendable;
    struct forge other;
    struct bytes file, copy, left;

    mendable_start(&mendable);
    forge_copy(&other, &mendable.forge, "other.tokens");
    forge_revoke(&mendable.forge, &mendable.sample[A]);
    forge_compact(&mendable.forge, TIME_NEVER); /* base is 8 */
    file = file_read(mendable.forge.path);
    for (int i = 0; i < 3; i++) {
        mendable.sample[E].record.op = OPERATION_UPDATE;
        forge_append(&other, &mendable.sample[E].record);
    }
    copy = file_read(other.path);
    mendable_expect_with(&mendable, &file, &copy, "BCDE", "");
    left = mendable_without(&mendable, &file, (int[]){9, 0});
    mendable_expect_with(&mendable, &left, &copy, "BCDE", "");
    bytes_free(&left);
    bytes_free(&copy);
    forge_end(&other);
    mendable_end(&mendable, &file);
}
END_TEST

Suite *salvage_parted_suite(void)
{
    Suite *suite = suite_create("salvage_parted");
    TCase *test = tcase_create("parted");

    tcase_add_test(test, two_lines_of_one_number);
    tcase_add_test(test, two_tokens_of_one_serial);
    tcase_add_test(test, another_log_before_base);
    suite_add_tcase(suite, test);
    return suite;
}
