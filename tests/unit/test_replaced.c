/* How a host that runs takes another file in the place of the one that it knows: a compacted one, a copy, an
 * older one, a new epoch, another store. Each row of the state machine of toktab-store(5), on real files. */
#include "scene.h"
#include "suites.h"

#include <string.h>
#include <unistd.h>

/* Rename over the store what became of the compaction. */
static void install(struct scene *scene, struct compaction *compaction)
{
    struct bytes file = compaction_file(compaction, &scene->forge);

    file_replace(scene->forge.path, file.at, file.length);
    bytes_free(&file);
}

/* ---- compaction ---- */

/* The reader stands at the base: of the snapshot it needs nothing, which may therefore be anything at all. */
START_TEST(compacted_file_is_jumped_into)
{
    struct scene s;
    struct compaction compaction;

    scene_start(&s, "60s");
    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    compaction_prepare(&compaction, &s.forge, TIME_NEVER);
    memset(compaction.snapshot.at, '#', compaction.snapshot.length);
    install(&s, &compaction);
    EXPECT(s, a, "allow");
    EXPECT(s, b, "deny revoked");
    EXPECT(s, d, "deny unknown");
    forge_create(&s.forge, &s.c);
    EXPECT(s, c, "allow");
    ck_assert_uint_eq(s.host.alerts, 0);
    scene_end(&s);
}
END_TEST

START_TEST(what_came_before_the_rename_is_drained_first)
{
    struct scene s;
    struct compaction compaction;

    scene_start(&s, "60s");
    forge_create(&s.forge, &s.c);
    forge_revoke(&s.forge, &s.b);
    compaction_prepare(&compaction, &s.forge, TIME_NEVER);
    memset(compaction.snapshot.at, '#', compaction.snapshot.length); /* it cannot have them from here */
    install(&s, &compaction);
    forge_create(&s.forge, &s.d);
    EXPECT(s, b, "deny revoked");
    EXPECT(s, c, "allow");
    EXPECT(s, d, "allow");
    ck_assert_uint_eq(s.host.alerts, 0);
    scene_end(&s);
}
END_TEST

/* A bad tail of the old file forbids the jump, and nothing else. */
START_TEST(bad_tail_of_the_old_file_forbids_the_jump)
{
    struct scene s;
    struct compaction compaction;

    scene_start(&s, "60s");
    file_append(s.forge.path, "3|no line|\n", 11);
    compaction_prepare(&compaction, &s.forge, TIME_NEVER);
    if (_i == 1)
        compaction.snapshot.at[20] ^= 1;
    install(&s, &compaction);
    if (_i == 1)
        EXPECT_TROUBLE(s);
    else
        EXPECT(s, d, "deny unknown");
    EXPECT(s, a, "allow");
    scene_end(&s);
}
END_TEST

START_TEST(many_compactions_in_a_row)
{
    struct scene s;

    scene_start(&s, "60s");
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
    scene_end(&s);
}
END_TEST

enum {
    POINT_MISSING,
    POINT_DIGEST,
    POINT_CUTOFF,
    POINT_NO_CUTOFF,
    POINT_OPERATION,
    POINT_CHAIN,
    POINT_FAULTS
};

static void spoil_point(struct compaction *compaction, int kind)
{
    struct record *point = &compaction->point;

    if (kind == POINT_MISSING)
        compaction->without_point = true;
    else if (kind == POINT_DIGEST)
        point->hash[0] ^= 1;
    else if (kind == POINT_CUTOFF)
        point->expires = NOW + 1;
    else if (kind == POINT_NO_CUTOFF)
        point->expires = compaction->header.cutoff == TIME_NEVER ? NOW : TIME_NEVER;
    else if (kind == POINT_OPERATION)
        point->op = OPERATION_UPDATE;
}

/* A file whose first line behind the snapshot is not its P line is damaged, for one who jumps too. */
START_TEST(bad_point_of_compaction_is_trouble)
{
    struct scene s;
    struct compaction compaction;
    struct bytes file;

    scene_start(&s, "60s");
    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    compaction_prepare(&compaction, &s.forge, NOW);
    spoil_point(&compaction, _i);
    file = compaction_file(&compaction, &s.forge);
    if (_i == POINT_CHAIN)
        file.at[file.length - 3] = file.at[file.length - 3] == '0' ? '1' : '0';
    file_replace(s.forge.path, file.at, file.length);
    EXPECT_TROUBLE(s);
    EXPECT(s, b, "deny revoked");
    EXPECT_TROUBLE(s);
    ck_assert_uint_eq(s.host.alerts, 1);
    bytes_free(&file);
    scene_end(&s);
}
END_TEST

START_TEST(point_of_compaction_may_come_late)
{
    struct scene s;
    struct compaction compaction;

    scene_start(&s, "60s");
    compaction_prepare(&compaction, &s.forge, NOW);
    compaction.without_point = true;
    install(&s, &compaction);
    EXPECT_TROUBLE(s);
    forge_append(&s.forge, &compaction.point);
    EXPECT(s, d, "deny unknown");
    forge_create(&s.forge, &s.d);
    EXPECT(s, d, "allow");
    scene_end(&s);
}
END_TEST

static const uint64_t wrong_lengths[] = {1, 100000, INT64_MAX, UINT64_MAX, UINT64_MAX - 1000};

/* Who jumps does not read the snapshot, and must not be led astray by what the header says of it. */
START_TEST(snapshot_beyond_the_end_is_trouble)
{
    struct scene s;
    struct compaction compaction;

    scene_start(&s, "60s");
    compaction_prepare(&compaction, &s.forge, NOW);
    compaction.header.bytes += wrong_lengths[_i];
    install(&s, &compaction);
    EXPECT_TROUBLE(s);
    EXPECT_TROUBLE(s);
    scene_end(&s);
}
END_TEST

/* A new epoch is read whole, even where its base and basechain are where the reader stands. */
START_TEST(new_epoch_is_not_jumped_into)
{
    struct scene s;
    struct compaction compaction;

    scene_start(&s, "60s");
    compaction_prepare(&compaction, &s.forge, NOW);
    compaction.header.epoch++;
    memset(compaction.snapshot.at, '#', compaction.snapshot.length);
    install(&s, &compaction);
    EXPECT_TROUBLE(s);
    scene_end(&s);
}
END_TEST

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
    s.forge.n += 5;
    compaction_prepare(&compaction, &s.forge, NOW);
    compaction.snapshot.at[compaction.snapshot.length - 20] ^= 1;
    install(&s, &compaction);
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
    install(&s, &compaction);
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
    ck_assert_ptr_nonnull(strstr(s.host.last, "does not exist"));
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
    struct bytes file;

    scene_start(&s, "60s");
    compaction_prepare_epoch(&compaction, &s.forge, 2);
    if (_i < POINT_CHAIN)
        spoil_point(&compaction, _i);
    else if (_i == POINT_CHAIN)
        compaction.snapshot.at[3] ^= 1;
    file = compaction_file(&compaction, &s.forge);
    file_replace(s.forge.path, file.at, file.length);
    EXPECT_TROUBLE(s);
    bytes_free(&file);
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
    TCase *compaction = tcase_create("compaction"), *copies = tcase_create("copies"),
          *others = tcase_create("others"), *epochs = tcase_create("epochs");

    tcase_add_test(compaction, compacted_file_is_jumped_into);
    tcase_add_test(compaction, what_came_before_the_rename_is_drained_first);
    tcase_add_loop_test(compaction, bad_tail_of_the_old_file_forbids_the_jump, 0, 2);
    tcase_add_test(compaction, many_compactions_in_a_row);
    tcase_add_loop_test(compaction, bad_point_of_compaction_is_trouble, 0, POINT_FAULTS);
    tcase_add_test(compaction, point_of_compaction_may_come_late);
    tcase_add_loop_test(compaction, snapshot_beyond_the_end_is_trouble, 0, 5);
    tcase_add_test(compaction, new_epoch_is_not_jumped_into);
    suite_add_tcase(suite, compaction);
    tcase_add_loop_test(copies, file_that_starts_beyond_is_read_whole, 0, 2);
    tcase_add_test(copies, file_that_starts_beyond_is_proved);
    tcase_add_test(copies, what_was_dropped_stays_revoked);
    tcase_add_loop_test(copies, copy_that_holds_my_place_is_taken, 0, 3);
    tcase_add_loop_test(copies, older_copy_is_trouble, 0, 3);
    tcase_add_loop_test(copies, copy_that_parted_is_trouble, 0, 3);
    tcase_add_test(copies, trouble_ends_with_a_file_that_follows);
    suite_add_tcase(suite, copies);
    tcase_add_loop_test(others, another_store_is_trouble, 0, 2);
    tcase_add_test(others, store_of_another_domain_is_trouble);
    tcase_add_test(others, missing_store_is_trouble_until_it_is_back);
    suite_add_tcase(suite, others);
    tcase_add_loop_test(epochs, higher_epoch_is_taken_and_what_is_dead_stays_dead, 0, 2);
    tcase_add_loop_test(epochs, higher_epoch_is_proved, 0, POINT_CHAIN + 1);
    tcase_add_loop_test(epochs, lower_epoch_is_trouble, 0, 2);
    suite_add_tcase(suite, epochs);
    return suite;
}
