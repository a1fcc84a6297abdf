/* How a host that runs takes another file in the place of the one that it knows: a copy, an older one,
 * another store, a new epoch. The rows of the state machine of toktab-store(5), on real files. */
#include "scene_case.h"
#include "suites.h"

#include <string.h>
#include <unistd.h>

/* The store as the host has read it; it goes on on its own. */
static struct forge copy;

static void begin(void)
{
    forge_copy(&copy, &s.forge, "copy");
}

static void end(void)
{
    forge_end(&copy);
}

static TCase *copy_case(const char *name)
{
    TCase *tcase = scene_case(name);

    tcase_add_checked_fixture(tcase, begin, end);
    return tcase;
}

/* ---- another file with the same log ---- */

/* The log went on elsewhere and was compacted there: its line 3 is in no file any more. */
START_TEST(file_that_starts_beyond_is_read_whole)
{
    forge_revoke(&copy, &s.b);
    forge_create(&copy, &s.c);
    forge_compact(&copy, _i == 0 ? TIME_NEVER : NOW + 1); /* then b is not in it any more */
    forge_install(&copy, &s.forge);
    EXPECT(s, a, "allow");
    EXPECT(s, b, _i == 0 ? "deny revoked" : "deny unknown");
    EXPECT(s, c, "allow");
    ck_assert_uint_eq(s.host.alerts, 0);
}
END_TEST

START_TEST(file_that_starts_beyond_is_proved)
{
    struct compaction compaction;

    s.forge.at.n += 5;
    compaction_prepare(&compaction, &s.forge, NOW);
    compaction.snapshot.at[compaction.snapshot.length - 20] ^= 1;
    scene_install(&s, &compaction);
    EXPECT_TROUBLE(s);
}
END_TEST

/* Revoked tokens that a compaction has left out are remembered by a reader who has seen them revoked. */
START_TEST(what_was_dropped_stays_revoked)
{
    struct forge other;

    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    forge_copy(&other, &s.forge, "other");
    forge_create(&other, &s.c);
    forge_compact(&other, NOW + 1);
    forge_install(&other, &s.forge);
    EXPECT(s, c, "allow");
    EXPECT(s, b, "deny revoked");
    EXPECT(s, a, "allow");
    forge_end(&other);
}
END_TEST

START_TEST(copy_that_holds_my_place_is_taken)
{
    if (_i > 0)
        forge_revoke(&copy, &s.b);
    if (_i > 1)
        forge_create(&copy, &s.c);
    forge_install(&copy, &s.forge);
    EXPECT(s, a, "allow");
    EXPECT(s, b, _i > 0 ? "deny revoked" : "allow");
    EXPECT(s, c, _i > 1 ? "allow" : "deny unknown");
    forge_create(&copy, &s.d);
    EXPECT(s, d, "allow");
    ck_assert_uint_eq(s.host.alerts, 0);
}
END_TEST

START_TEST(older_copy_is_trouble)
{
    if (_i == 1)
        forge_compact(&s.forge, NOW);
    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    if (_i == 2)
        forge_compact(&copy, NOW);
    forge_install(&copy, &s.forge);
    EXPECT_TROUBLE(s);
    EXPECT(s, b, "deny revoked");
    EXPECT_TROUBLE(s);
    ck_assert_uint_eq(s.host.alerts, 1);
}
END_TEST

/* It went on on its own from where both had line 2, and was compacted beyond what was read: no line of its
 * log tells, but its snapshot holds a line 3 that is not mine, or lacks the token of mine. */
START_TEST(compacted_copy_that_parted_is_trouble)
{
    forge_create(&s.forge, &s.c);
    EXPECT(s, c, "allow");
    if (_i == 0)
        forge_create(&copy, &s.d);
    else
        forge_append(&copy, &s.a.record);
    forge_append(&copy, &s.b.record);
    forge_compact(&copy, NOW);
    forge_install(&copy, &s.forge);
    EXPECT(s, c, "allow");
    EXPECT(s, d, "error store");
    ck_assert_uint_eq(s.host.alerts, 1);
}
END_TEST

/* The line that is not mine is the last one of the snapshot, behind which come only compactions. */
START_TEST(compacted_copy_whose_last_line_parted_is_trouble)
{
    forge_append(&s.forge, &s.b.record);
    EXPECT(s, b, "allow");
    for (int i = 0; i < 3; i++)
        forge_compact(&copy, NOW);
    forge_install(&copy, &s.forge);
    EXPECT(s, c, "error store");
    EXPECT_TROUBLE(s);
    ck_assert_ptr_nonnull(strstr(s.host.last, "two hosts"));
}
END_TEST

/* Two hosts wrote, and no line of the snapshot is as old as what this host has read: each token that one of
 * them knew was changed since. But one of them created a token that the other does not know. */
START_TEST(compacted_copy_with_newer_lines_that_parted_is_trouble)
{
    if (_i == 0)
        forge_create(&s.forge, &s.c);
    else
        forge_append(&s.forge, &s.a.record);
    EXPECT(s, a, "allow");
    if (_i == 1)
        forge_create(&copy, &s.c);
    for (int i = 0; i < 2; i++) {
        forge_append(&copy, &s.a.record);
        forge_append(&copy, &s.b.record);
        if (_i == 1)
            forge_append(&copy, &s.c.record);
    }
    forge_compact(&copy, _i == 0 ? TIME_NEVER : NOW);
    forge_install(&copy, &s.forge);
    EXPECT(s, c, _i == 0 ? "allow" : "error store");
    EXPECT_TROUBLE(s);
    ck_assert_uint_eq(s.host.alerts, 1);
    ck_assert_ptr_nonnull(strstr(s.host.last, "two hosts"));
}
END_TEST

/* What is kept dead from another epoch is no line of this log: a snapshot may have the token alive. */
START_TEST(what_is_kept_dead_is_no_sign_of_another_log)
{
    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    forge_mend(&copy, 2);
    forge_install(&copy, &s.forge);
    EXPECT(s, b, "deny revoked");
    forge_end(&s.forge);
    forge_copy(&s.forge, &copy, "next");
    forge_create(&s.forge, &s.c);
    forge_compact(&s.forge, NOW);
    forge_install(&s.forge, &copy);
    EXPECT(s, c, "allow");
    EXPECT(s, b, "deny revoked");
    ck_assert_uint_eq(s.host.alerts, 0);
}
END_TEST

/* The copy went on on its own, and is as long as what was read, or longer: the chain decides. */
START_TEST(copy_that_parted_is_trouble)
{
    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    forge_create(&copy, &s.c);
    if (_i == 1)
        forge_create(&copy, &s.d);
    if (_i == 2)
        forge_compact(&copy, NOW); /* its base is my n, its chain is another */
    forge_install(&copy, &s.forge);
    EXPECT(s, c, "error store");
    EXPECT_TROUBLE(s);
    EXPECT(s, b, "deny revoked");
    ck_assert_uint_eq(s.host.alerts, 1);
}
END_TEST

START_TEST(trouble_ends_with_a_file_that_follows)
{
    struct forge newer;

    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    forge_copy(&newer, &s.forge, "newer");
    forge_install(&copy, &s.forge);
    EXPECT_TROUBLE(s);
    forge_create(&newer, &s.c);
    forge_install(&newer, &s.forge);
    EXPECT(s, c, "allow");
    EXPECT(s, d, "deny unknown");
    ck_assert_uint_eq(s.host.alerts, 1);
    ck_assert_uint_eq(s.host.others, 1);
    ck_assert_ptr_nonnull(strstr(s.host.last, "good again"));
    forge_end(&newer);
}
END_TEST

/* ---- another store ---- */

START_TEST(another_store_is_trouble)
{
    struct forge other;

    forge_start(&other, s.directory, HOST_DOMAIN);
    forge_create(&other, &s.c);
    forge_create(&other, &s.b);
    if (_i == 1)
        forge_mend(&other, 9);
    EXPECT(s, c, "error store");
    EXPECT_TROUBLE(s);
    ck_assert_ptr_nonnull(strstr(s.host.last, "another store"));
    ck_assert_uint_eq(s.host.alerts, 1);
    forge_end(&other);
}
END_TEST

START_TEST(store_of_another_domain_is_trouble)
{
    struct compaction compaction;

    compaction_prepare(&compaction, &s.forge, NOW);
    strcpy(compaction.header.domain, "example.org");
    scene_install(&s, &compaction);
    EXPECT_TROUBLE(s);
    ck_assert_ptr_nonnull(strstr(s.host.last, "another domain"));
    host_close(&s.host);
    host_open(&s.host, s.directory, "60s");
    EXPECT(s, a, "error store");
}
END_TEST

START_TEST(missing_store_is_trouble_until_it_is_back)
{
    ck_assert_int_eq(unlink(s.forge.path), 0);
    EXPECT_TROUBLE(s);
    ck_assert_ptr_nonnull(strstr(s.host.last, "no such file"));
    forge_revoke(&copy, &s.b);
    EXPECT_TROUBLE(s);
    forge_install(&copy, &s.forge);
    EXPECT(s, b, "deny revoked");
    EXPECT(s, d, "deny unknown");
    ck_assert_uint_eq(s.host.alerts, 1);
}
END_TEST

/* ---- epochs ---- */

/* An older copy was put back and then mended, which says that it is meant: it counts, but what is known to be
 * revoked stays so, whether the new file has it alive or not at all. */
START_TEST(higher_epoch_is_taken_and_what_is_dead_stays_dead)
{
    /* b is alive in the copy, c not there */
    forge_create(&s.forge, &s.c);
    forge_revoke(&s.forge, &s.c);
    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    EXPECT(s, c, "deny revoked");
    forge_mend(&copy, 1800000000);
    if (_i == 1)
        forge_append(&copy, &s.c.record); /* c comes back with its revocation */
    forge_install(&copy, &s.forge);
    EXPECT(s, a, "allow");
    EXPECT(s, b, "deny revoked");
    EXPECT(s, c, "deny revoked");
    EXPECT(s, d, "deny unknown");
    s.b.record.op = OPERATION_UPDATE;
    s.b.record.revoked = TIME_NEVER;
    forge_append(&copy, &s.b.record);
    EXPECT(s, b, "deny revoked");
    forge_create(&copy, &s.d);
    EXPECT(s, d, "allow");
    ck_assert_uint_eq(s.host.alerts, 0);
}
END_TEST

/* The file does not tell how many tokens it keeps dead: a table that is made for the file alone is doubled
 * each time, and then mostly empty. */
START_TEST(room_is_made_for_what_stays_dead)
{
    struct reader reader;
    const struct index *index;

    for (int i = 0; i < 900; i++) {
        sample_make(&s.c);
        s.c.record.revoked = NOW;
        forge_create(&s.forge, &s.c);
    }
    scene_open_reader(&reader, &s);
    forge_mend(&copy, 2);
    forge_install(&copy, &s.forge);
    ck_assert_int_eq(reader_look_at_path(&reader), STANDING_GOOD);
    index = &reader.generation[1 - generations_idle(&reader.generations)];
    ck_assert_uint_eq(index->count, 902);
    ck_assert_uint_lt(index->slot_count, 1800);
    ck_assert_ptr_nonnull(reader_line(&reader, &s.c));
    reader_close(&reader);
}
END_TEST

START_TEST(higher_epoch_is_proved)
{
    struct compaction compaction;

    compaction_prepare_epoch(&compaction, &s.forge, 2);
    if (_i < POINT_FAULTS)
        spoil_point(&compaction, (enum point_fault)_i);
    else
        compaction.snapshot.at[3] ^= 1;
    scene_install(&s, &compaction);
    EXPECT_TROUBLE(s);
}
END_TEST

START_TEST(lower_epoch_is_trouble)
{
    forge_mend(&s.forge, 5);
    EXPECT(s, d, "deny unknown");
    forge_create(&copy, &s.c);
    forge_create(&copy, &s.d);
    if (_i == 1)
        forge_mend(&copy, 4);
    forge_install(&copy, &s.forge);
    EXPECT(s, c, "error store");
    EXPECT_TROUBLE(s);
    ck_assert_ptr_nonnull(strstr(s.host.last, "epoch"));
}
END_TEST

Suite *replaced_suite(void)
{
    Suite *suite = suite_create("replaced");
    TCase *copies = copy_case("copies"), *others = copy_case("others"), *epochs = copy_case("epochs");

    tcase_add_loop_test(copies, file_that_starts_beyond_is_read_whole, 0, 2);
    tcase_add_test(copies, file_that_starts_beyond_is_proved);
    tcase_add_test(copies, what_was_dropped_stays_revoked);
    tcase_add_loop_test(copies, copy_that_holds_my_place_is_taken, 0, 3);
    tcase_add_loop_test(copies, older_copy_is_trouble, 0, 3);
    tcase_add_loop_test(copies, copy_that_parted_is_trouble, 0, 3);
    tcase_add_loop_test(copies, compacted_copy_that_parted_is_trouble, 0, 2);
    tcase_add_test(copies, compacted_copy_whose_last_line_parted_is_trouble);
    tcase_add_loop_test(copies, compacted_copy_with_newer_lines_that_parted_is_trouble, 0, 2);
    tcase_add_test(copies, what_is_kept_dead_is_no_sign_of_another_log);
    tcase_add_test(copies, trouble_ends_with_a_file_that_follows);
    suite_add_tcase(suite, copies);
    tcase_add_loop_test(others, another_store_is_trouble, 0, 2);
    tcase_add_test(others, store_of_another_domain_is_trouble);
    tcase_add_test(others, missing_store_is_trouble_until_it_is_back);
    suite_add_tcase(suite, others);
    tcase_add_loop_test(epochs, higher_epoch_is_taken_and_what_is_dead_stays_dead, 0, 2);
    tcase_add_test(epochs, room_is_made_for_what_stays_dead);
    tcase_add_loop_test(epochs, higher_epoch_is_proved, 0, POINT_FAULTS + 1);
    tcase_add_loop_test(epochs, lower_epoch_is_trouble, 0, 2);
    suite_add_tcase(suite, epochs);
    return suite;
}
