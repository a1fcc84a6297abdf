/* The file of last uses: what of it is believed, and which files are trusted. */
#include "suites.h"
#include "usage_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
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
    usage_mark(slot, STOREID);
    ck_assert_mem_eq(slot, "\x00\x11\x22\x33\x44\x55\x66\x77", USAGE_SLOT);
}
END_TEST

START_TEST(sizes)
{
    ck_assert_int_eq(usage_size_max(0), 65536);
    ck_assert_int_eq(usage_size_max(1000), 65536 + 16000);
    ck_assert_int_gt(usage_size_max(UINT64_MAX), INT64_MAX / 2);
    ck_assert_int_gt(usage_size_max(UINT64_MAX / 16), INT64_MAX / 2);
}
END_TEST

/* ---- trust ---- */

static int open_it(const struct used_file *file, int flags, struct fault *fault)
{
    struct place place;
    struct stat status;

    usage_place(&place, file->directory, HOST_DOMAIN);
    return usage_open(&place, STOREID, USAGE_ANY_SIZE, flags, &status, fault);
}

static const struct {
    const char *name;
    int error;
    const char *says;
} bad_files[] = {
    {"missing", ENOENT, "it does not exist"},
    {"symlink", ELOOP, "it is a symbolic link"},
    {"fifo", EPERM, "it is not a regular file"},
    {"directory", EISDIR, "it cannot be opened"},
    {"written by all", EPERM, "it can be read or written by everybody (mode 0662)"},
    {"read by all", EPERM, "it can be read or written by everybody (mode 0664)"},
    {"link", EPERM, "it has another name too"},
    {"empty", ESTALE, "it is not that of this store"},
    {"short", ESTALE, "it is not that of this store"},
    {"garbage", ESTALE, "it is not that of this store"},
    {"other store", ESTALE, "it is not that of this store"},
    {"directory of all", EPERM, "its directory can be written by everybody"},
};

static bool is_case(int i, const char *name)
{
    return strcmp(bad_files[i].name, name) == 0;
}

/* Something else in its place. */
static int put(const char *path, const char *elsewhere, int i)
{
    if (is_case(i, "missing"))
        return unlink(path);
    if (is_case(i, "symlink"))
        return rename(path, elsewhere) | symlink(elsewhere, path);
    if (is_case(i, "fifo"))
        return unlink(path) | mkfifo(path, 0660);
    if (is_case(i, "directory"))
        return unlink(path) | mkdir(path, 0750);
    if (is_case(i, "written by all"))
        return chmod(path, 0662);
    if (is_case(i, "read by all"))
        return chmod(path, 0664);
    if (is_case(i, "link"))
        return link(path, elsewhere);
    if (is_case(i, "empty"))
        return truncate(path, 0);
    return is_case(i, "short") ? truncate(path, 7) : -1;
}

static void spoil(const struct used_file *file, int i)
{
    char elsewhere[SCRATCH_PATH];

    path_join(elsewhere, file->directory, "elsewhere");
    if (is_case(i, "garbage"))
        used_file_set(file->path, 0, UINT64_C(0x6f74207362617421));
    else if (is_case(i, "other store"))
        used_file_make(file->path, "10112233445566778899aabbccddeeff", 8);
    else if (is_case(i, "directory of all"))
        ck_assert_int_eq(chmod(file->directory, 0757), 0);
    else
        ck_assert_int_eq(put(file->path, elsewhere, i), 0);
}

START_TEST(file_is_not_opened)
{
    struct used_file file;
    struct fault fault = {0};
    size_t open_before;

    used_file_start(&file, 8);
    spoil(&file, _i);
    open_before = open_descriptors();
    errno = 0;
    ck_assert_int_lt(open_it(&file, O_RDWR, &fault), 0);
    ck_assert_int_eq(errno, bad_files[_i].error);
    ck_assert_msg(strstr(fault.text, bad_files[_i].says) != NULL, "%s", fault.text);
    ck_assert_uint_eq(open_descriptors(), open_before);
}
END_TEST

START_TEST(good_file_is_opened)
{
    struct used_file file;
    struct fault fault;
    int fd;

    used_file_start(&file, 8);
    fd = open_it(&file, _i == 0 ? O_RDWR : O_RDONLY, &fault);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(fd);
}
END_TEST

START_TEST(somebody_elses_file_is_not_opened)
{
    struct used_file file;
    struct fault fault;

    if (geteuid() != 0) {
        fprintf(stderr, "skipped: somebody_elses_file_is_not_opened: only root can give files away\n");
        return;
    }
    used_file_start(&file, 8);
    ck_assert_int_eq(chown(file.path, 65534, 65534), 0);
    ck_assert_int_lt(open_it(&file, O_RDWR, &fault), 0);
    ck_assert_int_eq(errno, EPERM);
    ck_assert_ptr_nonnull(strstr(fault.text, "it belongs to uid 65534"));
}
END_TEST

Suite *usage_file_suite(void)
{
    Suite *suite = suite_create("usage_file");
    TCase *test = tcase_create("usage_file");

    tcase_add_loop_test(test, only_what_can_be_is_believed, 0, LENGTH(times));
    tcase_add_test(test, slots_are_little_endian);
    tcase_add_test(test, sizes);
    tcase_add_loop_test(test, file_is_not_opened, 0, LENGTH(bad_files));
    tcase_add_loop_test(test, good_file_is_opened, 0, 2);
    tcase_add_test(test, somebody_elses_file_is_not_opened);
    suite_add_tcase(suite, test);
    return suite;
}
