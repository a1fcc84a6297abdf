/* Noting that tokens are used where it cannot be done: nothing is lost but the note, and it is said once. */
#include "suites.h"
#include "usage_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

START_TEST(missing_is_said_once)
{
    struct noting n;

    noting_start(&n, 8);
    ck_assert_int_eq(unlink(n.file.path), 0);
    for (int i = 0; i < 500; i += 20) {
        NOTE(n, 3, NOW + i);
        NOTE(n, 4, NOW + i);
    }
    ck_assert_int_lt(access(n.file.path, F_OK), 0); /* not made here */
    ck_assert_uint_eq(n.messages, 1);
    ck_assert_ptr_nonnull(strstr(n.last, n.file.path));
    ck_assert_ptr_nonnull(strstr(n.last, "does not exist"));
    usage_stop(&n.usage);
}
END_TEST

/* A minute after it failed it is tried again: by then the file may be there. */
START_TEST(is_tried_again)
{
    struct noting n;

    noting_start(&n, 8);
    ck_assert_int_eq(unlink(n.file.path), 0);
    NOTE(n, 3, NOW);
    used_file_make(n.file.path, STOREID, 8);
    NOTE(n, 3, NOW + 30);
    NOTE(n, 4, NOW + 59);
    EXPECT_SLOT(n, 3, 0);
    EXPECT_SLOT(n, 4, 0);
    NOTE(n, 4, NOW + 60);
    NOTE(n, 3, NOW + 61);
    EXPECT_SLOT(n, 4, NOW + 60);
    EXPECT_SLOT(n, 3, NOW + 61);
    usage_stop(&n.usage);
}
END_TEST

START_TEST(another_reason_is_said_too)
{
    struct noting n;

    noting_start(&n, 8);
    ck_assert_int_eq(truncate(n.file.path, 3), 0);
    NOTE(n, 3, NOW);
    NOTE(n, 3, NOW + 60);
    ck_assert_uint_eq(n.messages, 1);
    ck_assert_ptr_nonnull(strstr(n.last, "not that of this store"));
    ck_assert_int_eq(chmod(n.file.path, 0666), 0);
    NOTE(n, 3, NOW + 120);
    NOTE(n, 3, NOW + 180);
    ck_assert_uint_eq(n.messages, 2);
    ck_assert_ptr_nonnull(strstr(n.last, "mode 0666"));
    usage_stop(&n.usage);
}
END_TEST

/* Neither renamed away nor removed: the note goes where the name leads. */
START_TEST(file_is_replaced)
{
    struct noting n;
    char old[SCRATCH_PATH];

    noting_start(&n, 8);
    NOTE(n, 3, NOW);
    path_join(old, n.file.directory, "old");
    ck_assert_int_eq(rename(n.file.path, old), 0);
    used_file_make(n.file.path, STOREID, 8);
    NOTE(n, 4, NOW);
    EXPECT_SLOT(n, 4, NOW);
    ck_assert_uint_eq(used_file_slot(old, 4), 0);
    ck_assert_uint_eq(used_file_slot(old, 3), NOW);
    usage_stop(&n.usage);
}
END_TEST

/* The file of the store that has taken the place of the one that the host knows. */
START_TEST(other_stores_file_is_left_alone)
{
    struct noting n;

    noting_start(&n, 8);
    used_file_make(n.file.path, "ff112233445566778899aabbccddeeff", 8);
    NOTE(n, 3, NOW);
    EXPECT_SLOT(n, 3, 0);
    ck_assert_uint_eq(n.messages, 1);
    usage_stop(&n.usage);
}
END_TEST

/* Such a write would end the host by SIGXFSZ. In a process of its own: the limit stays. */
START_TEST(size_limit)
{
    struct noting n;
    int child;

    noting_start(&n, 1024);
    child = fork();
    if (child == 0) {
        struct rlimit limit = {4100, 4100};

        signal(SIGXFSZ, SIG_DFL);
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
            _exit(2);
        NOTE(n, 511, NOW);
        NOTE(n, 512, NOW);
        NOTE(n, 1000, NOW + 120);
        _exit(n.messages == 1 && strstr(n.last, "File too large") ? 0 : 1);
    }
    expect_child(child);
    EXPECT_SLOT(n, 511, NOW);
    EXPECT_SLOT(n, 512, 0);
    EXPECT_SLOT(n, 1000, 0);
    usage_stop(&n.usage);
}
END_TEST

/* As long as somebody writes at length, nobody else can write at all, and the host would wait. */
START_TEST(longer_than_the_store_needs)
{
    static const struct {
        off_t size, allocated;
        bool noted;
    } files[] = {{65536, 0, true},
                 {65536 + 2 * 100 * 8, 0, true},
                 {65536 + 2 * 100 * 8 + 1, 0, false},
                 {INT64_C(1) << 40, 0, false},
                 {4096, 1 << 20, false}};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct noting n;
        int fd;

        noting_start(&n, 512);
        ck_assert_int_eq(truncate(n.file.path, files[i].size), 0);
        ck_assert_int_ge(fd = open(n.file.path, O_RDWR), 0);
        if (files[i].allocated > 0 && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, files[i].allocated) != 0)
            ck_assert_int_eq(ftruncate(fd, INT64_C(1) << 40), 0); /* not on this file system */
        usage_note(&n.usage, STOREID, 100, 3, NOW);
        EXPECT_SLOT(n, 3, files[i].noted ? NOW : 0);
        ck_assert_uint_eq(n.messages, files[i].noted ? 0 : 1);
        ck_assert(files[i].noted || strstr(n.last, "far longer than its store needs"));
        close(fd);
        usage_stop(&n.usage);
    }
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

    noting_start(&n, 8);
    child = fork();
    if (child == 0) {
        if (!make_read_only(n.file.directory)) {
            perror("skipped: file_system_is_read_only: it cannot be mounted so");
            _exit(0);
        }
        NOTE(n, 3, NOW);
        NOTE(n, 3, NOW + 60);
        NOTE(n, 4, NOW + 120);
        _exit(n.messages == 1 && strstr(n.last, "Read-only file system") ? 0 : 1);
    }
    expect_child(child);
    EXPECT_SLOT(n, 3, 0);
    usage_stop(&n.usage);
}
END_TEST

START_TEST(no_right_to_write)
{
    struct noting n;
    int child;

    noting_start(&n, 8);
    ck_assert_int_eq(chmod(n.file.path, 0440) | chmod(n.file.directory, 0755), 0);
    child = fork();
    if (child == 0) {
        if (geteuid() == 0) { /* in a root of its own: what is above it may be closed to nobody */
            n.usage.place.directory = "/";
            if (chroot(n.file.directory) != 0 || chdir("/") != 0 || setuid(65534) != 0)
                _exit(2);
        }
        NOTE(n, 3, NOW);
        NOTE(n, 3, NOW + 60);
        _exit(n.messages == 1 && strstr(n.last, "it cannot be opened: Permission denied") ? 0 : 1);
    }
    expect_child(child);
    EXPECT_SLOT(n, 3, 0);
    usage_stop(&n.usage);
}
END_TEST

START_TEST(no_descriptor_is_left)
{
    struct noting n;
    struct rlimit few, before;
    size_t open_before = open_descriptors();

    noting_start(&n, 8);
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

    tcase_add_test(test, missing_is_said_once);
    tcase_add_test(test, is_tried_again);
    tcase_add_test(test, another_reason_is_said_too);
    tcase_add_test(test, file_is_replaced);
    tcase_add_test(test, other_stores_file_is_left_alone);
    tcase_add_test(test, size_limit);
    tcase_add_test(test, longer_than_the_store_needs);
    tcase_add_test(test, file_system_is_read_only);
    tcase_add_test(test, no_right_to_write);
    tcase_add_test(test, no_descriptor_is_left);
    suite_add_tcase(suite, test);
    return suite;
}
