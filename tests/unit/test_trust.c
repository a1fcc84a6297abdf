/* Which paths are trusted, by the directories on the way. */
#include "fixture.h"
#include "suites.h"
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

enum { STRANGER = 12345 };

static bool skip_unless_root(const char *test)
{
    if (geteuid() == 0)
        return false;
    fprintf(stderr, "skipped: %s: only root can give files away\n", test);
    return true;
}

/* top/a/b/file, and symbolic links. */
struct tree {
    char top[SCRATCH_PATH], a[SCRATCH_PATH], file[SCRATCH_PATH];
    struct destination found;
    struct fault fault;
};

static void tree_link(const struct tree *tree, const char *name, const char *text)
{
    char path[SCRATCH_PATH];

    path_join(path, tree->top, name);
    ck_assert_int_eq(symlink(text, path), 0);
}

static void tree_make(struct tree *tree)
{
    char b[SCRATCH_PATH];

    scratch_directory(tree->top);
    path_join(tree->a, tree->top, "a");
    path_join(b, tree->a, "b");
    path_join(tree->file, b, "file");
    ck_assert(mkdir(tree->a, 0755) == 0 && mkdir(b, 0755) == 0);
    file_write(tree->file, "", 0);
    tree_link(tree, "relative", "a/b");
    tree_link(tree, "absolute", tree->a);
    tree_link(tree, "chain", "relative/");
    tree_link(tree, "a/b/up", "../../a/./b/..");
    tree_link(tree, "circle", "circle");
    tree_link(tree, "dangling", "a/none");
}

static bool follow_in(struct tree *tree, const char *name)
{
    char path[SCRATCH_PATH];

    path_join(path, tree->top, name);
    tree->fault.text[0] = '\0';
    return trust_path(&tree->found, path, &tree->fault);
}

static void expect_refused(struct tree *tree, const char *name, const char *says)
{
    ck_assert_msg(!follow_in(tree, name), "%s is trusted", name);
    ck_assert_int_eq(errno, EPERM);
    ck_assert_msg(strstr(tree->fault.text, says) != NULL, "\"%s\" is not in: %s", says, tree->fault.text);
    ck_assert_int_eq(tree->found.status.st_mode, 0);
}

static const char *const ways[] = {
    "a/b",
    "a//b///file",
    "./a/./b/.",
    "a/b/../../a/b/file",
    "a/b/..",
    "..",
    "relative",
    "relative/file",
    "absolute/b",
    "chain/file",
    "chain/",
    "a/b/up",
    "a/b/up/b/up",
    "absolute/../chain",
    "relative/..",
    "none",
    "none/x",
    "a/b/file/x",
    "a/b/file/..",
    "circle",
    "circle/x",
    "dangling",
    "",
};

/* realpath(3) is of the same mind. */
START_TEST(path_leads_where_it_leads)
{
    struct tree t;
    struct stat status;
    char path[SCRATCH_PATH], *real;
    int error;

    tree_make(&t);
    path_join(path, t.top, ways[_i]);
    real = realpath(path, NULL);
    error = errno;
    ck_assert_msg(follow_in(&t, ways[_i]) == (real != NULL), "%s: %s", ways[_i], t.fault.text);
    if (real) {
        ck_assert_str_eq(t.found.path, real);
        ck_assert_int_eq(stat(path, &status), 0);
        ck_assert_uint_eq(t.found.status.st_ino, status.st_ino);
        ck_assert_uint_eq(t.found.status.st_dev, status.st_dev);
    } else {
        ck_assert_int_eq(errno, error);
        ck_assert_str_ne(t.fault.text, "");
        ck_assert_int_eq(t.found.status.st_mode, 0);
    }
    free(real);
}
END_TEST

START_TEST(as_many_links_as_the_kernel_follows)
{
    struct tree t;
    struct stat status;
    char name[16] = "a", next[16], path[SCRATCH_PATH];
    int followed = 0;

    tree_make(&t);
    for (int i = 1; i <= 45; i++) {
        bool kernel;

        snprintf(next, sizeof(next), "link%d", i);
        tree_link(&t, next, name);
        strcpy(name, next);
        path_join(path, t.top, name);
        kernel = stat(path, &status) == 0;
        ck_assert_msg(follow_in(&t, name) == kernel, "%d links", i);
        followed += kernel;
    }
    ck_assert(followed > 30 && followed <= 40); /* the scratch directory may be behind some */
}
END_TEST

START_TEST(path_that_is_too_long)
{
    struct destination found;
    struct fault fault;
    char path[2 * PATH_MAX];

    memset(path, '/', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    ck_assert(!trust_path(&found, path, &fault));
    ck_assert_int_eq(errno, ENAMETOOLONG);
    path[PATH_MAX - 1] = '\0';
    ck_assert(trust_path(&found, path, &fault));
    ck_assert_str_eq(found.path, "/");
    ck_assert(!trust_path(&found, "tmp", &fault));
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* A link doubles itself: what is still to be followed grows beyond all bounds. */
START_TEST(links_that_grow)
{
    struct tree t;
    char text[1024];

    tree_make(&t);
    memset(text, '/', sizeof(text));
    memcpy(text, "grow", 4);
    strcpy(text + sizeof(text) - 5, "grow");
    tree_link(&t, "grow", text);
    ck_assert(!follow_in(&t, "grow"));
    ck_assert_msg(errno == ENAMETOOLONG || errno == ELOOP, "%s", strerror(errno));
}
END_TEST

static const struct {
    mode_t mode;
    gid_t group;
    bool trusted;
    const char *says;
} on_the_way[] = {
    {0755, 0, true, NULL},
    {0700, 0, true, NULL},
    {0755, STRANGER, true, NULL},
    {0775, 0, true, NULL},
    {0775, STRANGER, false, "group 12345 (owner uid 0, mode 0775): chmod g-w it"},
    {02775, STRANGER, false, "group 12345 (owner uid 0, mode 2775): chmod g-w it"},
    {0757, 0, false, "everybody (owner uid 0, mode 0757): chmod go-w it"},
    {0777, STRANGER, false, "everybody (owner uid 0, mode 0777): chmod go-w it"},
    {01777, 0, true, NULL},
    {01775, STRANGER, true, NULL},
};

/* As an ordinary user the tree is the user's, who cannot give it another group. */
START_TEST(directory_on_the_way_by_its_mode)
{
    struct tree t;
    struct stat status;

    tree_make(&t);
    if (geteuid() == 0)
        ck_assert_int_eq(chown(t.a, (uid_t)-1, on_the_way[_i].group), 0);
    ck_assert_int_eq(stat(t.a, &status), 0);
    ck_assert_int_eq(chmod(t.a, on_the_way[_i].mode), 0);
    if (on_the_way[_i].mode & S_IWGRP && (status.st_gid == 0) != (on_the_way[_i].group == 0)) {
        fprintf(stderr, "skipped: mode %04o by a group: only root can choose it\n",
                (unsigned)on_the_way[_i].mode);
        return;
    }
    if (on_the_way[_i].trusted) {
        ck_assert_msg(follow_in(&t, "a/b/file") && follow_in(&t, "chain"), "%s", t.fault.text);
        return;
    }
    expect_refused(&t, "a/b/file", geteuid() == 0 ? on_the_way[_i].says : "is writable by");
    ck_assert_ptr_nonnull(strstr(t.fault.text, "/a is writable by "));
    expect_refused(&t, "chain", "/a is writable");
    expect_refused(&t, "a/../a/b", "/a is writable");
    ck_assert(follow_in(&t, "a")); /* what is at the end is for the caller to judge */
}
END_TEST

/* It leads to where nobody could change anything. */
START_TEST(link_in_a_writable_directory)
{
    struct tree t;

    tree_make(&t);
    tree_link(&t, "a/out", "/");
    ck_assert(follow_in(&t, "a/out"));
    ck_assert_int_eq(chmod(t.a, 0777), 0);
    expect_refused(&t, "a/out", "/a is writable");
}
END_TEST

START_TEST(owner_on_the_way)
{
    struct tree t;

    if (skip_unless_root("owner_on_the_way"))
        return;
    tree_make(&t);
    ck_assert_int_eq(chown(t.file, STRANGER, 0), 0);
    ck_assert(follow_in(&t, "a/b/file"));
    ck_assert_int_eq(chown(t.a, STRANGER, 0), 0);
    expect_refused(&t, "a/b/file", "/a belongs to uid 12345 (mode 0755), not to root: ");
    ck_assert(follow_in(&t, "a"));
}
END_TEST

/* Makes the tree's top "/", and becomes somebody. */
static bool enter_tree(const struct tree *tree, uid_t uid)
{
    return chroot(tree->top) == 0 && chdir("/") == 0 && chmod("/", 0755) == 0 &&
           (uid == 0 || setresuid(uid, uid, uid) == 0);
}

START_TEST(effective_user_on_the_way)
{
    struct tree t;
    int child;

    if (skip_unless_root("effective_user_on_the_way"))
        return;
    tree_make(&t);
    ck_assert_int_eq(chown(t.a, STRANGER, 0), 0);
    child = fork();
    if (child == 0) {
        uid_t uid = _i == 0 ? STRANGER : STRANGER + 1;

        if (!enter_tree(&t, uid))
            _exit(2);
        if (uid == STRANGER)
            _exit(trust_path(&t.found, "/a/b", &t.fault) ? 0 : 1);
        _exit(!trust_path(&t.found, "/a/b", &t.fault) &&
                      strstr(t.fault.text, "not to root or this process's uid 12346: ")
                  ? 0
                  : 1);
    }
    expect_child(child);
}
END_TEST

/* Where everybody can create files, who made this one? */
START_TEST(found_in_a_sticky_directory)
{
    static const char *const names[] = {"a/b", "a/b/file", "a/link"};
    struct tree t;
    char path[SCRATCH_PATH];

    if (skip_unless_root("found_in_a_sticky_directory"))
        return;
    tree_make(&t);
    tree_link(&t, "a/link", "/");
    path_join(path, t.top, _i == 1 ? "a/b" : names[_i]);
    ck_assert_int_eq(chmod(t.a, 01777), 0);
    ck_assert(follow_in(&t, names[_i]));
    ck_assert_int_eq(lchown(path, STRANGER, 0), 0);
    expect_refused(&t, names[_i], "belongs to uid 12345");
    ck_assert_int_eq(chmod(t.a, 0755), 0);
    ck_assert(follow_in(&t, names[_i]) == (_i != 1));
}
END_TEST

/* The group's bits stand for somebody whom the ACL names: user 12345 may write. */
START_TEST(acl_of_a_directory_of_group_0)
{
    static const char acl[] = "\2\0\0\0"                   /* version */
                              "\1\0\7\0\377\377\377\377"   /* user::rwx */
                              "\2\0\7\0\71\60\0\0"         /* user:12345:rwx */
                              "\4\0\5\0\377\377\377\377"   /* group::r-x */
                              "\20\0\7\0\377\377\377\377"  /* mask::rwx */
                              "\40\0\5\0\377\377\377\377"; /* other::r-x */
    struct tree t;
    struct stat status;

    if (skip_unless_root("acl_of_a_directory_of_group_0"))
        return;
    tree_make(&t);
    if (setxattr(t.a, "system.posix_acl_access", acl, sizeof(acl) - 1, 0) < 0 && errno == ENOTSUP) {
        fprintf(stderr, "skipped: acl_of_a_directory_of_group_0: this file system has no ACLs\n");
        return;
    }
    ck_assert_int_eq(stat(t.a, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0775);
    expect_refused(&t, "a/b", "is writable by users or groups in its ACL (owner uid 0, mode 0775)");
    ck_assert_int_eq(chmod(t.a, 0755), 0);
    ck_assert(follow_in(&t, "a/b"));
}
END_TEST

/* Who owns "/" counts as root in some user namespaces; that this is one, not everybody can pretend. */
START_TEST(somebody_elses_chroot)
{
    struct tree t;
    char proc[SCRATCH_PATH];
    int child;

    if (skip_unless_root("somebody_elses_chroot"))
        return;
    tree_make(&t);
    path_join(proc, t.top, "proc");
    ck_assert_int_eq(mkdir(proc, 0755), 0);
    ck_assert(chown(proc, STRANGER, 0) == 0 && chown(t.top, STRANGER, 0) == 0);
    child = fork();
    if (child == 0)
        _exit(enter_tree(&t, 0) && !trust_path(&t.found, "/a/b", &t.fault) &&
                      strstr(t.fault.text, "/ belongs to uid 12345 (mode 0755)")
                  ? 0
                  : 1);
    expect_child(child);
}
END_TEST

/* As an ordinary user, whom the namespace maps to uid 0. */
static bool enter_namespace(uid_t uid)
{
    char map[32];
    int length = snprintf(map, sizeof(map), "0 %u 1", (unsigned)uid), fd;

    if (setresuid(uid, uid, uid) < 0 || unshare(CLONE_NEWUSER) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
        return false; /* what cannot be dumped may not write its own map */
    fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, map, (size_t)length) == length;
}

enum { NOT_ALLOWED = 77 };

START_TEST(namespace_without_the_hosts_root)
{
    uid_t uid = geteuid() == 0 ? STRANGER : geteuid();
    struct destination found;
    struct fault fault;
    struct stat root;
    int child = fork(), status;

    if (child == 0) {
        /* before, so that nothing may be remembered of it */
        if (!trust_path(&found, "/usr/bin/env", &fault))
            _exit(2);
        if (!enter_namespace(uid))
            _exit(NOT_ALLOWED);
        if (geteuid() != 0 || lstat("/", &root) < 0 || root.st_uid == 0)
            _exit(3);
        _exit(trust_path(&found, "/usr/bin/env", &fault) ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_ALLOWED)
        fprintf(stderr, "skipped: namespace_without_the_hosts_root: no user namespaces here\n");
    else
        ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

Suite *trust_suite(void)
{
    Suite *suite = suite_create("trust");
    TCase *path = tcase_create("path");

    tcase_add_loop_test(path, path_leads_where_it_leads, 0, LENGTH(ways));
    tcase_add_test(path, as_many_links_as_the_kernel_follows);
    tcase_add_test(path, path_that_is_too_long);
    tcase_add_test(path, links_that_grow);
    tcase_add_loop_test(path, directory_on_the_way_by_its_mode, 0, LENGTH(on_the_way));
    tcase_add_test(path, link_in_a_writable_directory);
    tcase_add_test(path, owner_on_the_way);
    tcase_add_loop_test(path, effective_user_on_the_way, 0, 2);
    tcase_add_loop_test(path, found_in_a_sticky_directory, 0, 3);
    tcase_add_test(path, acl_of_a_directory_of_group_0);
    tcase_add_test(path, somebody_elses_chroot);
    tcase_add_test(path, namespace_without_the_hosts_root);
    suite_add_tcase(suite, path);
    return suite;
}
