#include "forge.h"
#include "snapshot.h"
#include "suites.h"

#include <string.h>

START_TEST(the_later_cutoff)
{
    ck_assert_int_eq(later_cutoff(1, 2), 2);
    ck_assert_int_eq(later_cutoff(2, 1), 2);
    ck_assert_int_eq(later_cutoff(TIME_NEVER, 0), 0);
    ck_assert_int_eq(later_cutoff(0, TIME_NEVER), 0);
    ck_assert(later_cutoff(TIME_NEVER, TIME_NEVER) == TIME_NEVER);
}
END_TEST

/* Dead from the lesser of revoked and expires on; before the cutoff means less than it. */
static const struct {
    int64_t expires, revoked, cutoff;
    size_t kept;
} deaths[] = {
    {TIME_NEVER, TIME_NEVER, NOW, 1}, {NOW, TIME_NEVER, TIME_NEVER, 1}, {NOW, TIME_NEVER, NOW, 1},
    {NOW, TIME_NEVER, NOW + 1, 0},    {TIME_NEVER, NOW, NOW, 1},        {TIME_NEVER, NOW, NOW + 1, 0},
    {NOW - 1, NOW + 1, NOW, 0},       {NOW + 1, NOW - 1, NOW, 0},       {NOW, NOW + 1, NOW, 1},
};

START_TEST(who_was_dead_is_left_out)
{
    char text[LINE_SIZE_MAX];
    unsigned char chain[CHAIN_SIZE] = {0};
    struct last_line line;
    struct snapshot snapshot = {&line, 1};
    struct sample sample;
    size_t length;

    sample_make(&sample);
    sample.record.op = OPERATION_UPDATE;
    sample.record.n = 17;
    sample.record.expires = deaths[_i].expires;
    sample.record.revoked = deaths[_i].revoked;
    length = record_format(text, &sample.record, chain);
    ck_assert(last_line_split(&line, text, length));
    ck_assert_uint_eq(line.n, 17);
    snapshot_drop_dead(&snapshot, deaths[_i].cutoff);
    ck_assert_uint_eq(snapshot.count, deaths[_i].kept);
}
END_TEST

/* What the forge, which has its own way, makes of the same. */
START_TEST(described_as_in_a_header)
{
    char directory[SCRATCH_PATH];
    struct compaction compaction;
    struct snapshot snapshot;
    struct last_line lines[3];
    struct sample sample;
    struct header header = {0};
    struct record point;
    struct forge forge;

    scratch_directory(directory);
    forge_start(&forge, directory, "example.com");
    for (int i = 0; i < 3; i++) {
        sample_make(&sample);
        forge_create(&forge, &sample);
    }
    forge_revoke(&forge, &sample);
    compaction_prepare(&compaction, &forge, TIME_NEVER);
    for (size_t i = 0; i < 3; i++) /* in no order */
        ck_assert(last_line_split(&lines[i], forge.state[(i + 1) % 3].text.at,
                                  forge.state[(i + 1) % 3].text.length));
    snapshot = (struct snapshot){lines, 3};
    snapshot_sort(&snapshot);
    snapshot_describe(&snapshot, &header);
    ck_assert_uint_eq(header.lines, compaction.header.lines);
    ck_assert_uint_eq(header.bytes, compaction.header.bytes);
    ck_assert_mem_eq(header.digest, compaction.header.digest, HASH_SIZE);
    point_of(&point, &compaction.header, NOW, "root/0/-", "");
    ck_assert_uint_eq(point.n, forge.at.n + 1);
    ck_assert_mem_eq(point.hash, header.digest, HASH_SIZE);
    bytes_free(&compaction.snapshot);
    forge_end(&forge);
}
END_TEST

Suite *snapshot_suite(void)
{
    Suite *suite = suite_create("snapshot");
    TCase *test = tcase_create("snapshot");

    tcase_add_test(test, the_later_cutoff);
    tcase_add_loop_test(test, who_was_dead_is_left_out, 0, sizeof(deaths) / sizeof(deaths[0]));
    tcase_add_test(test, described_as_in_a_header);
    suite_add_tcase(suite, test);
    return suite;
}
