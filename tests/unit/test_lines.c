#include "fixture.h"
#include "lines.h"
#include "record.h"
#include "suites.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int file_with(const void *bytes, size_t length)
{
    char directory[SCRATCH_PATH], path[SCRATCH_PATH];
    int fd;

    scratch_directory(directory);
    path_join(path, directory, "lines");
    file_write(path, bytes, length);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

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
    int fd = file_with("one\n\nthree\ntorn", 15);
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

START_TEST(an_empty_file)
{
    int fd = file_with("", 0);
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
    char text[LINE_SIZE_MAX + 2];
    struct lines lines;
    int fd;

    memset(text, 'x', sizeof(text));
    text[LINE_SIZE_MAX - 1] = '\n';
    text[LINE_SIZE_MAX] = '\0';
    fd = file_with(text, LINE_SIZE_MAX);
    lines_make(&lines, fd, 0);
    expect_next(&lines, LINES_LINE, text);
    expect_next(&lines, LINES_END, NULL);
    lines_free(&lines);
    close(fd);

    text[LINE_SIZE_MAX - 1] = 'x';
    text[LINE_SIZE_MAX] = '\n';
    for (size_t length = LINE_SIZE_MAX - 1; length <= LINE_SIZE_MAX + 1; length++) {
        fd = file_with(text, length);
        lines_make(&lines, fd, 0);
        expect_next(&lines, length < LINE_SIZE_MAX ? LINES_TORN : LINES_TOO_LONG, NULL);
        lines_free(&lines);
        close(fd);
    }
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
    fd = file_with(text, sizeof(text));
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
    tcase_add_test(test, an_empty_file);
    tcase_add_test(test, longest);
    tcase_add_test(test, many);
    tcase_add_test(test, cannot_be_read);
    suite_add_tcase(suite, test);
    return suite;
}
