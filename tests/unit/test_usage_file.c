/* The files of last uses: what of them is believed, and which files are taken for one. */
#include "suites.h"
#include "usage_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

/* ---- times ---- */

static const struct {
    uint64_t time;
    int64_t created, now, believed;
} times[] = {
    {0, NOW, NOW, 0},
    {1, NOW, NOW, 0},
    {NOW - 1, NOW, NOW + 9, 0},
    {NOW, NOW, NOW + 9, NOW},
    {NOW + 5, NOW, NOW + 9, NOW + 5},
    {NOW + 9, NOW, NOW + 9, NOW + 9},
    {NOW + 10, NOW, NOW + 9, NOW + 9}, /* a little ahead: now */
    {NOW + 69, NOW, NOW + 9, NOW + 9},
    {NOW + 70, NOW, NOW + 9, 0},
    {INT64_MAX, NOW, NOW, 0},
    {(uint64_t)INT64_MAX + 1, NOW, NOW, 0},
    {UINT64_MAX, NOW, NOW, 0},
    {UINT64_MAX, 0, INT64_MAX, 0},
    {0, 0, NOW, 0},
    {NOW, NOW + 1, NOW, 0}, /* created in the future */
    {NOW, 0, -5, 0},
    {0x2020202020202020, 0, NOW, 0},
};

START_TEST(only_what_can_be_is_believed)
{
    ck_assert_int_eq(usage_believed(times[_i].time, times[_i].created, times[_i].now), times[_i].believed);
}
END_TEST

START_TEST(slots_are_little_endian)
{
    unsigned char slot[USAGE_SLOT];

    usage_encode(slot, UINT64_C(0x0102030405060708));
    ck_assert_mem_eq(slot, "\x08\x07\x06\x05\x04\x03\x02\x01", USAGE_SLOT);
    ck_assert_uint_eq(usage_decode(slot), UINT64_C(0x0102030405060708));
    usage_encode(slot, UINT64_MAX);
    ck_assert_uint_eq(usage_decode(slot), UINT64_MAX);
}
END_TEST

START_TEST(head_is_id_and_beginning)
{
    unsigned char head[USAGE_HEAD];

    usage_head(head, STOREID, 0x0102);
    ck_assert_uint_eq(sizeof(head), 24);
    ck_assert_mem_eq(
        head, "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff\x02\x01\0\0\0\0\0\0", 24);
}
END_TEST

START_TEST(offsets)
{
    ck_assert_int_eq(usage_offset(0), 16);
    ck_assert_int_eq(usage_offset(1), 24);
    ck_assert_int_eq(usage_offset(1000000000000), 8000000000016);
    ck_assert_int_gt(usage_offset(INT64_MAX / 8 - 3), INT64_MAX - 40);
    ck_assert_int_eq(usage_offset(INT64_MAX / 8), -1);
    ck_assert_int_eq(usage_offset(UINT64_MAX / 8), -1);
    ck_assert_int_eq(usage_offset(UINT64_MAX), -1);
}
END_TEST

/* ---- which files ---- */

static int open_it(const struct used_file *file, uid_t owner, int flags, struct fault *fault)
{
    int directory = open(file->directory, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, error;

    ck_assert_int_ge(directory, 0);
    fd = usage_open(directory, strrchr(file->path, '/') + 1, owner, flags, fault);
    error = errno;
    close(directory);
    errno = error;
    return fd;
}

/* error: with O_RDWR, and where that differs with O_RDONLY */
static const struct {
    const char *name;
    int error, error_reading;
    const char *says;
} bad_files[] = {
    {"missing", ENOENT, ENOENT, "cannot open it: No such file"},
    {"symlink", ELOOP, ELOOP, "this is a symbolic link"},
    {"dangling", ELOOP, ELOOP, "this is a symbolic link"},
    {"fifo", EPERM, EPERM, "not a regular file"},
    {"directory", EISDIR, EPERM, " it"},
    {"link", EPERM, EPERM, "more than one hard link"},
};

static bool is_case(int i, const char *name)
{
    return strcmp(bad_files[i].name, name) == 0;
}

/* Something else in its place. */
static void spoil(const struct used_file *file, int i)
{
    const char *path = file->path;
    char elsewhere[SCRATCH_PATH];
    int failed = 0;

    path_join(elsewhere, file->directory, "elsewhere");
    if (is_case(i, "link"))
        failed = link(path, elsewhere);
    else if (is_case(i, "symlink"))
        failed = rename(path, elsewhere) | symlink(elsewhere, path);
    else
        failed = unlink(path);
    if (is_case(i, "dangling"))
        failed |= symlink(elsewhere, path);
    if (is_case(i, "fifo"))
        failed |= mkfifo(path, 0660);
    if (is_case(i, "directory"))
        failed |= mkdir(path, 0750);
    ck_assert_int_eq(failed, 0);
}

START_TEST(file_is_not_opened)
{
    static const int flags[] = {O_RDONLY, O_RDWR, O_RDWR | O_CREAT};

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        struct used_file file;
        struct fault fault = {0};
        size_t open_before;

        if (is_case(_i, "missing") && flags[i] & O_CREAT)
            continue;
        used_file_start(&file);
        used_file_make(file.path, STOREID, 8);
        spoil(&file, _i);
        open_before = open_descriptors();
        errno = 0;
        ck_assert_int_lt(open_it(&file, geteuid(), flags[i], &fault), 0);
        ck_assert_int_eq(errno, flags[i] == O_RDONLY ? bad_files[_i].error_reading : bad_files[_i].error);
        ck_assert_msg(strstr(fault.text, bad_files[_i].says) != NULL, "%s", fault.text);
        ck_assert_uint_eq(open_descriptors(), open_before);
    }
}
END_TEST

START_TEST(good_file_is_opened)
{
    static const int flags[] = {O_RDONLY, O_RDWR, O_RDWR | O_CREAT};
    struct used_file file;
    struct fault fault;
    int fd;

    used_file_start(&file);
    if (!(flags[_i] & O_CREAT))
        used_file_make(file.path, STOREID, 8);
    fd = open_it(&file, geteuid(), flags[_i], &fault);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(fd);
}
END_TEST

START_TEST(somebody_elses_file_is_not_opened)
{
    struct used_file file;
    struct fault fault;

    used_file_start(&file);
    used_file_make(file.path, STOREID, 8);
    ck_assert_int_lt(open_it(&file, geteuid() + 1, O_RDWR, &fault), 0);
    ck_assert_int_eq(errno, EPERM);
    ck_assert_ptr_nonnull(strstr(fault.text, "owned by uid"));
}
END_TEST

Suite *usage_file_suite(void)
{
    Suite *suite = suite_create("usage_file");
    TCase *test = tcase_create("usage_file");

    tcase_add_loop_test(test, only_what_can_be_is_believed, 0, LENGTH(times));
    tcase_add_test(test, slots_are_little_endian);
    tcase_add_test(test, head_is_id_and_beginning);
    tcase_add_test(test, offsets);
    tcase_add_loop_test(test, file_is_not_opened, 0, LENGTH(bad_files));
    tcase_add_loop_test(test, good_file_is_opened, 0, 3);
    tcase_add_test(test, somebody_elses_file_is_not_opened);
    suite_add_tcase(suite, test);
    return suite;
}
