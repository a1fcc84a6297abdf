/* Noting that tokens are used where it cannot be done: nothing is lost but the note, and it is said once. */
#include "suites.h"
#include "usage_fixture.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* No tool has made it. */
START_TEST(directory_is_missing)
{
    struct noting n;

    noting_start(&n);
    ck_assert_int_eq(rmdir(n.file.directory), 0);
    for (int i = 0; i < 500; i += 20) {
        NOTE(n, 3, NOW + i);
        NOTE(n, 4, NOW + i);
    }
    ck_assert_int_lt(access(n.file.directory, F_OK), 0); /* not made here */
    ck_assert_uint_eq(n.messages, 0);
    usage_stop(&n.usage);
}
END_TEST

/* A minute after it failed it is tried again: by then the directory may be there. */
START_TEST(is_tried_again)
{
    struct noting n;

    noting_start(&n);
    ck_assert_int_eq(rmdir(n.file.directory), 0);
    NOTE(n, 3, NOW);
    ck_assert_int_eq(mkdir(n.file.directory, 0730), 0);
    NOTE(n, 3, NOW + 30);
    NOTE(n, 4, NOW + 59);
    ck_assert_int_lt(access(n.file.path, F_OK), 0);
    NOTE(n, 4, NOW + 60);
    NOTE(n, 3, NOW + 61);
    EXPECT_SLOT(n, 4, NOW + 60);
    EXPECT_SLOT(n, 3, NOW + 61);
    usage_stop(&n.usage);
}
END_TEST

static const struct {
    const char *name, *says;
} in_its_place[] = {
    {"fifo", "not a regular file"},
    {"directory", "cannot open it: Is a directory"},
    {"symlink", "this is a symbolic link"},
    {"dangling", "this is a symbolic link"},
    {"link", "more than one hard link"},
    {"owner", "owned by uid 65533"},
    {"used is a file", "cannot open its directory: Not a directory"},
    {"used is a symlink", "cannot open its directory: Not a directory"},
};

/* Puts something else in the place of the file or its directory; precious is what it leads to. Returns
 * whether that can be done here. */
static bool put(const struct used_file *file, const char *precious, const char *name)
{
    const char *path = file->path;

    if (strcmp(name, "fifo") == 0)
        return mkfifo(path, 0660) == 0;
    if (strcmp(name, "directory") == 0)
        return mkdir(path, 0750) == 0;
    if (strcmp(name, "dangling") == 0)
        return unlink(precious) == 0 && symlink(precious, path) == 0;
    if (strcmp(name, "symlink") == 0)
        return symlink(precious, path) == 0;
    if (strcmp(name, "link") == 0)
        return link(precious, path) == 0;
    if (strcmp(name, "owner") == 0) {
        used_file_make(path, STOREID, 8);
        return geteuid() == 0 && chown(path, 65533, (gid_t)-1) == 0;
    }
    if (strcmp(name, "used is a file") == 0)
        return rmdir(file->directory) == 0 && link(precious, file->directory) == 0;
    return rename(file->directory, precious) == 0 && symlink(precious, file->directory) == 0;
}

/* It is said once, and what somebody else meant to be written is left alone. */
START_TEST(something_else_is_in_its_place)
{
    const char *name = in_its_place[_i].name;
    struct noting n;
    char precious[SCRATCH_PATH];
    bool is_file = strcmp(name, "used is a symlink") != 0;

    noting_start(&n);
    path_join(precious, n.file.above, "precious");
    if (is_file)
        used_file_make(precious, STOREID, 8);
    if (!put(&n.file, precious, name)) {
        fprintf(stderr, "skipped: something_else_is_in_its_place, %s: only root can give files away\n", name);
        ck_assert_int_ne((int)geteuid(), 0);
        return;
    }
    for (int i = 0; i < 500; i += 20)
        NOTE(n, 3, NOW + i);
    ck_assert_uint_eq(n.messages, 1);
    ck_assert_ptr_nonnull(strstr(n.last, n.file.path));
    ck_assert_msg(strstr(n.last, in_its_place[_i].says) != NULL, "%s", n.last);
    if (access(precious, F_OK) == 0 && is_file)
        ck_assert_uint_eq(used_file_slot(precious, 3), 0);
    ck_assert(strcmp(name, "dangling") != 0 || access(precious, F_OK) < 0);
    usage_stop(&n.usage);
}
END_TEST

START_TEST(another_reason_is_said_too)
{
    struct noting n;
    char other[SCRATCH_PATH];

    noting_start(&n);
    ck_assert_int_eq(mkdir(n.file.path, 0750), 0);
    NOTE(n, 3, NOW);
    NOTE(n, 3, NOW + 60);
    ck_assert_uint_eq(n.messages, 1);
    ck_assert_int_eq(rmdir(n.file.path), 0);
    used_file_make(n.file.path, STOREID, 8);
    path_join(other, n.file.above, "other");
    ck_assert_int_eq(link(n.file.path, other), 0);
    NOTE(n, 3, NOW + 120);
    NOTE(n, 3, NOW + 180);
    ck_assert_uint_eq(n.messages, 2);
    ck_assert_ptr_nonnull(strstr(n.last, "hard link"));
    ck_assert_int_eq(unlink(other), 0);
    NOTE(n, 3, NOW + 240);
    EXPECT_SLOT(n, 3, NOW + 240);
    usage_stop(&n.usage);
}
END_TEST

/* A write beyond the limit would end the host by SIGXFSZ. In a process of its own: the limit stays. */
START_TEST(size_limit)
{
    struct noting n;
    int child;

    noting_start(&n);
    child = fork();
    if (child == 0) {
        struct rlimit limit = {4100, 4100};

        signal(SIGXFSZ, SIG_DFL);
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
            _exit(2);
        NOTE(n, 509, NOW); /* ends at 4096 */
        NOTE(n, 510, NOW);
        NOTE(n, 1000, NOW + 120);
        _exit(n.messages == 1 && strstr(n.last, "File too large") ? 0 : 1);
    }
    expect_child(child);
    EXPECT_SLOT(n, 509, NOW);
    EXPECT_SLOT(n, 510, 0);
    EXPECT_SLOT(n, 1000, 0);
    usage_stop(&n.usage);
}
END_TEST

/* Not even its head may be written. */
START_TEST(size_limit_of_nothing)
{
    static const rlim_t limits[] = {0, 23};
    struct noting n;
    int child;

    noting_start(&n);
    child = fork();
    if (child == 0) {
        struct rlimit limit = {limits[_i], limits[_i]};

        signal(SIGXFSZ, SIG_DFL);
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
            _exit(2);
        NOTE(n, 1, NOW);
        NOTE(n, 1, NOW + 60);
        _exit(n.messages == 1 && strstr(n.last, "File too large") ? 0 : 1);
    }
    expect_child(child);
    usage_stop(&n.usage);
}
END_TEST

static bool make_read_only(const char *directory)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount(directory, directory, NULL, MS_BIND, NULL) == 0 &&
           mount(NULL, directory, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0;
}

START_TEST(file_system_is_read_only)
{
    struct noting n;
    int child;

    noting_start(&n);
    child = fork();
    if (child == 0) {
        if (!make_read_only(n.file.above)) {
            perror("skipped: file_system_is_read_only: it cannot be mounted so");
            _exit(0);
        }
        NOTE(n, 3, NOW);
        NOTE(n, 3, NOW + 60);
        NOTE(n, 4, NOW + 120);
        _exit(n.messages == 1 && strstr(n.last, "Read-only file system") ? 0 : 1);
    }
    expect_child(child);
    ck_assert_int_lt(access(n.file.path, F_OK), 0);
    usage_stop(&n.usage);
}
END_TEST

/* The host is not in the group of the stores. */
START_TEST(no_right_to_write)
{
    struct noting n;
    int child;

    noting_start(&n);
    ck_assert_int_eq(chmod(n.file.directory, 0550) | chmod(n.file.above, 0711), 0);
    child = fork();
    if (child == 0) {
        if (geteuid() == 0) { /* in a root of its own: what is above it may be closed to nobody */
            n.usage.directory = "/";
            if (chroot(n.file.above) != 0 || chdir("/") != 0 || setuid(65534) != 0)
                _exit(2);
        }
        NOTE(n, 3, NOW);
        NOTE(n, 3, NOW + 60);
        _exit(n.messages == 1 && strstr(n.last, "cannot open it: Permission denied") ? 0 : 1);
    }
    expect_child(child);
    ck_assert_int_eq(chmod(n.file.directory, 01730), 0);
    ck_assert_int_lt(access(n.file.path, F_OK), 0);
    usage_stop(&n.usage);
}
END_TEST

START_TEST(no_descriptor_is_left)
{
    struct noting n;
    struct rlimit few, before;
    size_t open_before = open_descriptors();

    noting_start(&n);
    NOTE(n, 3, NOW);
    ck_assert_uint_eq(open_descriptors(), open_before);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){0, before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    NOTE(n, 3, NOW + 60);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_SLOT(n, 3, NOW);
    ck_assert_ptr_nonnull(strstr(n.last, "Too many open files"));
    usage_stop(&n.usage);
}
END_TEST

Suite *usage_trouble_suite(void)
{
    Suite *suite = suite_create("usage_trouble");
    TCase *test = tcase_create("usage_trouble");

    tcase_add_test(test, directory_is_missing);
    tcase_add_test(test, is_tried_again);
    tcase_add_loop_test(test, something_else_is_in_its_place, 0,
                        (int)(sizeof(in_its_place) / sizeof(in_its_place[0])));
    tcase_add_test(test, another_reason_is_said_too);
    tcase_add_test(test, size_limit);
    tcase_add_loop_test(test, size_limit_of_nothing, 0, 2);
    tcase_add_test(test, file_system_is_read_only);
    tcase_add_test(test, no_right_to_write);
    tcase_add_test(test, no_descriptor_is_left);
    suite_add_tcase(suite, test);
    return suite;
}
