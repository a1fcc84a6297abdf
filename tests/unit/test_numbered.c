/* Finding a line by its number. */
#include "store/numbered.h"

#include "fixture.h"
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "line.h"

enum { LINES = 3000 };

/* A header and lines of odd lengths; every number is there but multiples of 7. Returns a descriptor. */
static int some_file(const char *rest)
{
    char line[LINE_SIZE_MAX];
    struct bytes bytes = {0};
    int fd;

    bytes_add(&bytes, "toktab1|header\n", 15);
    for (int n = 1; n <= LINES; n++)
        if (n % 7 != 0) {
            int length = snprintf(line, sizeof(line), "%d|%*s\n", n, n % 97 == 0 ? 4000 : 100 + n % 31, "x");

            bytes_add(&bytes, line, (size_t)length);
        }
    bytes_add(&bytes, rest, strlen(rest));
    fd = scratch_file(NULL, bytes.at, bytes.length);
    bytes_free(&bytes);
    return fd;
}

static void expect(struct numbered *numbered, uint64_t n)
{
    enum found found = numbered_find(numbered, n);
    char start[24];

    if (n == 0 || n > LINES || n % 7 == 0) {
        MUST(found == FOUND_NONE);
        return;
    }
    snprintf(start, sizeof(start), "%d|", (int)n);
    MUST(found == FOUND_LINE && numbered->n == n);
    MUST(memcmp(numbered->at.at, start, strlen(start)) == 0);
    MUST(numbered->at.at[numbered->at.length - 1] == '\n');
}

START_TEST(in_any_order)
{
    int fd = some_file(_i == 0 ? "" : "3001|torn");
    struct numbered numbered;

    numbered_make(&numbered, fd);
    for (uint64_t n = 0; n <= LINES + 10; n++)
        expect(&numbered, n);
    for (uint64_t n = LINES + 10; n > 0; n--)
        expect(&numbered, n);
    for (uint64_t n = 1; n < 2000; n++)
        expect(&numbered, n * 7919 % (LINES + 50));
    expect(&numbered, UINT64_MAX);
    numbered_free(&numbered);
    close(fd);
}
END_TEST

START_TEST(offsets_are_behind_the_line)
{
    int fd = some_file("");
    struct numbered numbered;
    char next[8] = "";

    numbered_make(&numbered, fd);
    ck_assert_int_eq(numbered_find(&numbered, 1234), FOUND_LINE);
    ck_assert_int_eq(pread(fd, next, 5, (off_t)numbered.offset), 5);
    ck_assert_str_eq(next, "1235|");
    numbered_free(&numbered);
    close(fd);
}
END_TEST

START_TEST(a_file_without_lines)
{
    static const char *const files[] = {"", "toktab1|header\n", "no header", "\n", "h\nx"};
    struct numbered numbered;
    int fd;

    fd = scratch_file(NULL, files[_i], strlen(files[_i]));
    numbered_make(&numbered, fd);
    ck_assert_int_eq(numbered_find(&numbered, 1), FOUND_NONE);
    numbered_free(&numbered);
    close(fd);
}
END_TEST

START_TEST(damage_is_an_error)
{
    struct numbered numbered;
    int fd;

    fd = scratch_file(NULL, "header\n1|a\nx|b\n3|c\n", 19);
    numbered_make(&numbered, fd);
    ck_assert_int_eq(numbered_find(&numbered, 1), FOUND_LINE);
    ck_assert_int_eq(numbered_find(&numbered, 2), FOUND_ERROR);
    ck_assert_int_eq(numbered_find(&numbered, 1), FOUND_LINE);
    numbered_free(&numbered);
    close(fd);
}
END_TEST

Suite *numbered_suite(void)
{
    Suite *suite = suite_create("numbered");
    TCase *find = tcase_create("find");

    tcase_add_loop_test(find, in_any_order, 0, 2);
    tcase_add_test(find, offsets_are_behind_the_line);
    tcase_add_loop_test(find, a_file_without_lines, 0, 5);
    tcase_add_test(find, damage_is_an_error);
    suite_add_tcase(suite, find);
    return suite;
}
