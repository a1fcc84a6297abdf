#include "fixture.h"
#include "storefile.h"
#include "suites.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

/* ---- judging what fstat(2) says ---- */

static const struct {
    mode_t mode;
    uid_t owner, directory_owner;
    bool trusted;
} stores[] = {
    {S_IFREG | 0640, 5, 5, true},      {S_IFREG | 0640, 0, 5, true},  {S_IFREG | 0600, 0, 0, true},
    {S_IFREG | 0440, 5, 5, true},      {S_IFREG | 0400, 5, 5, true},  {S_IFREG | 0000, 5, 5, true},
    {S_IFREG | 02640, 5, 5, true},     {S_IFREG | 0640, 5, 0, false}, {S_IFREG | 0640, 6, 5, false},
    {S_IFREG | 0640, 65534, 0, false}, {S_IFREG | 0660, 5, 5, false}, {S_IFREG | 0642, 5, 5, false},
    {S_IFREG | 0644, 5, 5, false},     {S_IFREG | 0644, 0, 0, false}, {S_IFREG | 0604, 5, 5, false},
    {S_IFREG | 0620, 5, 5, false},     {S_IFREG | 0602, 5, 5, false}, {S_IFREG | 0666, 5, 5, false},
    {S_IFLNK | 0777, 5, 5, false},     {S_IFLNK | 0640, 5, 5, false}, {S_IFIFO | 0640, 5, 5, false},
    {S_IFDIR | 0750, 5, 5, false},     {S_IFCHR | 0640, 0, 0, false}, {S_IFBLK | 0640, 0, 0, false},
    {S_IFSOCK | 0640, 5, 5, false},
};

START_TEST(store_by_type_owner_and_mode)
{
    struct stat store = {.st_mode = stores[_i].mode, .st_uid = stores[_i].owner};
    struct stat directory = {.st_mode = S_IFDIR | 0750, .st_uid = stores[_i].directory_owner};
    struct fault fault = {0};
    bool trusted = storefile_trusted(&fault, &store, &directory);

    ck_assert_msg(trusted == stores[_i].trusted, "%o of %u: %s", (unsigned)store.st_mode,
                  (unsigned)store.st_uid, fault.text);
    ck_assert(trusted == (fault.text[0] == '\0'));
    ck_assert(!fault.passing);
}
END_TEST

static const struct {
    mode_t mode;
    bool trusted;
} directories[] = {
    {S_IFDIR | 0750, true},  {S_IFDIR | 0700, true},   {S_IFDIR | 0755, true},  {S_IFDIR | 02750, true},
    {S_IFDIR | 0555, true},  {S_IFDIR | 0770, false},  {S_IFDIR | 0757, false}, {S_IFDIR | 0720, false},
    {S_IFDIR | 0702, false}, {S_IFDIR | 01777, false}, {S_IFREG | 0750, false}, {S_IFLNK | 0750, false},
};

START_TEST(directory_by_type_and_mode)
{
    struct stat directory = {.st_mode = directories[_i].mode};
    struct fault fault = {0};

    ck_assert(storefile_directory_trusted(&fault, &directory) == directories[_i].trusted);
    ck_assert(directories[_i].trusted == (fault.text[0] == '\0'));
}
END_TEST

/* ---- opening ---- */

struct spot {
    char directory[SCRATCH_PATH], path[SCRATCH_PATH];
    struct storefile storefile;
};

/* The store's directory is in one of the test's own, so that this can be spoilt. */
static void spot_make(struct spot *spot)
{
    char parent[SCRATCH_PATH];

    scratch_directory(parent);
    path_join(spot->directory, parent, "stores");
    ck_assert_int_eq(mkdir(spot->directory, 0750), 0);
    storefile_of_domain(&spot->storefile, spot->directory, "example.com");
    path_join(spot->path, spot->directory, "example.com.tokens");
}

START_TEST(name_of_a_store)
{
    struct storefile storefile;
    char domain[64];

    memset(domain, 'a', 63);
    domain[63] = '\0';
    storefile_of_domain(&storefile, "/x", domain);
    ck_assert_uint_eq(strlen(storefile.name), 70);
    ck_assert_str_eq(storefile.name + 63, ".tokens");
    ck_assert_str_eq(storefile.directory, "/x");
}
END_TEST

START_TEST(good_store_is_opened)
{
    struct spot spot;
    struct stat status, directory;
    struct fault fault = {0};
    int fd;
    char text[8] = "";

    spot_make(&spot);
    file_write(spot.path, "hello", 5);
    ck_assert(storefile_look(&spot.storefile, &status, &directory, &fault));
    ck_assert_int_eq(status.st_size, 5);
    ck_assert(S_ISDIR(directory.st_mode));
    fd = storefile_open(&spot.storefile, _i == 0 ? O_RDONLY : O_RDWR, &status, &fault);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(status.st_size, 5);
    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(pread(fd, text, 5, 0), 5);
    ck_assert_str_eq(text, "hello");
    ck_assert((pwrite(fd, "j", 1, 0) == 1) == (_i == 1));
    ck_assert_str_eq(fault.text, "");
    close(fd);
}
END_TEST

static void nothing_there(const struct spot *spot)
{
    (void)spot;
}

static void no_directory(const struct spot *spot)
{
    ck_assert_int_eq(rmdir(spot->directory), 0);
}

static void directory_is_a_file(const struct spot *spot)
{
    no_directory(spot);
    file_write(spot->directory, "", 0);
}

static void directory_is_writable(const struct spot *spot)
{
    file_write(spot->path, "", 0);
    ck_assert_int_eq(chmod(spot->directory, 0770), 0);
}

static void parent_is_writable(const struct spot *spot)
{
    char parent[SCRATCH_PATH];

    file_write(spot->path, "", 0);
    path_join(parent, spot->directory, "..");
    ck_assert_int_eq(chmod(parent, 0777), 0);
}

static void links_in_a_circle(const struct spot *spot)
{
    no_directory(spot);
    ck_assert_int_eq(symlink("stores", spot->directory), 0);
}

static void symlink_to_a_store(const struct spot *spot)
{
    char other[SCRATCH_PATH];

    path_join(other, spot->directory, "other");
    file_write(other, "", 0);
    ck_assert_int_eq(symlink("other", spot->path), 0);
}

static void dangling_symlink(const struct spot *spot)
{
    ck_assert_int_eq(symlink("other", spot->path), 0);
}

static void fifo(const struct spot *spot)
{
    ck_assert_int_eq(mkfifo(spot->path, 0640), 0);
}

static void directory_there(const struct spot *spot)
{
    ck_assert_int_eq(mkdir(spot->path, 0750), 0);
}

static void readable_by_all(const struct spot *spot)
{
    file_write(spot->path, "", 0);
    ck_assert_int_eq(chmod(spot->path, 0644), 0);
}

static const struct {
    void (*make)(const struct spot *spot);
    int error;
    const char *says;
} faults[] = {
    {nothing_there, ENOENT, "create the first token"},
    {no_directory, ENOENT, "its directory does not exist"},
    {directory_is_a_file, ENOTDIR, "store_dir is not a directory"},
    {directory_is_writable, EPERM, "chmod g-w the directory"},
    {parent_is_writable, EPERM, "writable by everybody"},
    {links_in_a_circle, ELOOP, "Too many levels"},
    {symlink_to_a_store, EPERM, "symbolic link"},
    {dangling_symlink, EPERM, "symbolic link"},
    {fifo, EPERM, "not a regular file"},
    {directory_there, EPERM, "not a regular file"},
    {readable_by_all, EPERM, "chmod 0640"},
};

/* Neither waits for a FIFO, follows a symlink, nor leaves a descriptor open. */
START_TEST(what_is_not_opened)
{
    struct spot spot;
    struct stat status, directory;
    struct fault looking = {0}, opening = {0};
    size_t before = open_descriptors();

    spot_make(&spot);
    faults[_i].make(&spot);
    errno = 0;
    ck_assert(!storefile_look(&spot.storefile, &status, &directory, &looking));
    ck_assert_int_eq(errno, faults[_i].error);
    ck_assert_msg(strstr(looking.text, faults[_i].says) != NULL, "%s", looking.text);
    errno = 0;
    ck_assert_int_eq(storefile_open(&spot.storefile, O_RDONLY, &status, &opening), -1);
    ck_assert_msg(errno == faults[_i].error || errno == ELOOP, "%s", strerror(errno));
    ck_assert_msg(strstr(opening.text, faults[_i].says) != NULL, "%s", opening.text);
    ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

START_TEST(directory_may_be_a_link)
{
    struct spot spot;
    struct stat status, directory;
    struct fault fault = {0};
    char link[SCRATCH_PATH];
    int fd;

    spot_make(&spot);
    file_write(spot.path, "hello", 5);
    path_join(link, spot.directory, "../link");
    ck_assert_int_eq(symlink("stores", link), 0);
    spot.storefile.directory = link;
    ck_assert_msg(storefile_look(&spot.storefile, &status, &directory, &fault), "%s", fault.text);
    ck_assert_int_eq(status.st_size, 5);
    fd = storefile_open(&spot.storefile, O_RDONLY, &status, &fault);
    ck_assert_msg(fd >= 0, "%s", fault.text);
    close(fd);
}
END_TEST

START_TEST(look_needs_no_descriptor)
{
    struct spot spot;
    struct stat status, directory;
    struct fault fault = {0};
    struct rlimit before, none;

    spot_make(&spot);
    file_write(spot.path, "hello", 5);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert(storefile_look(&spot.storefile, &status, &directory, &fault));
    ck_assert_int_eq(storefile_open(&spot.storefile, O_RDONLY, &status, &fault), -1);
    ck_assert_int_eq(errno, EMFILE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}
END_TEST

/* Mount the file "other" on the store. In a mount namespace of this process's own. */
static bool mount_other(const struct spot *spot)
{
    char other[SCRATCH_PATH];

    path_join(other, spot->directory, "other");
    file_write(other, "", 0);
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount(other, spot->path, NULL, MS_BIND, NULL) == 0;
}

enum { NOT_ALLOWED = 77 };

/* A container that mounts the file sees what becomes of it, but not what takes its place. */
static int replace_what_is_mounted(const struct spot *spot)
{
    static const char says[] = "mount the directory, not the file";
    struct stat status, directory;
    struct fault looking, opening;
    char other[SCRATCH_PATH];

    if (!mount_other(spot))
        return NOT_ALLOWED;
    if (!storefile_look(&spot->storefile, &status, &directory, &looking))
        return 1;
    path_join(other, spot->directory, "other");
    file_replace(other, "", 0);
    if (storefile_look(&spot->storefile, &status, &directory, &looking) ||
        storefile_open(&spot->storefile, O_RDONLY, &status, &opening) >= 0)
        return 2;
    if (looking.passing || opening.passing || !strstr(looking.text, says) || !strstr(opening.text, says))
        return 3;
    return umount(spot->path) == 0 && storefile_look(&spot->storefile, &status, &directory, &looking) ? 0 : 4;
}

START_TEST(file_that_is_mounted_alone)
{
    struct spot spot;
    int child, status;

    spot_make(&spot);
    file_write(spot.path, "", 0);
    child = fork();
    if (child == 0)
        _exit(replace_what_is_mounted(&spot));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_ALLOWED)
        fprintf(stderr, "skipped: file_that_is_mounted_alone: this user may not mount here\n");
    else
        ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

Suite *storefile_suite(void)
{
    Suite *suite = suite_create("storefile");
    TCase *trust = tcase_create("trust"), *open = tcase_create("open");

    tcase_add_loop_test(trust, store_by_type_owner_and_mode, 0, LENGTH(stores));
    tcase_add_loop_test(trust, directory_by_type_and_mode, 0, LENGTH(directories));
    suite_add_tcase(suite, trust);
    tcase_add_test(open, name_of_a_store);
    tcase_add_loop_test(open, good_store_is_opened, 0, 2);
    tcase_add_loop_test(open, what_is_not_opened, 0, LENGTH(faults));
    tcase_add_test(open, directory_may_be_a_link);
    tcase_add_test(open, look_needs_no_descriptor);
    tcase_add_test(open, file_that_is_mounted_alone);
    suite_add_tcase(suite, open);
    return suite;
}
