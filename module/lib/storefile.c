#include "storefile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "trust.h"

enum { REPLACED_ROUNDS = 1000 };

void storefile_of_domain(struct storefile *storefile, const char *directory, const char *domain)
{
    storefile->directory = directory;
    snprintf(storefile->name, sizeof(storefile->name), "%s.tokens", domain);
}

bool storefile_directory_trusted(struct fault *fault, const struct stat *directory)
{
    unsigned mode = directory->st_mode & 07777;

    if (!S_ISDIR(directory->st_mode))
        return fault_set(fault, "store_dir is not a directory");
    if (directory->st_mode & S_IWOTH)
        return fault_set(
            fault,
            "its directory is writable by everybody (owner uid %u, mode %04o): chmod go-w the directory",
            (unsigned)directory->st_uid, mode);
    if (directory->st_mode & S_IWGRP)
        return fault_set(
            fault, "its directory is writable by group %u (owner uid %u, mode %04o): chmod g-w the directory",
            (unsigned)directory->st_gid, (unsigned)directory->st_uid, mode);
    return true;
}

bool storefile_trusted(struct fault *fault, const struct stat *store, const struct stat *directory)
{
    unsigned mode = store->st_mode & 07777;

    if (S_ISLNK(store->st_mode))
        return fault_set(fault, "this is a symbolic link: put the file itself there, or set store_dir");
    if (!S_ISREG(store->st_mode))
        return fault_set(fault, "not a regular file: move it away");
    if (store->st_uid != 0 && store->st_uid != directory->st_uid)
        return fault_set(fault,
                         "owned by uid %u, not by its directory's owner, uid %u: find out who put it "
                         "there, then chown it",
                         (unsigned)store->st_uid, (unsigned)directory->st_uid);
    if (mode & (S_IWGRP | S_IWOTH))
        return fault_set(fault, "writable by %s (mode %04o): find out what was changed, then chmod 0640 it",
                         mode & S_IWOTH ? "everybody" : "its group", mode);
    if (mode & S_IROTH)
        return fault_set(fault, "readable by everybody (mode %04o): chmod 0640 it", mode);
    return true;
}

/* Keeps errno, so that a caller can tell ENOENT from the rest. */
static bool fault_errno(struct fault *fault)
{
    int error = errno;

    if (error == ELOOP)
        fault_set(fault, "this is a symbolic link: put the file itself there, or set store_dir");
    else if (error == ENOENT)
        fault_set(fault, "no such file: create the first token, or restore a backup");
    else if (error == EISDIR || error == ENXIO) /* ENXIO: a socket, a terminal */
        fault_set(fault, "not a regular file: move it away");
    else
        fault_set(fault, "cannot open it: %s", strerror(error));
    errno = error;
    return false;
}

static bool find_directory(const struct storefile *storefile, struct destination *directory,
                           struct fault *fault)
{
    if (trust_path(directory, storefile->directory, fault))
        return true;
    if (errno == ENOENT) {
        fault_set(fault, "its directory does not exist: create it, or set store_dir");
        errno = ENOENT;
    }
    return false;
}

static void close_keeping_errno(int fd)
{
    int error = errno;

    close(fd);
    errno = error;
}

int storefile_open_directory(const struct storefile *storefile, struct stat *directory, struct fault *fault)
{
    struct destination found;
    int fd;

    if (!find_directory(storefile, &found, fault))
        return -1;
    fd = open(found.path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, directory) < 0) {
        int error = errno;

        fault_set(fault, "cannot open its directory: %s", strerror(error));
        errno = error;
    } else if (!storefile_directory_trusted(fault, directory)) {
        errno = EPERM;
    } else {
        return fd;
    }
    if (fd >= 0)
        close_keeping_errno(fd);
    return -1;
}

/* Find the path of the store, without symbolic links, and check its directory. */
static bool find_store(const struct storefile *storefile, char path[PATH_MAX], struct stat *directory,
                       struct fault *fault)
{
    struct destination found;
    bool is_found = find_directory(storefile, &found, fault);

    *directory = found.status;
    if (!is_found)
        return false;
    if (!storefile_directory_trusted(fault, directory)) {
        errno = S_ISDIR(directory->st_mode) ? EPERM : ENOTDIR;
        return false;
    }
    if (snprintf(path, PATH_MAX, "%s/%s", found.path, storefile->name) < PATH_MAX)
        return true;
    errno = ENAMETOOLONG;
    return fault_errno(fault);
}

/* A container that mounts the file instead of its directory keeps that file, even after the name outside
 * leads to another one. */
static bool is_mounted(const char *path)
{
    struct statx found;

    return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &found) == 0 &&
           found.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

/*
 * rename(2) removes the last link of the old file a moment before the name leads to the new one. A reader
 * that opens the name in that moment would take the old file for the store, and never see it change again. So
 * open the name again.
 */
static bool is_being_replaced(const char *path, const struct stat *store, unsigned *round)
{
    if (store->st_nlink > 0 || ++*round >= REPLACED_ROUNDS || is_mounted(path))
        return false;
    sched_yield();
    return true;
}

/* Else errno is EPERM. */
static bool store_suits(const char *path, const struct stat *store, const struct stat *directory,
                        struct fault *fault)
{
    bool trusted = storefile_trusted(fault, store, directory);

    if (trusted && store->st_nlink > 0)
        return true;
    if (trusted && is_mounted(path))
        fault_set(fault, "replaced or removed, but this container mounts the old file: mount the "
                         "directory, not the file");
    else if (trusted)
        fault_set_passing(fault, "another process is replacing it");
    errno = EPERM;
    return false;
}

int storefile_open(const struct storefile *storefile, int flags, struct stat *store, struct fault *fault)
{
    struct stat directory;
    char path[PATH_MAX];
    unsigned round = 0;
    int fd = -1;

    if (!find_store(storefile, path, &directory, fault))
        return -1;
    do {
        if (fd >= 0)
            close(fd);
        fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, store) < 0) {
            fault_errno(fault);
            if (fd >= 0)
                close_keeping_errno(fd);
            return -1;
        }
    } while (is_being_replaced(path, store, &round));
    if (store_suits(path, store, &directory, fault))
        return fd;
    close_keeping_errno(fd);
    return -1;
}

bool storefile_look(const struct storefile *storefile, struct stat *store, struct stat *directory,
                    struct fault *fault)
{
    char path[PATH_MAX];
    unsigned round = 0;

    if (!find_store(storefile, path, directory, fault))
        return false;
    do
        if (lstat(path, store) < 0)
            return fault_errno(fault);
    while (is_being_replaced(path, store, &round));
    return store_suits(path, store, directory, fault);
}
