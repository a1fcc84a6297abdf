/* What the library must bear inside other people's processes, such as descriptors that are closed behind its
 * back; and what it must leave as it was. */
#include "scene.h"
#include "suites.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- descriptors ---- */

/* The number of the descriptor that holds the store; -1: none. */
static int store_descriptor(const struct forge *forge)
{
    struct stat store, open;

    ck_assert_int_eq(stat(forge->path, &store), 0);
    for (int fd = 0; fd < 256; fd++)
        if (fstat(fd, &open) == 0 && open.st_dev == store.st_dev && open.st_ino == store.st_ino)
            return fd;
    return -1;
}

START_TEST(descriptor_was_closed)
{
    struct scene s;

    scene_start(&s, "60s");
    ck_assert_int_eq(close(store_descriptor(&s.forge)), 0);
    EXPECT(s, a, "allow");
    EXPECT(s, d, "deny unknown");
    forge_revoke(&s.forge, &s.a);
    EXPECT(s, a, "deny revoked");
    scene_end(&s);
}
END_TEST

/* What the host has there now is read neither nor moved nor closed. */
START_TEST(descriptor_is_another_file_now)
{
    struct scene s;
    char path[SCRATCH_PATH], byte;
    int fd, other;

    scene_start(&s, "60s");
    path_join(path, s.directory, "other");
    file_write(path, "0123456789", 10);
    fd = store_descriptor(&s.forge);
    other = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(dup2(other, fd), fd);
    ck_assert_int_eq(lseek(fd, 3, SEEK_SET), 3);
    if (_i == 1)
        forge_compact(&s.forge, NOW);
    if (_i != 2)
        EXPECT(s, a, "allow");
    forge_revoke(&s.forge, &s.a);
    if (_i != 2)
        EXPECT(s, a, "deny revoked");
    host_close(&s.host);
    ck_assert_int_eq(read(fd, &byte, 1), 1);
    ck_assert_int_eq(byte, '3');
    ck_assert_int_eq(read(other, &byte, 1), 1);
    ck_assert_int_eq(byte, '4');
    close(fd);
    close(other);
    scene_end(&s);
}
END_TEST

/* The store is replaced while the host has no descriptor left: a revocation in the new file must not wait. */
START_TEST(no_descriptor_is_left)
{
    struct scene s;
    struct forge next[2];

    scene_start(&s, "60s");
    forge_copy(&next[0], &s.forge, "first");
    forge_revoke(&next[0], &s.a);
    if (_i == 1)
        forge_compact(&next[0], NOW);
    forge_copy(&next[1], &next[0], "second");
    forge_revoke(&next[1], &s.b);
    EXPECT(s, a, "allow");
    while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
        continue;
    ck_assert_int_eq(errno, EMFILE);
    EXPECT(s, a, "allow");
    forge_install(&next[0], &s.forge);
    EXPECT(s, a, "deny revoked");
    EXPECT(s, b, "allow");
    forge_install(&next[1], &s.forge);
    EXPECT(s, b, "deny revoked");
    EXPECT(s, d, "deny unknown");
    for (int fd = 3; fd < 4096; fd++)
        close(fd);
    EXPECT(s, b, "deny revoked");
    ck_assert_uint_eq(s.host.alerts, 0);
    forge_end(&next[0]);
    forge_end(&next[1]);
    scene_end(&s);
}
END_TEST

/* ---- after fork ---- */

static bool answers(struct scene *s, const struct sample *sample, const char *answer)
{
    return strcmp(host_ask(&s->host, sample), answer) == 0;
}

/* Who inherited a good table and cannot reach the store admits nobody, not for stale_limit either. */
START_TEST(child_without_a_look_of_its_own)
{
    struct scene s;
    pid_t child;

    scene_start(&s, "60s");
    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    if (geteuid() != 0)
        ck_assert_int_eq(chmod(s.directory, 0), 0);
    child = fork();
    if (child == 0) {
        bool away = geteuid() != 0 || chroot(s.directory) == 0;

        _exit(away && answers(&s, &s.a, "error store") && answers(&s, &s.b, "deny revoked") &&
                      answers(&s, &s.a, "error store")
                  ? 0
                  : 1);
    }
    expect_child(child);
    ck_assert_int_eq(chmod(s.directory, 0750), 0);
    EXPECT(s, a, "allow");
    scene_end(&s);
}
END_TEST

/* One that has no descriptor left either opens what is there now: the parent's table does not do for it. */
START_TEST(child_without_a_descriptor)
{
    struct scene s;
    struct forge next;
    pid_t child;

    scene_start(&s, "60s");
    forge_copy(&next, &s.forge, "next");
    forge_revoke(&next, &s.a);
    forge_compact(&next, NOW);
    while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
        continue;
    if (_i == 0)
        forge_install(&next, &s.forge);
    child = fork();
    if (child == 0)
        _exit(answers(&s, &s.a, _i == 0 ? "deny revoked" : "allow") && answers(&s, &s.b, "allow") ? 0 : 1);
    expect_child(child);
    for (int fd = 3; fd < 4096; fd++)
        close(fd);
    forge_end(&next);
    scene_end(&s);
}
END_TEST

/* It has stale_limit once it has looked; and where it is not its rights that are missing but the store. */
START_TEST(child_with_a_store_that_goes)
{
    struct scene s;
    pid_t child;

    scene_start(&s, "60s");
    child = fork();
    if (child == 0)
        _exit((_i % 2 == 1 || answers(&s, &s.a, "allow")) &&
                      (_i < 2 ? unlink(s.forge.path) : truncate(s.forge.path, 100)) == 0 &&
                      answers(&s, &s.a, "allow") && answers(&s, &s.d, "error store")
                  ? 0
                  : 1);
    expect_child(child);
    scene_end(&s);
}
END_TEST

START_TEST(descriptors_are_closed_on_exec)
{
    struct scene s;
    int fd;

    scene_start(&s, "60s");
    for (int i = 0; i < 3; i++) {
        fd = store_descriptor(&s.forge);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        forge_compact(&s.forge, NOW);
        EXPECT(s, a, "allow");
    }
    scene_end(&s);
}
END_TEST

/* One thing that may happen to a store of which a host has a table. */
static void happen(struct scene *s, int what)
{
    switch (what % 6) {
    case 0:
        forge_compact(&s->forge, NOW);
        break;
    case 1:
        forge_append(&s->forge, &s->b.record);
        break;
    case 2:
        ck_assert_int_eq(chmod(s->forge.path, 0666), 0);
        break;
    case 3:
        ck_assert_int_eq(chmod(s->forge.path, 0640), 0);
        break;
    case 4:
        file_replace(s->forge.path, "garbage\n", 8);
        break;
    default:
        forge_mend(&s->forge, s->forge.header.epoch + 1);
        break;
    }
}

START_TEST(no_descriptor_is_left_open)
{
    struct scene s;
    size_t before;

    scene_start(&s, "60s");
    host_close(&s.host);
    before = open_descriptors();
    for (int i = 0; i < 200; i++) {
        host_open(&s.host, s.directory, "60s");
        host_ask(&s.host, &s.a);
        happen(&s, i);
        host_ask(&s.host, &s.a);
        host_close(&s.host);
    }
    ck_assert_uint_eq(open_descriptors(), before);
    host_open(&s.host, s.directory, "60s");
    for (int i = 0; i < 200; i++) {
        happen(&s, i);
        host_ask(&s.host, &s.a);
    }
    ck_assert_uint_eq(open_descriptors(), before + 1);
    scene_end(&s);
}
END_TEST

/* ---- what a process has only once ---- */

START_TEST(errno_is_left_alone)
{
    struct scene s;

    scene_start(&s, "60s");
    for (int i = 0; i < 20; i++) {
        happen(&s, i);
        errno = 4711;
        host_ask(&s.host, &s.a);
        ck_assert_int_eq(errno, 4711);
    }
    ck_assert_int_eq(unlink(s.forge.path), 0);
    errno = 4711;
    EXPECT(s, d, "error store");
    ck_assert_int_eq(errno, 4711);
    errno = 4712;
    host_close(&s.host);
    ck_assert_int_eq(errno, 4712);
    host_open(&s.host, s.directory, "60s");
    errno = 4713;
    EXPECT(s, a, "error store");
    ck_assert_int_eq(errno, 4713);
    scene_end(&s);
}
END_TEST

struct process {
    sigset_t blocked;
    void (*handlers[32])(int);
    int flags[32];
    mode_t mask;
    char directory[SCRATCH_PATH], locale[64];
    char **environment;
};

static void look_at_process(struct process *process)
{
    memset(process, 0, sizeof(*process));
    pthread_sigmask(SIG_SETMASK, NULL, &process->blocked);
    for (int i = 1; i < 32; i++) {
        struct sigaction action;

        sigaction(i, NULL, &action);
        process->handlers[i] = action.sa_handler;
        process->flags[i] = action.sa_flags;
    }
    process->mask = umask(0);
    umask(process->mask);
    ck_assert_ptr_nonnull(getcwd(process->directory, sizeof(process->directory)));
    snprintf(process->locale, sizeof(process->locale), "%s", setlocale(LC_ALL, NULL));
    process->environment = environ;
}

static void do_a_bit_of_everything(struct scene *s)
{
    for (int i = 0; i < 20; i++) {
        happen(s, i);
        host_ask(&s->host, &s->a);
    }
    host_close(&s->host);
    ck_assert_int_eq(unlink(s->forge.path), 0);
    host_open(&s->host, s->directory, "60s");
    host_ask(&s->host, &s->a);
}

START_TEST(process_is_left_as_it_was)
{
    struct scene s;
    struct process before, after;

    look_at_process(&before);
    scene_start(&s, "60s");
    do_a_bit_of_everything(&s);
    look_at_process(&after);
    ck_assert_mem_eq(&before, &after, sizeof(before));
    scene_end(&s);
}
END_TEST

START_TEST(nothing_is_printed)
{
    struct scene s;
    struct stat status;
    char path[SCRATCH_PATH];
    int fd, out, err;

    scene_start(&s, "60s");
    path_join(path, s.directory, "printed");
    file_write(path, "", 0);
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    out = dup(1);
    err = dup(2);
    fflush(NULL);
    dup2(fd, 1);
    dup2(fd, 2);
    do_a_bit_of_everything(&s);
    fflush(NULL);
    dup2(out, 1);
    dup2(err, 2);
    ck_assert_int_eq(fstat(fd, &status), 0);
    ck_assert_int_eq(status.st_size, 0);
    close(fd);
    close(out);
    close(err);
    scene_end(&s);
}
END_TEST

Suite *host_process_suite(void)
{
    Suite *suite = suite_create("host_process");
    TCase *descriptors = tcase_create("descriptors"), *process = tcase_create("process");

    tcase_add_test(descriptors, descriptor_was_closed);
    tcase_add_loop_test(descriptors, descriptor_is_another_file_now, 0, 3);
    tcase_add_test(descriptors, descriptors_are_closed_on_exec);
    tcase_add_loop_test(descriptors, no_descriptor_is_left, 0, 2);
    tcase_add_test(descriptors, child_without_a_look_of_its_own);
    tcase_add_loop_test(descriptors, child_without_a_descriptor, 0, 2);
    tcase_add_loop_test(descriptors, child_with_a_store_that_goes, 0, 4);
    tcase_add_test(descriptors, no_descriptor_is_left_open);
    suite_add_tcase(suite, descriptors);
    tcase_add_test(process, errno_is_left_alone);
    tcase_add_test(process, process_is_left_as_it_was);
    tcase_add_test(process, nothing_is_printed);
    suite_add_tcase(suite, process);
    return suite;
}
