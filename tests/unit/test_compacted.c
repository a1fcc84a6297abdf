/* How a host that runs goes over to a compacted file: it has all that the snapshot stands for, and jumps over
 * it where it can. */
#include "scene_case.h"
#include "suites.h"

#include <string.h>

/* The reader stands at the base: of the snapshot it needs nothing, which may therefore be anything at all. */
START_TEST(compacted_file_is_jumped_into)
{
    struct compaction compaction;

    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    compaction_prepare(&compaction, &s.forge, TIME_NEVER);
    memset(compaction.snapshot.at, '#', compaction.snapshot.length);
    scene_install(&s, &compaction);
    EXPECT(s, a, "allow");
    EXPECT(s, b, "deny revoked");
    EXPECT(s, d, "deny unknown");
    forge_create(&s.forge, &s.c);
    EXPECT(s, c, "allow");
    ck_assert_uint_eq(s.host.alerts, 0);
}
END_TEST

START_TEST(what_came_before_the_rename_is_drained_first)
{
    struct compaction compaction;

    forge_create(&s.forge, &s.c);
    forge_revoke(&s.forge, &s.b);
    compaction_prepare(&compaction, &s.forge, TIME_NEVER);
    memset(compaction.snapshot.at, '#', compaction.snapshot.length); /* it cannot have them from here */
    scene_install(&s, &compaction);
    forge_create(&s.forge, &s.d);
    EXPECT(s, b, "deny revoked");
    EXPECT(s, c, "allow");
    EXPECT(s, d, "allow");
    ck_assert_uint_eq(s.host.alerts, 0);
}
END_TEST

/* A bad tail of the old file forbids the jump, and nothing else. */
START_TEST(bad_tail_of_the_old_file_forbids_the_jump)
{
    struct compaction compaction;

    file_append(s.forge.path, "3|no line|\n", 11);
    compaction_prepare(&compaction, &s.forge, TIME_NEVER);
    if (_i == 1)
        compaction.snapshot.at[20] ^= 1;
    scene_install(&s, &compaction);
    if (_i == 1)
        EXPECT_TROUBLE(s);
    else
        EXPECT(s, d, "deny unknown");
    EXPECT(s, a, "allow");
}
END_TEST

START_TEST(many_compactions_in_a_row)
{
    for (int i = 0; i < 20; i++) {
        sample_make(&s.c);
        forge_create(&s.forge, &s.c);
        if (i % 3 == 0)
            EXPECT(s, c, "allow");
        forge_compact(&s.forge, i % 2 == 0 ? TIME_NEVER : NOW + i);
        if (i % 2 == 0)
            EXPECT(s, a, "allow");
        forge_revoke(&s.forge, &s.c);
        EXPECT(s, c, "deny revoked");
    }
    EXPECT(s, d, "deny unknown");
    ck_assert_uint_eq(s.host.alerts, 0);
}
END_TEST

/* A file whose first line after the snapshot is not its P line is damaged, for one who jumps too. */
START_TEST(bad_point_of_compaction_is_trouble)
{
    struct compaction compaction;
    struct bytes file;

    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    compaction_prepare(&compaction, &s.forge, NOW);
    spoil_point(&compaction, (enum point_fault)_i);
    file = compaction_file(&compaction, &s.forge);
    if (_i == POINT_FAULTS) /* the chain of its line */
        file.at[file.length - 3] = file.at[file.length - 3] == '0' ? '1' : '0';
    file_replace(s.forge.path, file.at, file.length);
    EXPECT_TROUBLE(s);
    EXPECT(s, b, "deny revoked");
    EXPECT_TROUBLE(s);
    ck_assert_uint_eq(s.host.alerts, 1);
    bytes_free(&file);
}
END_TEST

START_TEST(point_of_compaction_may_come_late)
{
    struct compaction compaction;

    compaction_prepare(&compaction, &s.forge, NOW);
    compaction.without_point = true;
    scene_install(&s, &compaction);
    EXPECT_TROUBLE(s);
    forge_append(&s.forge, &compaction.point);
    EXPECT(s, d, "deny unknown");
    forge_create(&s.forge, &s.d);
    EXPECT(s, d, "allow");
}
END_TEST

/* Whichever line of the two would count: no honest compaction keeps both. */
START_TEST(snapshot_with_an_id_twice_is_trouble)
{
    struct compaction compaction;
    struct forged_line *a, *b;
    struct bytes old = {0};

    a = &s.forge.state[0];
    b = &s.forge.state[1];
    bytes_add(&old, a->text.at, a->text.length);
    forge_append(&s.forge, &s.a.record);
    bytes_free(&b->text);
    b->text = old;
    b->n = 1;
    compaction_prepare(&compaction, &s.forge, NOW);
    scene_install(&s, &compaction);
    host_close(&s.host);
    host_open(&s.host, s.directory, "60s");
    EXPECT(s, a, "error store");
    ck_assert_ptr_nonnull(strstr(s.host.last, "twice"));
}
END_TEST

static const uint64_t wrong_lengths[] = {1, 100000, INT64_MAX, UINT64_MAX, UINT64_MAX - 1000};

/* Who jumps does not read the snapshot, and must not be led astray by what the header says of it. */
START_TEST(snapshot_beyond_the_end_is_trouble)
{
    struct compaction compaction;

    compaction_prepare(&compaction, &s.forge, NOW);
    compaction.header.bytes += wrong_lengths[_i];
    scene_install(&s, &compaction);
    EXPECT_TROUBLE(s);
    EXPECT_TROUBLE(s);
}
END_TEST

/* A new epoch is read whole, even where its base and basechain are where the reader stands. */
START_TEST(new_epoch_is_not_jumped_into)
{
    struct compaction compaction;

    compaction_prepare(&compaction, &s.forge, NOW);
    compaction.header.epoch++;
    memset(compaction.snapshot.at, '#', compaction.snapshot.length);
    scene_install(&s, &compaction);
    EXPECT_TROUBLE(s);
}
END_TEST

Suite *compacted_suite(void)
{
    Suite *suite = suite_create("compacted");
    TCase *compaction = scene_case("compaction");

    tcase_add_test(compaction, compacted_file_is_jumped_into);
    tcase_add_test(compaction, what_came_before_the_rename_is_drained_first);
    tcase_add_loop_test(compaction, bad_tail_of_the_old_file_forbids_the_jump, 0, 2);
    tcase_add_test(compaction, many_compactions_in_a_row);
    tcase_add_loop_test(compaction, bad_point_of_compaction_is_trouble, 0, POINT_FAULTS + 1);
    tcase_add_test(compaction, point_of_compaction_may_come_late);
    tcase_add_test(compaction, snapshot_with_an_id_twice_is_trouble);
    tcase_add_loop_test(compaction, snapshot_beyond_the_end_is_trouble, 0, 5);
    tcase_add_test(compaction, new_epoch_is_not_jumped_into);
    suite_add_tcase(suite, compaction);
    return suite;
}
