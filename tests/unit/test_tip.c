#include "forge.h"
#include "suites.h"
#include "tip.h"

#include <stdlib.h>
#include <string.h>

/* The tip of the store at a path, read as the tool does. */
static const char *tip_of(struct tip *tip, const struct bytes *file)
{
    size_t head = file->length < LINE_SIZE_MAX ? file->length : LINE_SIZE_MAX;
    size_t tail = file->length < TIP_TAIL ? file->length : TIP_TAIL;

    return tip_find(tip, file->at, head, file->at + file->length - tail, tail, file->length - tail);
}

static void expect_tip(const struct forge *forge, const struct bytes *file, size_t end)
{
    struct tip tip;

    ck_assert_ptr_null(tip_of(&tip, file));
    ck_assert_uint_eq(tip.epoch, forge->header.epoch);
    ck_assert_uint_eq(tip.n, forge->at.n);
    ck_assert_mem_eq(tip.chain, forge->at.chain, CHAIN_SIZE);
    ck_assert_uint_eq(tip.end, end);
    ck_assert_str_eq(tip.domain, "example.com");
}

static void start(struct forge *forge)
{
    char directory[SCRATCH_PATH];

    scratch_directory(directory);
    forge_start(forge, directory, "example.com");
}

START_TEST(grows_with_the_log)
{
    struct forge forge;
    struct sample sample;

    start(&forge);
    for (int i = 0; i < 100; i++) { /* more than TIP_TAIL */
        struct bytes file = file_read(forge.path);

        expect_tip(&forge, &file, file.length);
        bytes_free(&file);
        sample_make(&sample);
        forge_create(&forge, &sample);
    }
    forge_end(&forge);
}
END_TEST

/* An unterminated line is not there. */
START_TEST(torn_at_each_byte)
{
    struct forge forge;
    struct sample sample;
    struct bytes file;
    size_t whole;
    char text[LINE_SIZE_MAX];
    struct forge before;

    start(&forge);
    sample_make(&sample);
    forge_create(&forge, &sample);
    file = file_read(forge.path);
    whole = file.length;
    before = forge;
    bytes_add(&file, text, forge_line(&forge, &sample.record, text));
    for (size_t length = whole; length < file.length; length++) {
        struct bytes torn = {file.at, length};

        expect_tip(&before, &torn, whole);
    }
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* Whichever bit of the header or of the last line is another, it is seen; the newline between them apart,
 * which joins lines. */
START_TEST(flipped_bits)
{
    struct forge forge;
    struct sample sample;
    struct bytes file;
    struct tip tip;

    start(&forge);
    sample_make(&sample);
    forge_create(&forge, &sample);
    file = file_read(forge.path);
    for (size_t i = 0; i + 1 < file.length; i++) {
        file.at[i] = (char)(file.at[i] ^ 1);
        ck_assert_msg(tip_of(&tip, &file) != NULL, "byte %zu", i);
        file.at[i] = (char)(file.at[i] ^ 1);
    }
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(behind_a_compaction)
{
    struct forge forge;
    struct sample sample;
    struct bytes file;
    struct tip tip;

    start(&forge);
    for (int i = 0; i < 5; i++) {
        sample_make(&sample);
        forge_create(&forge, &sample);
    }
    forge_compact(&forge, TIME_NEVER);
    file = file_read(forge.path);
    expect_tip(&forge, &file, file.length);
    file.length -= 10; /* the P line is torn: a compaction writes it before the rename, so this is damage */
    ck_assert_ptr_nonnull(tip_of(&tip, &file));
    bytes_free(&file);
    forge_create(&forge, &sample);
    file = file_read(forge.path);
    expect_tip(&forge, &file, file.length);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(is_no_store)
{
    static const char *const texts[] = {"", "\n", "toktab1|\n", "no store\nno line\n"};
    struct bytes file = {0};
    struct tip tip;

    bytes_add(&file, texts[_i], strlen(texts[_i]));
    ck_assert_ptr_nonnull(tip_of(&tip, &file));
    bytes_free(&file);
}
END_TEST

START_TEST(too_long_a_tail)
{
    char garbage[LINE_SIZE_MAX];
    struct forge forge;
    struct sample sample;
    struct bytes file;
    struct tip tip;

    start(&forge);
    sample_make(&sample);
    forge_create(&forge, &sample);
    file = file_read(forge.path);
    memset(garbage, 'x', sizeof(garbage));
    bytes_add(&file, garbage, sizeof(garbage) - 1);
    ck_assert_ptr_null(tip_of(&tip, &file));
    bytes_add(&file, garbage, 1);
    ck_assert_ptr_nonnull(tip_of(&tip, &file));
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

Suite *tip_suite(void)
{
    Suite *suite = suite_create("tip");
    TCase *test = tcase_create("tip");

    tcase_add_test(test, grows_with_the_log);
    tcase_add_test(test, torn_at_each_byte);
    tcase_add_test(test, flipped_bits);
    tcase_add_test(test, behind_a_compaction);
    tcase_add_loop_test(test, is_no_store, 0, 4);
    tcase_add_test(test, too_long_a_tail);
    suite_add_tcase(suite, test);
    return suite;
}
