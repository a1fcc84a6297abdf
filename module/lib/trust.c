#include "trust.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { LINKS_MAX = 40 }; /* as many as the kernel follows */

/* A path, followed up to here. */
struct way {
    struct destination *here;
    char rest[PATH_MAX]; /* next points to the names in it that are not yet looked up */
    const char *next;
    int links;
    uid_t self, root; /* trusted like uid 0 */
};

static bool is_trusted(const struct way *way, uid_t uid)
{
    return uid == 0 || uid == way->self || uid == way->root;
}

/* /proc must be procfs: in a chroot(2), anybody may have created a directory of that name. */
static bool host_root_is_unmapped(void)
{
    struct stat proc;
    struct statfs system;

    return lstat("/proc", &proc) == 0 && S_ISDIR(proc.st_mode) && proc.st_uid != 0 &&
           statfs("/proc", &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

/* The group's bits are the union of what an ACL grants. If the check fails, assume an ACL. */
static bool has_acl(const char *path)
{
    return lgetxattr(path, "system.posix_acl_access", NULL, 0) >= 0 || (errno != ENODATA && errno != ENOTSUP);
}

static bool is_read_only(const char *path)
{
    struct statvfs system;

    return statvfs(path, &system) == 0 && system.f_flag & ST_RDONLY;
}

/* Who else can write the directory, besides its owner and gid 0, in words; NULL: nobody. */
static const char *writers(char words[32], const struct destination *directory)
{
    const struct stat *status = &directory->status;

    if (status->st_mode & S_IWOTH)
        return "everybody";
    if (!(status->st_mode & S_IWGRP))
        return NULL;
    if (status->st_gid == 0)
        return has_acl(directory->path) ? "users or groups in its ACL" : NULL;
    snprintf(words, 32, "group %u", (unsigned)status->st_gid);
    return words;
}

static bool refuse_owner(const struct way *way, const char *why, struct fault *fault)
{
    const struct stat *status = &way->here->status;
    char self[64] = "";

    if (way->self != 0)
        snprintf(self, sizeof(self), " or this process's uid %u", (unsigned)way->self);
    fault_set(fault, "%s belongs to uid %u (mode %04o), not to root%s: %s", way->here->path,
              (unsigned)status->st_uid, (unsigned)(status->st_mode & 07777), self, why);
    errno = EPERM;
    return false;
}

/* May a name be looked up in this directory? shared: others may create names in it, because it is sticky. */
static bool judge(const struct way *way, bool *shared, struct fault *fault)
{
    const struct stat *status = &way->here->status;
    char words[32];
    const char *who;

    *shared = false;
    if (!is_trusted(way, status->st_uid))
        return refuse_owner(
            way, "its owner could replace what is in it: chown it to root, or use another directory", fault);
    who = writers(words, way->here);
    if (!who || is_read_only(way->here->path))
        return true;
    *shared = status->st_mode & S_ISVTX;
    if (*shared)
        return true;
    fault_set(fault, "%s is writable by %s (owner uid %u, mode %04o): chmod %s it", way->here->path, who,
              (unsigned)status->st_uid, (unsigned)(status->st_mode & 07777),
              status->st_mode & S_IWOTH ? "go-w" : "g-w");
    errno = EPERM;
    return false;
}

static bool fail(const struct way *way, int error, struct fault *fault)
{
    fault_set(fault, "%s: %s", way->here->path, strerror(error));
    errno = error;
    return false;
}

static bool look(struct way *way, struct fault *fault)
{
    return lstat(way->here->path, &way->here->status) == 0 || fail(way, errno, fault);
}

/* Go to the parent directory. */
static void leave(struct way *way)
{
    char *slash = strrchr(way->here->path, '/');

    slash[slash == way->here->path] = '\0'; /* the parent of "/" is "/" */
}

static bool enter(struct way *way, const char *name, size_t length, struct fault *fault)
{
    char *path = way->here->path;
    size_t end = strlen(path);

    if (end + 1 + length >= sizeof(way->here->path))
        return fail(way, ENAMETOOLONG, fault);
    if (end > 1)
        path[end++] = '/';
    memcpy(path + end, name, length);
    path[end + length] = '\0';
    return look(way, fault);
}

/* Put the text of a symbolic link before the names that are not yet looked up. */
static bool take_link(struct way *way, struct fault *fault)
{
    char text[PATH_MAX];
    size_t more = strlen(way->next) + 1;
    ssize_t length = ++way->links > LINKS_MAX ? 0 : readlink(way->here->path, text, sizeof(text));

    if (length <= 0)
        return fail(way, length < 0 ? errno : ELOOP, fault);
    if ((size_t)length + more > sizeof(way->rest))
        return fail(way, ENAMETOOLONG, fault);
    memmove(way->rest + length, way->next, more);
    memcpy(way->rest, text, (size_t)length);
    way->next = way->rest;
    leave(way);
    if (text[0] == '/')
        strcpy(way->here->path, "/");
    return look(way, fault);
}

/* Look up the next name, of this length. */
static bool step(struct way *way, size_t length, struct fault *fault)
{
    const char *name = way->next;
    bool shared;

    way->next += length;
    if (length == 1 && name[0] == '.')
        return true;
    if (!S_ISDIR(way->here->status.st_mode))
        return fail(way, ENOTDIR, fault);
    if (!judge(way, &shared, fault))
        return false;
    if (length == 2 && memcmp(name, "..", 2) == 0) {
        leave(way);
        return look(way, fault);
    }
    if (!enter(way, name, length, fault))
        return false;
    if (shared && !is_trusted(way, way->here->status.st_uid))
        return refuse_owner(way, "anybody could have put it there: use another directory", fault);
    return !S_ISLNK(way->here->status.st_mode) || take_link(way, fault);
}

static bool follow_path(struct way *way, const char *path, struct fault *fault)
{
    uid_t owner;

    strcpy(way->here->path, "/");
    if (path[0] != '/' || strlen(path) >= sizeof(way->rest))
        return fail(way, path[0] == '/' ? ENAMETOOLONG : EINVAL, fault);
    way->next = strcpy(way->rest, path);
    if (!look(way, fault))
        return false;
    owner = way->here->status.st_uid;
    way->root = owner != 0 && host_root_is_unmapped() ? owner : 0;
    for (;;) {
        size_t length;

        way->next += strspn(way->next, "/");
        length = strcspn(way->next, "/");
        if (length == 0)
            return true;
        if (!step(way, length, fault))
            return false;
    }
}

bool trust_path(struct destination *destination, const char *path, struct fault *fault)
{
    struct way way = {.here = destination, .self = geteuid()};

    if (follow_path(&way, path, fault))
        return true;
    memset(&destination->status, 0, sizeof(destination->status));
    return false;
}
