/* Files into an index: in steps, in pieces, up to a size, held against what is known; and stores larger than
 * the steps.
 */
#include "load.h"
#include "scene.h"
#include "suites.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DOMAIN HOST_DOMAIN

static const struct known nothing;

/* What one loads into. */
struct target {
    struct index index;
    struct progress progress;
    struct fault fault;
    struct loading loading;
};

static void target_open(struct target *target, const char *path)
{
    memset(target, 0, sizeof(*target));
    ck_assert(index_make(&target->index, 0));
    target->loading = (struct loading){.progress = &target->progress,
                                       .fd = open(path, O_RDONLY | O_CLOEXEC),
                                       .index = &target->index,
                                       .grow = true,
                                       .fault = &target->fault};
    ck_assert_int_ge(target->loading.fd, 0);
    ck_assert_msg(load_header(&target->progress, target->loading.fd, DOMAIN, &target->fault), "%s",
                  target->fault.text);
}

static void target_close(struct target *target)
{
    close(target->loading.fd);
    index_free(&target->index);
}

static bool load(struct target *target, uint64_t size, const struct known *known)
{
    target->loading.known = *known;
    return load_lines(&target->loading, size);
}

static void forge_some(struct forge *forge, struct sample *samples, int count)
{
    char directory[SCRATCH_PATH];

    scratch_directory(directory);
    forge_start(forge, directory, DOMAIN);
    for (int i = 0; i < count; i++) {
        sample_make(&samples[i]);
        samples[i].record.time = NOW + i;
        forge_create(forge, &samples[i]);
    }
}

/* ---- the header ---- */

static const struct {
    const char *text;
    size_t length;
    const char *says;
} no_headers[] = {
    {"", 0, "not a toktab store"},
    {"toktab1|", 8, "not a toktab store"}, /* without an end */
    {"root:x:0:0:\n", 12, "not a toktab store"},
    {"toktab2|a|b\n", 12, "version"},
    {"toktab1|a|b\n", 12, "11 columns"},
    {"\0\0\0\n", 4, "not a toktab store"},
};

START_TEST(header_that_is_none)
{
    char directory[SCRATCH_PATH], path[SCRATCH_PATH];
    struct progress progress = {.newest = 7};
    struct fault fault = {0};
    int fd;

    scratch_directory(directory);
    path_join(path, directory, "store");
    file_write(path, no_headers[_i].text, no_headers[_i].length);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert(!load_header(&progress, fd, DOMAIN, &fault));
    ck_assert_msg(strstr(fault.text, no_headers[_i].says) != NULL, "%s", fault.text);
    ck_assert(!fault.passing);
    ck_assert_int_eq(progress.newest, 7);
    close(fd);
}
END_TEST

START_TEST(header_without_an_end)
{
    char directory[SCRATCH_PATH], path[SCRATCH_PATH];
    static char text[100000];
    struct progress progress;
    struct fault fault = {0};
    int fd;

    memset(text, 'x', sizeof(text));
    memcpy(text, "toktab1|", 8);
    scratch_directory(directory);
    path_join(path, directory, "store");
    file_write(path, text, sizeof(text));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert(!load_header(&progress, fd, DOMAIN, &fault));
    close(fd);
}
END_TEST

/* ---- lines ---- */

START_TEST(whole_file)
{
    struct sample samples[20];
    struct forge forge;
    struct target target;
    struct bytes file;

    forge_some(&forge, samples, 20);
    forge_revoke(&forge, &samples[3]);
    file = file_read(forge.path);
    target_open(&target, forge.path);
    ck_assert_msg(load(&target, file.length, &nothing), "%s", target.fault.text);
    ck_assert_uint_eq(target.progress.offset, file.length);
    ck_assert_uint_eq(target.progress.lines, 22);
    ck_assert_uint_eq(target.progress.chain.at.n, 21);
    ck_assert_int_eq(target.progress.newest, NOW + 19);
    ck_assert_uint_eq(target.index.count, 20);
    ck_assert_uint_lt(target.index.bytes, file.length - 21 * CHAIN_HEX); /* it keeps no chain */
    for (int i = 0; i < 20; i++)
        ck_assert(line_revoked(index_find(&target.index, samples[i].record.id)) == (i == 3));
    target_close(&target);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* A size is not to be read past, and what is not whole by then is left for the next time. */
START_TEST(up_to_any_size)
{
    struct sample samples[4];
    struct forge forge;
    struct target target;
    struct bytes file;

    forge_some(&forge, samples, 4);
    file = file_read(forge.path);
    target_open(&target, forge.path);
    for (uint64_t size = target.progress.offset; size <= file.length; size++) {
        MUST(load(&target, size, &nothing));
        MUST(target.progress.offset <= size);
        MUST(target.progress.lf_due || file.at[target.progress.offset - 1] == '\n');
        MUST(!target.progress.lf_due || (target.progress.offset == size && file.at[size] == '\n'));
        MUST(!memchr(file.at + target.progress.offset, '\n', (size_t)(size - target.progress.offset)));
    }
    ck_assert_uint_eq(target.progress.chain.at.n, 4);
    ck_assert_uint_eq(target.index.count, 4);
    target_close(&target);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* The size is from an fstat(2) before: the file may have been cut since. */
START_TEST(file_is_shorter_than_was_said)
{
    struct sample samples[4];
    struct forge forge;
    struct target target;
    struct bytes file;

    forge_some(&forge, samples, 4);
    file = file_read(forge.path);
    target_open(&target, forge.path);
    ck_assert_int_eq(truncate(forge.path, (off_t)file.length - 10), 0);
    ck_assert_msg(load(&target, file.length + 100000, &nothing), "%s", target.fault.text);
    ck_assert_uint_eq(target.progress.chain.at.n, 3);
    target_close(&target);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(fault_names_the_line)
{
    struct sample samples[4];
    struct forge forge;
    struct target target;
    struct bytes file;
    const char *line;
    char at[64];

    forge_some(&forge, samples, 4);
    file = file_read(forge.path);
    line = strchr(strchr(file.at, '\n') + 1, '\n') + 1; /* line 3, n=2 */
    file.at[line - file.at + 40] ^= 1;
    file_write(forge.path, file.at, file.length);
    target_open(&target, forge.path);
    ck_assert(!load(&target, file.length, &nothing));
    snprintf(at, sizeof(at), "line 3 (byte %zu)", (size_t)(line - file.at));
    ck_assert_msg(strstr(target.fault.text, at) != NULL, "%s, not %s", target.fault.text, at);
    ck_assert(!target.fault.passing);
    ck_assert_uint_eq(target.progress.chain.at.n, 1);
    ck_assert_uint_eq(target.progress.offset, (uint64_t)(line - file.at));
    ck_assert_uint_eq(target.index.count, 1);
    target_close(&target);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(line_that_is_too_long)
{
    static char garbage[10000];
    struct sample samples[2];
    struct forge forge;
    struct target target;
    struct bytes file;
    size_t length = _i == 0 ? 4095 : _i == 1 ? 4096 : sizeof(garbage);

    forge_some(&forge, samples, 2);
    memset(garbage, 'x', sizeof(garbage));
    memcpy(garbage, "3|", 2); /* as the next line begins */
    file_append(forge.path, garbage, length);
    file = file_read(forge.path);
    target_open(&target, forge.path);
    ck_assert(load(&target, file.length, &nothing) == (length < 4096)); /* so long is no torn tail */
    ck_assert_uint_eq(target.progress.chain.at.n, 2);
    target_close(&target);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* Others may be reading the index: it must not grow. That there is no room is no damage. */
START_TEST(without_growing)
{
    static struct sample samples[200];
    struct forge forge;
    struct target target;
    struct bytes file;

    forge_some(&forge, samples, 200);
    file = file_read(forge.path);
    target_open(&target, forge.path);
    target.loading.grow = false;
    ck_assert(!load(&target, file.length, &nothing));
    ck_assert(target.fault.passing);
    ck_assert_uint_lt(target.progress.chain.at.n, 200);
    ck_assert_uint_eq(target.index.count, target.progress.chain.at.n);
    target.loading.grow = true;
    ck_assert(load(&target, file.length, &nothing)); /* nothing is lost */
    ck_assert_uint_eq(target.index.count, 200);
    target_close(&target);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* A reader that has announced so many tokens need not grow. */
START_TEST(most_lines_of_so_many_bytes)
{
    struct record record = {.id = "ExampleToken",
                            .op = OPERATION_CREATE,
                            .serial = 1,
                            .n = 1,
                            .created = 0,
                            .expires = TIME_NEVER,
                            .revoked = TIME_NEVER,
                            .time = 0,
                            .by = span_of("a/0/-"),
                            .label = span_of("a"),
                            .scopes = span_of(""),
                            .nets = span_of(""),
                            .user = span_of(""),
                            .reason = span_of(""),
                            .prev = span_of(""),
                            .ext = span_of("")};
    char text[LINE_SIZE_MAX];
    size_t length = record_format(text, &record) + CHAIN_HEX + 1;

    for (size_t lines = 1; lines < 1000; lines += 7)
        ck_assert_uint_ge(load_lines_most(lines * length), lines);
}
END_TEST

START_TEST(file_that_cannot_be_read)
{
    struct sample samples[1];
    struct forge forge;
    struct target target;

    forge_some(&forge, samples, 1);
    target_open(&target, forge.path);
    close(target.loading.fd);
    target.loading.fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert(!load(&target, 100000, &nothing));
    ck_assert(target.fault.passing);
    ck_assert(!load_header(&target.progress, target.loading.fd, DOMAIN, &target.fault));
    ck_assert(target.fault.passing);
    target_close(&target);
    forge_end(&forge);
}
END_TEST

/* ---- what is known ---- */

START_TEST(log_must_hold_what_is_known)
{
    struct sample samples[5];
    struct forge forge;
    struct target target;
    struct bytes file;
    struct known known = {.at.n = (uint64_t)_i};
    bool other = _i > 5;

    forge_some(&forge, samples, 3);
    if (_i == 3 || _i == 6)
        memcpy(known.at.chain, forge.at.chain, CHAIN_SIZE);
    if (_i == 6) { /* the place is right, the chain is another */
        known.at.n = 3;
        known.at.chain[15] ^= 1;
    }
    sample_make(&samples[4]);
    forge_create(&forge, &samples[4]);
    if (_i == 4)
        memcpy(known.at.chain, forge.at.chain, CHAIN_SIZE);
    file = file_read(forge.path);
    target_open(&target, forge.path);
    /* 0: any; 1, 2: another chain; 3, 4: there; 5: beyond the end */
    ck_assert(load(&target, file.length, &known) == (_i == 0 || _i == 3 || _i == 4));
    ck_assert(!other || strstr(target.fault.text, "two hosts have written") != NULL);
    ck_assert(_i != 5 || strstr(target.fault.text, "older") != NULL);
    target_close(&target);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* The base of a compacted file may be what is known, if the chain is the same. */
START_TEST(what_is_known_may_be_the_base)
{
    struct sample samples[3];
    struct forge forge;
    struct target target;
    struct bytes file;
    struct known known = {.at.n = 3};

    forge_some(&forge, samples, 3);
    if (_i >= 2) /* with an empty snapshot */
        for (int i = 0; i < 3; i++)
            forge_revoke(&forge, &samples[i]);
    known.at.n = forge.at.n;
    memcpy(known.at.chain, forge.at.chain, CHAIN_SIZE);
    known.at.chain[0] ^= (unsigned char)(_i % 2);
    forge_compact(&forge, NOW + 1);
    file = file_read(forge.path);
    target_open(&target, forge.path);
    ck_assert(load(&target, file.length, &known) == (_i % 2 == 0));
    target_close(&target);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* ---- stores larger than one step of reading (256 KiB) and than one chunk of the arena (64 MiB) ---- */

static const struct {
    size_t line_length;
    size_t bytes;
} sizes[] = {
    {300, 300 << 10}, {4096, 300 << 10}, {1000, 3 << 20}, {4093, 9 << 20}, {4080, 70 << 20},
};

START_TEST(large_store)
{
    struct scene s;

    scene_start(&s, "60s");
    forge_fill(&s.forge, &s.a, sizes[_i].line_length, sizes[_i].bytes);
    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked"); /* all of it was appended between two questions */
    EXPECT(s, a, "allow");
    forge_create(&s.forge, &s.c);
    EXPECT(s, c, "allow");
    EXPECT(s, d, "deny unknown");
    ck_assert_msg(s.host.alerts == 0, "%s", s.host.last);
    host_close(&s.host);
    host_open(&s.host, s.directory, "60s");
    EXPECT(s, a, "allow");
    EXPECT(s, b, "deny revoked");
    EXPECT(s, c, "allow");
    EXPECT(s, d, "deny unknown");
    ck_assert_msg(s.host.alerts == 0, "%s", s.host.last);
    scene_end(&s);
}
END_TEST

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

Suite *load_suite(void)
{
    Suite *suite = suite_create("load");
    TCase *header = tcase_create("header"), *lines = tcase_create("lines"),
          *waypoints = tcase_create("waypoints"), *large = tcase_create("large");

    tcase_add_loop_test(header, header_that_is_none, 0, LENGTH(no_headers));
    tcase_add_test(header, header_without_an_end);
    suite_add_tcase(suite, header);
    tcase_add_test(lines, whole_file);
    tcase_add_test(lines, up_to_any_size);
    tcase_add_test(lines, file_is_shorter_than_was_said);
    tcase_add_test(lines, fault_names_the_line);
    tcase_add_loop_test(lines, line_that_is_too_long, 0, 3);
    tcase_add_test(lines, without_growing);
    tcase_add_test(lines, most_lines_of_so_many_bytes);
    tcase_add_test(lines, file_that_cannot_be_read);
    suite_add_tcase(suite, lines);
    tcase_add_loop_test(waypoints, log_must_hold_what_is_known, 0, 7);
    tcase_add_loop_test(waypoints, what_is_known_may_be_the_base, 0, 4);
    suite_add_tcase(suite, waypoints);
    tcase_add_loop_test(large, large_store, 0, LENGTH(sizes));
    suite_add_tcase(suite, large);
    return suite;
}
