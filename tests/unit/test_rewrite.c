#include "store/rewrite.h"

#include "forge.h"
#include "store/prove.h"
#include "suites.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

START_TEST(the_later_cutoff)
{
    ck_assert_int_eq(later_cutoff(1, 2), 2);
    ck_assert_int_eq(later_cutoff(2, 1), 2);
    ck_assert_int_eq(later_cutoff(TIME_NEVER, 0), 0);
    ck_assert_int_eq(later_cutoff(0, TIME_NEVER), 0);
    ck_assert(later_cutoff(TIME_NEVER, TIME_NEVER) == TIME_NEVER);
}
END_TEST

START_TEST(a_cutoff_to_come)
{
    ck_assert(!cutoff_ahead(TIME_NEVER, 0));
    ck_assert(!cutoff_ahead(NOW, NOW));
    ck_assert(cutoff_ahead(NOW + 1, NOW));
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
    unsigned char origin[CHAIN_SIZE] = {0}, chain[CHAIN_SIZE];
    struct last_line line;
    struct snapshot snapshot = {&line, 1};
    struct sample sample;
    size_t length;

    sample_make(&sample);
    sample.record.op = OPERATION_UPDATE;
    sample.record.n = 17;
    sample.record.expires = deaths[_i].expires;
    sample.record.revoked = deaths[_i].revoked;
    length = chain_finish(text, record_format(text, &sample.record), origin, chain);
    ck_assert(last_line_split(&line, text, length));
    ck_assert_uint_eq(line.n, 17);
    snapshot_drop_dead(&snapshot, deaths[_i].cutoff);
    ck_assert_uint_eq(snapshot.count, deaths[_i].kept);
}
END_TEST

/* What the forge, which has its own way, makes of the same. */
START_TEST(made_of_an_index)
{
    char directory[SCRATCH_PATH], text[LINE_SIZE_MAX];
    unsigned char seal[CHAIN_SIZE];
    struct compaction compaction;
    struct snapshot snapshot;
    struct sample sample[4];
    struct forge forge;
    struct proof proof;
    struct fault fault;
    size_t at = 0;
    int fd;

    scratch_directory(directory);
    forge_start(&forge, directory, "example.com");
    for (int i = 0; i < 4; i++) {
        sample_make(&sample[i]);
        forge_create(&forge, &sample[i]);
    }
    forge_revoke(&forge, &sample[0]);
    fd = open(forge.path, O_RDONLY | O_CLOEXEC);
    ck_assert(prove(&proof, fd, "example.com", NULL, NULL, &fault));
    snapshot_of_index(&snapshot, &proof.index);
    compaction_prepare(&compaction, &forge, TIME_NEVER);
    ck_assert_uint_eq(snapshot.count, 4);
    ck_assert_uint_eq(snapshot.lines[3].n, 5);
    for (size_t i = 0; i < snapshot.count; i++) {
        size_t length = snapshot_seal(text, &snapshot.lines[i], compaction.header.basechain, seal);

        ck_assert(!snapshot.lines[i].ends);
        ck_assert_uint_eq(length, snapshot.lines[i].length);
        ck_assert_mem_eq(snapshot.lines[i].text + length - 1, "\n", 1);
        ck_assert_mem_eq(text, compaction.snapshot.at + at, length);
        at += length;
    }
    ck_assert_uint_eq(at, compaction.snapshot.length);
    bytes_free(&compaction.snapshot);
    snapshot_free(&snapshot);
    proof_free(&proof);
    close(fd);
    forge_end(&forge);
}
END_TEST

START_TEST(point_of_a_header)
{
    struct header header = {.base = 16, .cutoff = NOW - 1};
    struct record point, parsed;
    char text[LINE_SIZE_MAX];
    unsigned char origin[CHAIN_SIZE] = {0}, chain[CHAIN_SIZE];
    struct line line;
    size_t length;

    memset(header.digest, 7, HASH_SIZE);
    point_of(&point, &header, NOW, "root/0/-", "mended=1:16:x");
    length = record_format(text, &point);
    ck_assert(line_split(&line, text, chain_finish(text, length, origin, chain)));
    ck_assert_ptr_null(record_check(&parsed, &line));
    ck_assert_uint_eq(parsed.n, 17);
    ck_assert_int_eq(parsed.op, OPERATION_POINT);
    ck_assert_mem_eq(parsed.hash, header.digest, HASH_SIZE);
    ck_assert_int_eq(parsed.time, NOW);
    ck_assert_int_eq(parsed.expires, NOW - 1);
    ck_assert(span_equals(parsed.ext, "mended=1:16:x"));
}
END_TEST

Suite *rewrite_suite(void)
{
    Suite *suite = suite_create("rewrite");
    TCase *test = tcase_create("snapshot");

    tcase_add_test(test, the_later_cutoff);
    tcase_add_test(test, a_cutoff_to_come);
    tcase_add_loop_test(test, who_was_dead_is_left_out, 0, sizeof(deaths) / sizeof(deaths[0]));
    tcase_add_test(test, made_of_an_index);
    tcase_add_test(test, point_of_a_header);
    suite_add_tcase(suite, test);
    return suite;
}
