/* How a host that runs follows the file that it holds: appends, torn tails, damage, what is rewritten in
 * place. */
#include "clock.h"
#include "scene_case.h"
#include "suites.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- appends ---- */

START_TEST(appends_count_at_the_next_question)
{
    for (int i = 0; i < 100; i++) {
        sample_make(&s.c);
        EXPECT(s, c, "deny unknown");
        forge_create(&s.forge, &s.c);
        EXPECT(s, c, "allow");
        forge_revoke(&s.forge, &s.c);
        EXPECT(s, c, "deny revoked");
    }
    EXPECT(s, a, "allow");
    ck_assert_uint_eq(s.host.alerts, 0);
}
END_TEST

START_TEST(many_lines_between_two_questions)
{
    struct sample some[300];

    for (size_t i = 0; i < 300; i++) {
        sample_make(&some[i]);
        forge_create(&s.forge, &some[i]);
        if (i % 3 == 0)
            forge_revoke(&s.forge, &some[i]);
    }
    for (size_t i = 0; i < 300; i++)
        ck_assert_str_eq(host_ask(&s.host, &some[i]), i % 3 == 0 ? "deny revoked" : "allow");
}
END_TEST

/* What an id once was is not kept for ever by a host that runs for ever. */
START_TEST(superseded_lines_do_not_pile_up)
{
    struct reader reader;

    scene_open_reader(&reader, &s);
    for (int i = 0; i < 40; i++) {
        forge_fill(&s.forge, &s.b, 3000, 200000);
        ck_assert_int_eq(reader_look(&reader, clock_now()), STANDING_GOOD);
    }
    ck_assert_uint_lt(reader.generation[0].bytes + reader.generation[1].bytes, 4000000);
    reader_close(&reader);
}
END_TEST

START_TEST(revoked_absorbs)
{
    forge_revoke(&s.forge, &s.b);
    if (_i == 1)
        EXPECT(s, b, "deny revoked");
    s.b.record.op = OPERATION_UPDATE;
    s.b.record.revoked = TIME_NEVER;
    forge_append(&s.forge, &s.b.record);
    EXPECT(s, b, "deny revoked");
    EXPECT(s, d, "deny unknown"); /* such a line is part of the log, no damage */
    if (_i == 2)
        forge_compact(&s.forge, TIME_NEVER);
    EXPECT(s, b, "deny revoked");
    host_close(&s.host);
    host_open(&s.host, s.directory, "60s");
    EXPECT(s, b, "deny revoked");
}
END_TEST

/* ---- torn tails ---- */

/* The line that would come next, without taking its place in the log. */
static size_t next_line(const struct forge *forge, const struct sample *sample, char text[LINE_SIZE_MAX])
{
    struct record record = sample->record;
    unsigned char origin[CHAIN_SIZE], chain[CHAIN_SIZE];

    record.op = OPERATION_CREATE;
    record.n = record.serial = forge->at.n + 1;
    record.prior = forge->serial;
    memcpy(record.before, forge->at.chain, CHAIN_SIZE);
    header_origin(origin, &forge->header);
    return chain_finish(text, record_format(text, &record), origin, chain);
}

/* How much of a torn line is there: the first byte, a half, all but the LF and a digit before it. */
static size_t torn_length(int i, size_t length)
{
    return i == 0 ? 1 : i == 1 ? length / 2 : length - 2;
}

START_TEST(torn_tail_is_ignored_until_it_is_complete)
{
    char text[LINE_SIZE_MAX];
    size_t length, torn;

    length = next_line(&s.forge, &s.c, text);
    torn = torn_length(_i, length);
    file_append(s.forge.path, text, torn);
    EXPECT(s, c, "deny unknown");
    EXPECT(s, a, "allow");
    file_append(s.forge.path, text + torn, length - torn);
    EXPECT(s, c, "allow");
    ck_assert_uint_eq(s.host.alerts, 0);
}
END_TEST

/* looks: does the host look at the store while the torn line is there? And when it is cut off? */
static void cut_off_and_go_on(int torn, bool looks, bool looks_again)
{
    char text[LINE_SIZE_MAX];
    size_t length;
    struct stat status;

    length = next_line(&s.forge, &s.c, text);
    ck_assert_int_eq(stat(s.forge.path, &status), 0);
    file_append(s.forge.path, text, torn_length(torn, length));
    if (looks)
        EXPECT(s, c, "deny unknown");
    ck_assert_int_eq(truncate(s.forge.path, status.st_size), 0);
    if (looks_again)
        EXPECT(s, a, "allow");
    forge_create(&s.forge, &s.d);
    EXPECT(s, d, "allow");
    EXPECT(s, c, "deny unknown");
    ck_assert_uint_eq(s.host.alerts, 0);
}

START_TEST(torn_tail_is_cut_off_and_another_line_comes)
{
    cut_off_and_go_on(_i / 4, (_i & 1) != 0, (_i & 2) != 0);
}
END_TEST

START_TEST(torn_tail_at_opening)
{
    char text[LINE_SIZE_MAX];
    size_t length, torn;

    host_close(&s.host);
    length = next_line(&s.forge, &s.c, text);
    torn = torn_length(_i, length);
    file_append(s.forge.path, text, torn);
    host_open(&s.host, s.directory, "60s");
    EXPECT(s, a, "allow");
    EXPECT(s, c, "deny unknown");
    file_append(s.forge.path, text + torn, length - torn);
    EXPECT(s, c, "allow");
    ck_assert_uint_eq(s.host.alerts, 0);
}
END_TEST

/* ---- a last line without its LF ---- */

/* An editor takes the LF off, or a bit of it flips: the line counts, for who has read it and for who has not.
 * Then a writer puts the LF there, and goes on. */
START_TEST(last_line_counts_without_its_lf)
{
    struct bytes file;

    forge_revoke(&s.forge, &s.b);
    if (_i < 2)
        EXPECT(s, b, "deny revoked");
    file = file_read(s.forge.path);
    if (_i % 2 == 0)
        file.length--;
    else
        file.at[file.length - 1] = 'J';
    file_replace(s.forge.path, file.at, file.length);
    EXPECT(s, b, "deny revoked");
    EXPECT(s, a, "allow");
    host_close(&s.host);
    host_open(&s.host, s.directory, "60s");
    EXPECT(s, b, "deny revoked");
    EXPECT(s, d, "deny unknown");
    file.length -= _i % 2 == 1;
    bytes_add(&file, "\n", 1);
    file_write(s.forge.path, file.at, file.length);
    EXPECT(s, b, "deny revoked");
    forge_create(&s.forge, &s.c);
    EXPECT(s, c, "allow");
    forge_revoke(&s.forge, &s.c);
    EXPECT(s, c, "deny revoked");
    ck_assert_uint_eq(s.host.alerts, 0);
    bytes_free(&file);
}
END_TEST

START_TEST(last_line_without_its_lf_is_followed_by_one_byte_at_most)
{
    struct bytes file;

    forge_revoke(&s.forge, &s.b);
    file = file_read(s.forge.path);
    file.length--;
    bytes_add(&file, "JJ", 2);
    file_write(s.forge.path, file.at, file.length);
    EXPECT_TROUBLE(s);
    bytes_free(&file);
}
END_TEST

/* ---- damage ---- */

static char other_digit(char digit)
{
    return digit == '0' ? '1' : '0';
}

static const char *const damages[] = {"chain", "number", "hash", "cut at its front", "hole", "garbage"};

static void append_damage(int kind)
{
    char text[2 * LINE_SIZE_MAX] = {0};
    size_t length = next_line(&s.forge, &s.c, text);

    if (kind == 0)
        text[length - 5] = other_digit(text[length - 5]);
    else if (kind == 1)
        text[0]++;
    else if (kind == 2)
        text[20] = other_digit(text[20]);
    else if (kind == 4)
        memset(text, 0, length = LINE_SIZE_MAX); /* as a crash of the machine may leave one */
    else if (kind == 5)
        text[(length = 8) - 1] = '\n';
    file_append(s.forge.path, text + (kind == 3), length - (kind == 3));
}

START_TEST(damage_at_the_tail_is_trouble)
{
    forge_revoke(&s.forge, &s.b); /* good lines before the damage count */
    append_damage(_i);
    ck_assert_msg(strcmp(host_ask(&s.host, &s.c), "error store") == 0, "%s", damages[_i]);
    EXPECT_TROUBLE(s);
    EXPECT(s, b, "deny revoked");
    ck_assert_uint_eq(s.host.alerts, 1);
    host_close(&s.host);
    host_open(&s.host, s.directory, "60s");
    EXPECT(s, a, "error store");
}
END_TEST

START_TEST(damage_that_is_undone_is_over)
{
    struct stat status;

    ck_assert_int_eq(stat(s.forge.path, &status), 0);
    append_damage(_i);
    EXPECT_TROUBLE(s);
    ck_assert_int_eq(truncate(s.forge.path, status.st_size), 0);
    EXPECT(s, d, "deny unknown");
    forge_create(&s.forge, &s.d);
    EXPECT(s, d, "allow");
    ck_assert_uint_eq(s.host.alerts, 1);
    ck_assert_uint_eq(s.host.others, 1);
}
END_TEST

START_TEST(shrinking_below_what_was_read_is_trouble)
{
    struct bytes whole;

    whole = file_read(s.forge.path);
    ck_assert_int_eq(truncate(s.forge.path, _i == 0 ? 0 : (off_t)whole.length - 2), 0);
    EXPECT_TROUBLE(s);
    EXPECT_TROUBLE(s);
    ck_assert_uint_eq(s.host.alerts, 1);
    file_write(s.forge.path, whole.at, whole.length);
    EXPECT(s, d, "deny unknown");
    EXPECT(s, a, "allow");
    ck_assert_uint_eq(s.host.alerts, 1);
    ck_assert_uint_eq(s.host.others, 1);
    bytes_free(&whole);
}
END_TEST

/* A file that was found bad is not parsed again before it changes. */
START_TEST(bad_file_is_read_once)
{
    enum { QUESTIONS = 200 };
    struct bytes good;
    unsigned long long before, after;

    forge_fill(&s.forge, &s.b, 4000, 4000000);
    EXPECT(s, b, "allow");
    good = file_read(s.forge.path);
    if (_i == 1)
        host_close(&s.host);
    append_damage(0);
    before = bytes_read_so_far();
    if (_i == 1)
        host_open(&s.host, s.directory, "60s");
    EXPECT(s, d, "error store");
    after = bytes_read_so_far();
    ck_assert_uint_gt(after - before, good.length / 2); /* to know that it is counted */
    for (int i = 0; i < QUESTIONS; i++)
        EXPECT(s, d, "error store");
    ck_assert_uint_lt(bytes_read_so_far() - after, good.length / 2);
    ck_assert_uint_eq(s.host.alerts, 1);
    file_write(s.forge.path, good.at, good.length);
    EXPECT(s, d, "deny unknown");
    bytes_free(&good);
}
END_TEST

/* ---- rewritten in place: no writer does it, but cp(1) of a backup does ---- */

START_TEST(in_place_a_longer_copy_is_followed)
{
    struct bytes whole;

    forge_revoke(&s.forge, &s.b);
    forge_create(&s.forge, &s.c);
    whole = file_read(s.forge.path);
    file_write(s.forge.path, whole.at, whole.length);
    EXPECT(s, c, "allow");
    EXPECT(s, b, "deny revoked");
    ck_assert_uint_eq(s.host.alerts, 0);
    bytes_free(&whole);
}
END_TEST

START_TEST(in_place_a_compacted_file_is_read_whole)
{
    struct compaction compaction;
    struct bytes file;

    for (int i = 0; i < _i * 10; i++)
        forge_append(&s.forge, &s.a.record);
    EXPECT(s, a, "allow");
    forge_revoke(&s.forge, &s.b);
    compaction_prepare(&compaction, &s.forge, TIME_NEVER);
    file = compaction_file(&compaction, &s.forge);
    file_write(s.forge.path, file.at, file.length);
    EXPECT(s, b, "deny revoked");
    EXPECT(s, a, "allow");
    EXPECT(s, d, "deny unknown");
    forge_create(&s.forge, &s.c);
    EXPECT(s, c, "allow");
    bytes_free(&file);
}
END_TEST

START_TEST(in_place_an_older_copy_is_trouble)
{
    struct bytes older;

    older = file_read(s.forge.path);
    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    file_write(s.forge.path, older.at, older.length);
    EXPECT(s, b, "deny revoked");
    EXPECT_TROUBLE(s);
    bytes_free(&older);
}
END_TEST

Suite *follow_suite(void)
{
    Suite *suite = suite_create("follow");
    TCase *appends = scene_case("appends"), *torn = scene_case("torn tails"), *damage = scene_case("damage"),
          *in_place = scene_case("in place");

    tcase_add_test(appends, appends_count_at_the_next_question);
    tcase_add_test(appends, many_lines_between_two_questions);
    tcase_add_test(appends, superseded_lines_do_not_pile_up);
    tcase_add_loop_test(appends, revoked_absorbs, 0, 3);
    suite_add_tcase(suite, appends);
    tcase_add_loop_test(torn, torn_tail_is_ignored_until_it_is_complete, 0, 3);
    tcase_add_loop_test(torn, torn_tail_is_cut_off_and_another_line_comes, 0, 12);
    tcase_add_loop_test(torn, torn_tail_at_opening, 0, 3);
    tcase_add_loop_test(torn, last_line_counts_without_its_lf, 0, 4);
    tcase_add_test(torn, last_line_without_its_lf_is_followed_by_one_byte_at_most);
    suite_add_tcase(suite, torn);
    tcase_add_loop_test(damage, damage_at_the_tail_is_trouble, 0, 6);
    tcase_add_loop_test(damage, damage_that_is_undone_is_over, 0, 6);
    tcase_add_loop_test(damage, shrinking_below_what_was_read_is_trouble, 0, 2);
    tcase_add_loop_test(damage, bad_file_is_read_once, 0, 2);
    suite_add_tcase(suite, damage);
    tcase_add_test(in_place, in_place_a_longer_copy_is_followed);
    tcase_add_loop_test(in_place, in_place_a_compacted_file_is_read_whole, 0, 2);
    tcase_add_test(in_place, in_place_an_older_copy_is_trouble);
    suite_add_tcase(suite, in_place);
    return suite;
}
