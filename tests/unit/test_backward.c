#include "fixture.h"
#include "record.h"
#include "store/backward.h"
#include "suites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LONG = 700 * 1024 };

static const struct span all = {"", 0};

static void expect_next(struct backward *lines, const char *wanted)
{
    const char *text;
    size_t length;

    ck_assert_int_eq(backward_next(lines, &text, &length), wanted ? LINES_LINE : LINES_END);
    if (wanted) {
        ck_assert_uint_eq(length, strlen(wanted));
        ck_assert_mem_eq(text, wanted, length);
    }
}

START_TEST(one_before_the_other)
{
    int fd = scratch_file(NULL, "header\none\n\nthree\ntorn", 22);
    struct backward lines;

    backward_make(&lines, fd, 7, 18, all);
    expect_next(&lines, "three\n");
    expect_next(&lines, "\n");
    expect_next(&lines, "one\n");
    expect_next(&lines, NULL);
    expect_next(&lines, NULL);
    backward_free(&lines);
    backward_make(&lines, fd, 7, 7, all);
    expect_next(&lines, NULL);
    backward_free(&lines);
    close(fd);
}
END_TEST

/* Lines of all lengths, which blocks cut anywhere. */
static size_t many_lines(char *bytes)
{
    size_t length = 0;

    for (int i = 0; length < LONG - LINE_SIZE_MAX; i++) {
        int width = i * 37 % (LINE_SIZE_MAX - 2);

        length += (size_t)sprintf(bytes + length, "%0*d\n", width, i);
    }
    return length;
}

START_TEST(the_same_lines_as_forward)
{
    char *bytes = malloc(LONG);
    size_t length = many_lines(bytes), end = length;
    int fd = scratch_file(NULL, bytes, length);
    struct backward lines;

    backward_make(&lines, fd, 0, length, all);
    while (end > 0) {
        const char *lf = memrchr(bytes, '\n', end - 1), *text;
        size_t start = lf ? (size_t)(lf - bytes) + 1 : 0, got;

        ck_assert_int_eq(backward_next(&lines, &text, &got), LINES_LINE);
        ck_assert_uint_eq(got, end - start);
        ck_assert_mem_eq(text, bytes + start, got);
        end = start;
    }
    expect_next(&lines, NULL);
    backward_free(&lines);
    free(bytes);
    close(fd);
}
END_TEST

START_TEST(every_line_with_the_needle)
{
    char *bytes = malloc(LONG);
    size_t length = many_lines(bytes), found = 0, got;
    int fd = scratch_file(NULL, bytes, length);
    struct backward lines;
    enum lines_got next;
    const char *text;

    backward_make(&lines, fd, 0, length, (struct span){"00123\n", 6});
    while ((next = backward_next(&lines, &text, &got)) == LINES_LINE)
        found += memmem(text, got, "00123\n", 6) != NULL;
    ck_assert_int_eq(next, LINES_END);
    ck_assert_uint_eq(found, 1);
    backward_free(&lines);
    free(bytes);
    close(fd);
}
END_TEST

/* No part of one is taken for a line, and the lines beside it come. */
START_TEST(lines_that_are_too_long)
{
    char *bytes = malloc(LONG + 10);
    struct backward lines;
    enum lines_got next;
    const char *text;
    size_t got;
    int fd;

    for (size_t size = LINE_SIZE_MAX; size <= LONG; size = size * 5 / 4) {
        memcpy(bytes, "one\n", 4);
        memset(bytes + 4, 'x', size);
        memcpy(bytes + 4 + size, "\nlast\n", 6);
        fd = scratch_file(NULL, bytes, size + 10);
        backward_make(&lines, fd, 0, size + 10, all);
        expect_next(&lines, "last\n");
        do
            next = backward_next(&lines, &text, &got);
        while (next == LINES_LINE && (got > LINE_SIZE_MAX || text[got - 1] != '\n'));
        ck_assert_int_eq(next, LINES_LINE);
        ck_assert_uint_eq(got, 4);
        ck_assert_mem_eq(text, "one\n", 4);
        expect_next(&lines, NULL);
        backward_free(&lines);
        close(fd);
    }
    free(bytes);
}
END_TEST

START_TEST(a_file_that_became_shorter)
{
    int fd = scratch_file(NULL, "one\ntwo\n", 8);
    struct backward lines;
    const char *text;
    size_t length;

    backward_make(&lines, fd, 0, 12, all);
    errno = 0;
    ck_assert_int_eq(backward_next(&lines, &text, &length), LINES_ERROR);
    ck_assert_int_eq(errno, EIO);
    backward_free(&lines);
    close(fd);
}
END_TEST

Suite *backward_suite(void)
{
    Suite *suite = suite_create("backward");
    TCase *test = tcase_create("backward");

    tcase_add_test(test, one_before_the_other);
    tcase_add_test(test, the_same_lines_as_forward);
    tcase_add_test(test, every_line_with_the_needle);
    tcase_add_test(test, lines_that_are_too_long);
    tcase_add_test(test, a_file_that_became_shorter);
    suite_add_tcase(suite, test);
    return suite;
}
