#include "fixture.h"
#include "record.h"
#include "store/lines.h"
#include "suites.h"

#include <string.h>
#include <unistd.h>

static void expect_next(struct lines *lines, enum lines_got wanted, const char *wanted_text)
{
    const char *text;
    size_t length;

    ck_assert_int_eq(lines_next(lines, &text, &length), wanted);
    if (wanted_text) {
        ck_assert_uint_eq(length, strlen(wanted_text));
        ck_assert_mem_eq(text, wanted_text, length);
    }
}

START_TEST(one_after_the_other)
{
    int fd = scratch_file(NULL, "one\n\nthree\ntorn", 15);
    struct lines lines;

    lines_make(&lines, fd, 0);
    expect_next(&lines, LINES_LINE, "one\n");
    expect_next(&lines, LINES_LINE, "\n");
    ck_assert_uint_eq(lines.offset, 5);
    expect_next(&lines, LINES_LINE, "three\n");
    expect_next(&lines, LINES_TORN, "torn");
    ck_assert_uint_eq(lines.offset, 11);
    lines_free(&lines);
    lines_make(&lines, fd, 5);
    expect_next(&lines, LINES_LINE, "three\n");
    lines_free(&lines);
    close(fd);
}
END_TEST

/* The end may come later. */
START_TEST(a_torn_line_that_goes_on)
{
    char path[SCRATCH_PATH];
    int fd = scratch_file(path, "to", 2);
    struct lines lines;

    lines_make(&lines, fd, 0);
    expect_next(&lines, LINES_TORN, "to");
    expect_next(&lines, LINES_TORN, "to");
    file_append(path, "rn\n", 3);
    expect_next(&lines, LINES_LINE, "torn\n");
    expect_next(&lines, LINES_END, NULL);
    lines_free(&lines);
    close(fd);
}
END_TEST

START_TEST(an_empty_file)
{
    int fd = scratch_file(NULL, "", 0);
    struct lines lines;

    lines_make(&lines, fd, 0);
    expect_next(&lines, LINES_END, NULL);
    lines_free(&lines);
    close(fd);
}
END_TEST

/* A line may have LINE_SIZE_MAX bytes with its LF. */
START_TEST(longest)
{
    char text[LINE_SIZE_MAX + 1];
    struct lines lines;
    int fd;

    memset(text, 'x', sizeof(text));
    text[LINE_SIZE_MAX - 1] = '\n';
    text[LINE_SIZE_MAX] = '\0';
    fd = scratch_file(NULL, text, LINE_SIZE_MAX);
    lines_make(&lines, fd, 0);
    expect_next(&lines, LINES_LINE, text);
    expect_next(&lines, LINES_END, NULL);
    lines_free(&lines);
    close(fd);
}
END_TEST

static const size_t lengths[] = {LINE_SIZE_MAX, LINE_SIZE_MAX + 1, 255 * 1024,
                                 256 * 1024,    257 * 1024,        1024 * 1024};

/* One that is too long is passed over, with its LF. So is what a file ends with, and has no LF. */
START_TEST(too_long)
{
    static char text[1024 * 1024 + 1];
    size_t length = lengths[_i], got;
    struct bytes file = {0};
    struct lines lines;
    const char *first;
    int fd;

    memset(text, 'x', sizeof(text));
    text[length] = '\n';
    bytes_add(&file, "one\n", 4);
    bytes_add(&file, text, length + 1);
    bytes_add(&file, "three\n", 6);
    bytes_add(&file, text, length);
    fd = scratch_file(NULL, file.at, file.length);
    lines_make(&lines, fd, 0);
    expect_next(&lines, LINES_LINE, "one\n");
    ck_assert_int_eq(lines_next(&lines, &first, &got), LINES_TOO_LONG);
    ck_assert_uint_ge(got, LINE_SIZE_MAX);
    ck_assert_mem_eq(first, text, LINE_SIZE_MAX);
    expect_next(&lines, LINES_LINE, "three\n");
    ck_assert_uint_eq(lines.offset, 4 + length + 1 + 6);
    expect_next(&lines, LINES_TOO_LONG, NULL);
    expect_next(&lines, LINES_END, NULL);
    expect_next(&lines, LINES_END, NULL);
    lines_free(&lines);
    close(fd);
    bytes_free(&file);
}
END_TEST

/* What stands after it is not known then: it is not the end. */
START_TEST(cannot_be_read_within_a_line)
{
    static char text[512 * 1024];
    struct lines lines;
    int fd;

    memset(text, 'x', sizeof(text));
    fd = scratch_file(NULL, text, sizeof(text));
    lines_make(&lines, fd, 0);
    expect_next(&lines, LINES_TOO_LONG, NULL);
    close(fd);
    expect_next(&lines, LINES_ERROR, NULL);
    lines_free(&lines);
}
END_TEST

/* More than the buffer holds: no line is lost where one piece ends. */
START_TEST(many)
{
    static char text[1000 * 1000];
    struct lines lines;
    size_t count = 0, length;
    const char *line;
    int fd;

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 1000 == 999 ? '\n' : (char)('a' + i / 1000 % 26);
    fd = scratch_file(NULL, text, sizeof(text));
    lines_make(&lines, fd, 0);
    while (lines_next(&lines, &line, &length) == LINES_LINE) {
        ck_assert_uint_eq(length, 1000);
        ck_assert_mem_eq(line, text + count * 1000, 1000);
        count++;
    }
    ck_assert_uint_eq(count, 1000);
    lines_free(&lines);
    close(fd);
}
END_TEST

START_TEST(cannot_be_read)
{
    struct lines lines;

    lines_make(&lines, -1, 0);
    expect_next(&lines, LINES_ERROR, NULL);
    lines_free(&lines);
}
END_TEST

Suite *lines_suite(void)
{
    Suite *suite = suite_create("lines");
    TCase *test = tcase_create("lines");

    tcase_add_test(test, one_after_the_other);
    tcase_add_test(test, a_torn_line_that_goes_on);
    tcase_add_test(test, an_empty_file);
    tcase_add_test(test, longest);
    tcase_add_loop_test(test, too_long, 0, sizeof(lengths) / sizeof(lengths[0]));
    tcase_add_test(test, cannot_be_read_within_a_line);
    tcase_add_test(test, many);
    tcase_add_test(test, cannot_be_read);
    suite_add_tcase(suite, test);
    return suite;
}
