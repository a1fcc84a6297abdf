/* The end of a log: its last lines, from windows of its file. test_tip_rest.c has what stands after them. */
#include "tip_fixture.h"

#include "mendable.h"
#include "suites.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

START_TEST(grows_with_the_log)
{
    struct forge forge;
    struct sample sample;

    tip_start(&forge);
    for (int i = 0; i < 100; i++) { /* more than TIP_TAIL */
        struct bytes file = file_read(forge.path);

        tip_expect(&forge, &file, file.length, false);
        bytes_free(&file);
        sample_make(&sample);
        forge_create(&forge, &sample);
    }
    forge_end(&forge);
}
END_TEST

/* Wherever the window begins, if the last line does within it; with a snapshot before it, and without. */
START_TEST(windows_that_begin_anywhere)
{
    struct forge forge;
    struct bytes file = tip_start_with(&forge, 4);
    struct sample sample;
    struct tip tip;
    size_t last;

    if (_i == 1) {
        forge_compact(&forge, TIME_NEVER);
        sample_make(&sample);
        forge_create(&forge, &sample);
    }
    bytes_free(&file);
    file = file_read(forge.path);
    last = start_of_line(&file, _i == 1 ? 6 : 4);
    for (size_t from = 0; from < last; from++) {
        MUST(tip_from(&tip, &file, from) == NULL);
        MUST(position_equal(&tip.chain.at, &forge.at) && tip.end == file.length);
    }
    for (size_t from = last; from <= file.length; from++)
        MUST(tip_from(&tip, &file, from) != NULL);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* The longest lines, and the longest rest after them, still show where the log ends. */
START_TEST(windows_of_long_lines)
{
    char torn[LINE_SIZE_MAX];
    struct forge forge;
    struct bytes file = tip_start_with(&forge, 1);
    struct sample sample;
    size_t whole;

    sample_make(&sample);
    forge_create(&forge, &sample);
    forge_fill(&forge, &sample, LINE_SIZE_MAX, 20 * LINE_SIZE_MAX);
    bytes_free(&file);
    file = file_read(forge.path);
    whole = file.length;
    memset(torn, 'x', sizeof(torn));
    snprintf(torn, sizeof(torn), "%llu|", (unsigned long long)forge.at.n + 1);
    torn[strlen(torn)] = 'x';
    bytes_add(&file, torn, sizeof(torn) - 1);
    tip_expect(&forge, &file, whole, false);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* Whichever bit of the header or of the last line is another, it is seen; but the LF of the last one may be
 * another byte. */
START_TEST(flipped_bits)
{
    struct forge forge;
    struct bytes file = tip_start_with(&forge, 1);

    for (size_t bit = 0; bit + 8 < 8 * file.length; bit++) {
        file.at[bit / 8] = (char)(file.at[bit / 8] ^ 1 << bit % 8);
        tip_expect_none(&file);
        file.at[bit / 8] = (char)(file.at[bit / 8] ^ 1 << bit % 8);
    }
    for (int bit = 0; bit < 8; bit++) {
        file.at[file.length - 1] = (char)('\n' ^ 1 << bit);
        tip_expect(&forge, &file, file.length - 1, true);
    }
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* It is no reason to refuse a revocation. */
START_TEST(damage_before_the_last_line)
{
    struct forge forge;
    struct bytes file = tip_start_with(&forge, 3);
    size_t last = start_of_line(&file, 3);

    for (size_t i = start_of_line(&file, 1); i < last - 1; i++) {
        file.at[i] = (char)(file.at[i] ^ 1);
        tip_expect(&forge, &file, file.length, false);
        file.at[i] = (char)(file.at[i] ^ 1);
    }
    file.at[last - 1] = 'x'; /* the LF before it: now it is no line of its own */
    tip_expect_none(&file);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* But lines that are sound and do not follow one another are of two writers, or one is missing. */
static const struct {
    int lines[7];
} misfits[] = {
    {{0, 2, -1}},       {{0, 1, 3, -1}},       {{0, 1, 2, 4, -1}}, {{0, 2, 1, -1}},
    {{0, 1, 2, 2, -1}}, {{0, 1, 2, 3, 2, -1}}, {{0, 1, 3, 4, -1}}, {{0, 1, 2, 3, 4, 1, -1}},
};

START_TEST(lines_that_do_not_follow)
{
    struct forge forge;
    struct bytes file = tip_start_with(&forge, 4), made = lines_of(&file, misfits[_i].lines);

    tip_expect_none(&made);
    bytes_free(&made);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* Nor with damage between them. */
START_TEST(lines_that_go_back)
{
    static const int first[] = {0, 1, 2, 3, -1}, then[][2] = {{2, -1}, {3, -1}};
    struct forge forge;
    struct bytes file = tip_start_with(&forge, 4), made;

    for (int i = 0; i < 2; i++) {
        struct bytes again = lines_of(&file, then[i]);

        made = lines_of(&file, first);
        bytes_add(&made, "damage\n", 7);
        bytes_add(&made, again.at, again.length);
        tip_expect_none(&made);
        bytes_free(&again);
        bytes_free(&made);
    }
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* The third line of a log that parted from this one at the second. */
START_TEST(line_of_a_fork)
{
    struct forge forge, fork;
    struct bytes file = tip_start_with(&forge, 1), other;
    struct sample sample;
    size_t third;

    forge_copy(&fork, &forge, "fork");
    for (int i = 0; i < 2; i++) {
        sample_make(&sample);
        forge_create(&fork, &sample);
    }
    sample_make(&sample);
    forge_create(&forge, &sample);
    bytes_free(&file);
    file = file_read(forge.path);
    other = file_read(fork.path);
    third = start_of_line(&other, 3);
    bytes_add(&file, other.at + third, other.length - third);
    tip_expect_none(&file);
    bytes_free(&other);
    bytes_free(&file);
    forge_end(&fork);
    forge_end(&forge);
}
END_TEST

START_TEST(is_no_store)
{
    static const char *const texts[] = {"", "\n", "toktab1|\n", "no store\nno line\n"};
    struct bytes file = {0};

    bytes_add(&file, texts[_i], strlen(texts[_i]));
    tip_expect_none(&file);
    bytes_free(&file);
}
END_TEST

START_TEST(another_domain)
{
    struct forge forge;
    struct bytes file = tip_start_with(&forge, 1);
    struct span all = {file.at, file.length};
    struct tip tip;

    ck_assert_ptr_nonnull(tip_find(&tip, "example.net", all, all, 0));
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(open_store)
{
    struct forge forge;
    struct bytes file = tip_start_with(&forge, _i == 0 ? 0 : 100);
    struct fault fault;
    struct tip tip;
    int fd = open(forge.path, O_RDONLY | O_CLOEXEC);

    ck_assert_int_eq(tip_read(&tip, fd, "example.com", &fault), STATUS_DONE);
    tip_expect_end(&tip, &forge, file.length, false);
    ck_assert_uint_eq(tip.size, file.length);
    file_append(forge.path, "\n", 1);
    ck_assert_int_eq(tip_read(&tip, fd, "example.com", &fault), STATUS_DAMAGED);
    ck_assert_ptr_nonnull(strstr(fault.text, "toktab mend"));
    close(fd);
    ck_assert_int_eq(tip_read(&tip, fd, "example.com", &fault), STATUS_IO);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

Suite *tip_suite(void)
{
    Suite *suite = suite_create("tip");
    TCase *test = tcase_create("tip");

    tcase_add_test(test, grows_with_the_log);
    tcase_add_loop_test(test, windows_that_begin_anywhere, 0, 2);
    tcase_add_test(test, windows_of_long_lines);
    tcase_add_test(test, flipped_bits);
    tcase_add_test(test, damage_before_the_last_line);
    tcase_add_loop_test(test, lines_that_do_not_follow, 0, LENGTH(misfits));
    tcase_add_test(test, lines_that_go_back);
    tcase_add_test(test, line_of_a_fork);
    tcase_add_loop_test(test, is_no_store, 0, 4);
    tcase_add_test(test, another_domain);
    tcase_add_loop_test(test, open_store, 0, 2);
    suite_add_tcase(suite, test);
    return suite;
}
