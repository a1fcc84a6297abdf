/* How a host that runs takes another file in the place of the one that it knows: a copy, an older one,
 * another store, a new epoch. The rows of the state machine of toktab-store(5), on real files. */
#include "scene.h"
#include "suites.h"

#include <string.h>
#include <unistd.h>

/* ---- another file with the same log ---- */

/* The log went on elsewhere and was compacted there: its line 3 is in no file any more. */
START_TEST(file_that_starts_beyond_is_read_whole)
{
    struct scene s;
    struct forge other;

    scene_start(&s, "60s");
    forge_copy(&other, &s.forge, "other");
    forge_revoke(&other, &s.b);
    forge_create(&other, &s.c);
    forge_compact(&other, _i == 0 ? TIME_NEVER : NOW + 1); /* then b is not in it any more */
    forge_install(&other, &s.forge);
    EXPECT(s, a, "allow");
    EXPECT(s, b, _i == 0 ? "deny revoked" : "deny unknown");
    EXPECT(s, c, "allow");
    ck_assert_uint_eq(s.host.alerts, 0);
    forge_end(&other);
    scene_end(&s);
}
END_TEST

START_TEST(file_that_starts_beyond_is_proved)
{
    struct scene s;
    struct compaction compaction;

    scene_start(&s, "60s");
    s.forge.at.n += 5;
    compaction_prepare(&compaction, &s.forge, NOW);
    compaction.snapshot.at[compaction.snapshot.length - 20] ^= 1;
    scene_install(&s, &compaction);
    EXPECT_TROUBLE(s);
    scene_end(&s);
}
END_TEST

/* Revoked tokens that a compaction has left out are remembered by a reader who has seen them revoked. */
START_TEST(what_was_dropped_stays_revoked)
{
    struct scene s;
    struct forge other;

    scene_start(&s, "60s");
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
    scene_end(&s);
}
END_TEST

START_TEST(copy_that_holds_my_place_is_taken)
{
    struct scene s;
    struct forge copy;

    scene_start(&s, "60s");
    forge_copy(&copy, &s.forge, "copy");
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
    forge_end(&copy);
    scene_end(&s);
}
END_TEST

START_TEST(older_copy_is_trouble)
{
    struct scene s;
    struct forge older;

    scene_start(&s, "60s");
    forge_copy(&older, &s.forge, "older");
    if (_i == 1)
        forge_compact(&s.forge, NOW);
    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    if (_i == 2)
        forge_compact(&older, NOW);
    forge_install(&older, &s.forge);
    EXPECT_TROUBLE(s);
    EXPECT(s, b, "deny revoked");
    EXPECT_TROUBLE(s);
    ck_assert_uint_eq(s.host.alerts, 1);
    forge_end(&older);
    scene_end(&s);
}
END_TEST

/* It went on on its own from where both had line 2, and was compacted beyond what was read: no line of its
 * log tells, but its snapshot holds a line 3 that is not mine, or lacks the token of mine. */
START_TEST(compacted_copy_that_parted_is_trouble)
{
    struct scene s;
    struct forge parted;

    scene_start(&s, "60s");
    forge_copy(&parted, &s.forge, "parted");
    forge_create(&s.forge, &s.c);
    EXPECT(s, c, "allow");
    if (_i == 0)
        forge_create(&parted, &s.d);
    else
        forge_append(&parted, &s.a.record);
    forge_append(&parted, &s.b.record);
    forge_compact(&parted, NOW);
    forge_install(&parted, &s.forge);
    EXPECT(s, c, "allow");
    EXPECT(s, d, "error store");
    ck_assert_uint_eq(s.host.alerts, 1);
    forge_end(&parted);
    scene_end(&s);
}
END_TEST

/* What is kept dead from another epoch is no line of this log: a snapshot may have the token alive. */
START_TEST(what_is_kept_dead_is_no_sign_of_another_log)
{
    struct scene s;
    struct forge older;

    scene_start(&s, "60s");
    forge_copy(&older, &s.forge, "older");
    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    forge_mend(&older, 2);
    forge_install(&older, &s.forge);
    EXPECT(s, b, "deny revoked");
    forge_end(&s.forge);
    forge_copy(&s.forge, &older, "next");
    forge_create(&s.forge, &s.c);
    forge_compact(&s.forge, NOW);
    forge_install(&s.forge, &older);
    EXPECT(s, c, "allow");
    EXPECT(s, b, "deny revoked");
    ck_assert_uint_eq(s.host.alerts, 0);
    forge_end(&older);
    scene_end(&s);
}
END_TEST

/* The copy went on on its own, and is as long as what was read, or longer: the chain decides. */
START_TEST(copy_that_parted_is_trouble)
{
    struct scene s;
    struct forge parted;

    scene_start(&s, "60s");
    forge_copy(&parted, &s.forge, "parted");
    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    forge_create(&parted, &s.c);
    if (_i == 1)
        forge_create(&parted, &s.d);
    if (_i == 2)
        forge_compact(&parted, NOW); /* its base is my n, its chain is another */
    forge_install(&parted, &s.forge);
    EXPECT(s, c, "error store");
    EXPECT_TROUBLE(s);
    EXPECT(s, b, "deny revoked");
    ck_assert_uint_eq(s.host.alerts, 1);
    forge_end(&parted);
    scene_end(&s);
}
END_TEST

START_TEST(trouble_ends_with_a_file_that_follows)
{
    struct scene s;
    struct forge older, newer;

    scene_start(&s, "60s");
    forge_copy(&older, &s.forge, "older");
    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    forge_copy(&newer, &s.forge, "newer");
    forge_install(&older, &s.forge);
    EXPECT_TROUBLE(s);
    forge_create(&newer, &s.c);
    forge_install(&newer, &s.forge);
    EXPECT(s, c, "allow");
    EXPECT(s, d, "deny unknown");
    ck_assert_uint_eq(s.host.alerts, 1);
    ck_assert_uint_eq(s.host.others, 1);
    ck_assert_ptr_nonnull(strstr(s.host.last, "good again"));
    forge_end(&older);
    forge_end(&newer);
    scene_end(&s);
}
END_TEST

/* ---- another store ---- */

START_TEST(another_store_is_trouble)
{
    struct scene s;
    struct forge other;

    scene_start(&s, "60s");
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
    scene_end(&s);
}
END_TEST

START_TEST(store_of_another_domain_is_trouble)
{
    struct scene s;
    struct compaction compaction;

    scene_start(&s, "60s");
    compaction_prepare(&compaction, &s.forge, NOW);
    strcpy(compaction.header.domain, "example.org");
    scene_install(&s, &compaction);
    EXPECT_TROUBLE(s);
    ck_assert_ptr_nonnull(strstr(s.host.last, "another domain"));
    host_close(&s.host);
    host_open(&s.host, s.directory, "60s");
    EXPECT(s, a, "error store");
    scene_end(&s);
}
END_TEST

START_TEST(missing_store_is_trouble_until_it_is_back)
{
    struct scene s;
    struct forge copy;

    scene_start(&s, "60s");
    forge_copy(&copy, &s.forge, "copy");
    ck_assert_int_eq(unlink(s.forge.path), 0);
    EXPECT_TROUBLE(s);
    ck_assert_ptr_nonnull(strstr(s.host.last, "no such file"));
    forge_revoke(&copy, &s.b);
    EXPECT_TROUBLE(s);
    forge_install(&copy, &s.forge);
    EXPECT(s, b, "deny revoked");
    EXPECT(s, d, "deny unknown");
    ck_assert_uint_eq(s.host.alerts, 1);
    forge_end(&copy);
    scene_end(&s);
}
END_TEST

/* ---- epochs ---- */

/* An older copy was put back and then mended, which says that it is meant: it counts, but what is known to be
 * revoked stays so, whether the new file has it alive or not at all. */
START_TEST(higher_epoch_is_taken_and_what_is_dead_stays_dead)
{
    struct scene s;
    struct forge older;

    scene_start(&s, "60s");
    forge_copy(&older, &s.forge, "older"); /* b is alive in it, c not there */
    forge_create(&s.forge, &s.c);
    forge_revoke(&s.forge, &s.c);
    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    EXPECT(s, c, "deny revoked");
    forge_mend(&older, 1800000000);
    if (_i == 1)
        forge_append(&older, &s.c.record); /* c comes back with its revocation */
    forge_install(&older, &s.forge);
    EXPECT(s, a, "allow");
    EXPECT(s, b, "deny revoked");
    EXPECT(s, c, "deny revoked");
    EXPECT(s, d, "deny unknown");
    s.b.record.op = OPERATION_UPDATE;
    s.b.record.revoked = TIME_NEVER;
    forge_append(&older, &s.b.record);
    EXPECT(s, b, "deny revoked");
    forge_create(&older, &s.d);
    EXPECT(s, d, "allow");
    ck_assert_uint_eq(s.host.alerts, 0);
    forge_end(&older);
    scene_end(&s);
}
END_TEST

START_TEST(higher_epoch_is_proved)
{
    struct scene s;
    struct compaction compaction;

    scene_start(&s, "60s");
    compaction_prepare_epoch(&compaction, &s.forge, 2);
    if (_i < POINT_FAULTS)
        spoil_point(&compaction, (enum point_fault)_i);
    else
        compaction.snapshot.at[3] ^= 1;
    scene_install(&s, &compaction);
    EXPECT_TROUBLE(s);
    scene_end(&s);
}
END_TEST

START_TEST(lower_epoch_is_trouble)
{
    struct scene s;
    struct forge older;

    scene_start(&s, "60s");
    forge_copy(&older, &s.forge, "older");
    forge_mend(&s.forge, 5);
    EXPECT(s, d, "deny unknown");
    forge_create(&older, &s.c);
    forge_create(&older, &s.d);
    if (_i == 1)
        forge_mend(&older, 4);
    forge_install(&older, &s.forge);
    EXPECT(s, c, "error store");
    EXPECT_TROUBLE(s);
    ck_assert_ptr_nonnull(strstr(s.host.last, "epoch"));
    forge_end(&older);
    scene_end(&s);
}
END_TEST

Suite *replaced_suite(void)
{
    Suite *suite = suite_create("replaced");
    TCase *copies = tcase_create("copies"), *others = tcase_create("others"),
          *epochs = tcase_create("epochs");

    tcase_add_loop_test(copies, file_that_starts_beyond_is_read_whole, 0, 2);
    tcase_add_test(copies, file_that_starts_beyond_is_proved);
    tcase_add_test(copies, what_was_dropped_stays_revoked);
    tcase_add_loop_test(copies, copy_that_holds_my_place_is_taken, 0, 3);
    tcase_add_loop_test(copies, older_copy_is_trouble, 0, 3);
    tcase_add_loop_test(copies, copy_that_parted_is_trouble, 0, 3);
    tcase_add_loop_test(copies, compacted_copy_that_parted_is_trouble, 0, 2);
    tcase_add_test(copies, what_is_kept_dead_is_no_sign_of_another_log);
    tcase_add_test(copies, trouble_ends_with_a_file_that_follows);
    suite_add_tcase(suite, copies);
    tcase_add_loop_test(others, another_store_is_trouble, 0, 2);
    tcase_add_test(others, store_of_another_domain_is_trouble);
    tcase_add_test(others, missing_store_is_trouble_until_it_is_back);
    suite_add_tcase(suite, others);
    tcase_add_loop_test(epochs, higher_epoch_is_taken_and_what_is_dead_stays_dead, 0, 2);
    tcase_add_loop_test(epochs, higher_epoch_is_proved, 0, POINT_FAULTS + 1);
    tcase_add_loop_test(epochs, lower_epoch_is_trouble, 0, 2);
    suite_add_tcase(suite, epochs);
    return suite;
}
