/* What the tool reads in the files of last uses, whoever wrote there what. */
#include "store/used.h" /* before check.h, which has a macro fail() */

#include "suites.h"
#include "usage_fixture.h"

#include <fcntl.h>
#include <unistd.h>

static void merge(const char *path, struct use *uses, size_t count, int64_t *since)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    used_merge(fd, STOREID, NOW, uses, count, since);
    close(fd);
}

START_TEST(the_latest_time_of_several_files)
{
    struct use uses[] = {{.serial = 1}, {.serial = 2}, {.serial = 3}, {.serial = 4}};
    struct used_file a, b;
    int64_t since = 0;

    used_file_start(&a);
    used_file_start(&b);
    used_file_make(a.path, STOREID, 8);
    used_file_make(b.path, STOREID, 3);
    used_file_set(a.path, 1, NOW - 10);
    used_file_set(b.path, 1, NOW - 20);
    used_file_set(a.path, 2, NOW - 20);
    used_file_set(b.path, 2, NOW - 10);
    used_file_set(a.path, 3, NOW - 30);
    used_file_set(b.path, 0, BEGAN - 5);
    merge(a.path, uses, 4, &since);
    ck_assert_int_eq(since, BEGAN);
    merge(b.path, uses, 4, &since);
    ck_assert_int_eq(since, BEGAN - 5);
    ck_assert_uint_eq(uses[0].time, NOW - 10);
    ck_assert_uint_eq(uses[1].time, NOW - 10);
    ck_assert_uint_eq(uses[2].time, NOW - 30);
    ck_assert_uint_eq(uses[3].time, 0);
}
END_TEST

/* One member of the group must not hide what the host of another has noted. */
START_TEST(what_cannot_be_hides_nothing)
{
    static const uint64_t absurd[] = {NOW + 61, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
    struct use use = {.serial = 1};
    struct used_file a, b;
    int64_t since = 0;

    used_file_start(&a);
    used_file_start(&b);
    used_file_make(a.path, STOREID, 2);
    used_file_make(b.path, STOREID, 2);
    used_file_set(a.path, 1, NOW - 10);
    used_file_set(b.path, 0, absurd[_i]);
    used_file_set(b.path, 1, absurd[_i]);
    merge(b.path, &use, 1, &since);
    ck_assert_int_eq(since, 0);
    merge(a.path, &use, 1, &since);
    merge(b.path, &use, 1, &since);
    ck_assert_uint_eq(use.time, NOW - 10);
    ck_assert_int_eq(since, BEGAN);
}
END_TEST

START_TEST(other_stores_file)
{
    struct use use = {.serial = 1};
    struct used_file file;
    int64_t since = 0;

    used_file_start(&file);
    used_file_make(file.path, OTHER_STOREID, 8);
    used_file_set(file.path, 1, NOW);
    merge(file.path, &use, 1, &since);
    ck_assert_uint_eq(use.time, 0);
    ck_assert_int_eq(since, 0);
}
END_TEST

/* It may end anywhere. */
START_TEST(short_file)
{
    struct used_file file;

    used_file_start(&file);
    used_file_make(file.path, STOREID, 3);
    used_file_set(file.path, 1, NOW - 1);
    used_file_set(file.path, 2, NOW - 2);
    for (off_t length = 40; length >= 0; length--) {
        struct use uses[] = {
            {.serial = 2}, {.serial = 1}, {.serial = UINT64_MAX}, {.serial = 3}, {.serial = 0}};
        int64_t since = 0;

        ck_assert_int_eq(truncate(file.path, length), 0);
        merge(file.path, uses, 5, &since);
        ck_assert_uint_eq(uses[0].time, length < 40 ? 0 : NOW - 2);
        ck_assert_uint_eq(uses[1].time, length < 32 ? 0 : NOW - 1);
        ck_assert_uint_eq(uses[2].time, 0);
        ck_assert_uint_eq(uses[3].time, 0);
        ck_assert_uint_eq(uses[4].time, 0); /* the beginning is no token's use */
        ck_assert_int_eq(since, length < 24 ? 0 : BEGAN);
    }
}
END_TEST

/* However long it is, only what is wanted is read. */
START_TEST(huge_file)
{
    enum { FAR = 1000000000 };
    struct use uses[] = {{.serial = 1}, {.serial = FAR}, {.serial = FAR + 5000}};
    struct used_file file;
    int64_t since = 0;
    unsigned long long before;

    used_file_start(&file);
    used_file_make(file.path, STOREID, 2);
    used_file_set(file.path, 1, NOW - 1);
    used_file_set(file.path, FAR, NOW - 2);
    ck_assert_int_eq(truncate(file.path, INT64_C(1) << 40), 0);
    before = bytes_read_so_far();
    merge(file.path, uses, 3, &since);
    ck_assert_uint_lt(bytes_read_so_far() - before, 1 << 20);
    ck_assert_uint_eq(uses[0].time, NOW - 1);
    ck_assert_uint_eq(uses[1].time, NOW - 2);
    ck_assert_uint_eq(uses[2].time, 0);
}
END_TEST

Suite *used_suite(void)
{
    Suite *suite = suite_create("used");
    TCase *test = tcase_create("used");

    tcase_add_test(test, the_latest_time_of_several_files);
    tcase_add_loop_test(test, what_cannot_be_hides_nothing, 0, 4);
    tcase_add_test(test, other_stores_file);
    tcase_add_test(test, short_file);
    tcase_add_test(test, huge_file);
    suite_add_tcase(suite, test);
    return suite;
}
