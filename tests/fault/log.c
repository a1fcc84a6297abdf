/* Notes in the shared file what a program wrote, synced, renamed and said, in order: power.py replays it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

/* size: of all, in steps of 8 bytes; bytes of first_length and of second_length follow */
struct event {
    uint32_t size, kind;
    uint64_t inode, offset, other;
    uint32_t first_length, second_length;
    char bytes[];
};

static void note(char kind, uint64_t inode, uint64_t offset, uint64_t other, const void *first,
                 size_t first_length, const char *second)
{
    size_t second_length = second ? strlen(second) : 0;
    size_t size = (sizeof(struct event) + first_length + second_length + 7) & ~(size_t)7;
    uint64_t at = atomic_fetch_add(&control->log_size, size);
    struct event *event = (struct event *)(void *)((char *)control + LOG_OFFSET + at);

    *event = (struct event){(uint32_t)size,         (uint32_t)kind,         inode, offset, other,
                            (uint32_t)first_length, (uint32_t)second_length};
    memcpy(event->bytes, first, first_length);
    if (second)
        memcpy(event->bytes + first_length, second, second_length);
}

static bool look(int fd, struct stat *status)
{
    return raw(SYS_fstat, fd, (long)status, 0, 0, 0, 0) == 0;
}

static long look_below(long directory, const char *path, struct stat *status)
{
    return raw(SYS_newfstatat, directory, (long)path, (long)status, AT_SYMLINK_NOFOLLOW, 0, 0);
}

/* The directory of a path, as its inode, and the last name. */
static uint64_t parent(long directory, const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    char above[4096] = ".";
    struct stat status;

    *name = slash ? slash + 1 : path;
    if (slash && (size_t)(slash - path) < sizeof(above) - 1) {
        memcpy(above, path, (size_t)(slash - path) + 1);
        above[slash - path + 1] = '\0';
    }
    return raw(SYS_newfstatat, directory, (long)above, (long)&status, 0, 0, 0) == 0 ? status.st_ino : 0;
}

static bool creates(const struct call *call)
{
    return call->number == SYS_openat && call->argument[2] & O_CREAT;
}

void log_before(struct before *before, const struct call *call)
{
    struct stat status;

    *before = (struct before){0};
    if (call->number == SYS_write)
        before->offset = raw(SYS_lseek, call->argument[0], 0, SEEK_CUR, 0, 0, 0);
    if (creates(call))
        before->existed = look_below(call->argument[0], (const char *)call->argument[1], &status) == 0;
    if (call->number == SYS_exit_group && in_first_thread())
        note('X', (uint64_t)raw(SYS_getpid, 0, 0, 0, 0, 0, 0), (uint64_t)call->argument[0], 0, "", 0, NULL);
}

static void log_write(int fd, uint64_t offset, const void *bytes, long length)
{
    struct stat status;

    if (length <= 0 || !look(fd, &status))
        return;
    if (S_ISREG(status.st_mode))
        note('W', status.st_ino, offset, 0, bytes, (size_t)length, NULL);
    else
        note('O', (uint64_t)fd, 0, 0, bytes, (size_t)length, NULL);
}

static void log_names(char kind, long from, const char *from_path, long to, const char *to_path)
{
    const char *from_name, *to_name;
    uint64_t from_inode = parent(from, from_path, &from_name), to_inode = parent(to, to_path, &to_name);

    note(kind, from_inode, to_inode, 0, from_name, strlen(from_name), to_name);
}

static void log_made(char kind, long directory, const char *path, uint64_t inode, mode_t mode)
{
    const char *name;
    uint64_t above = parent(directory, path, &name);

    note(kind, above, mode, inode, name, strlen(name), NULL);
}

void log_after(const struct before *before, const struct call *call, long result)
{
    const long *a = call->argument;
    struct stat status;
    const char *name;

    if (result < 0)
        return;
    switch (call->number) {
    case SYS_write:
        log_write((int)a[0], (uint64_t)before->offset, (const void *)a[1], result);
        break;
    case SYS_pwrite64:
        log_write((int)a[0], (uint64_t)a[3], (const void *)a[1], result);
        break;
    case SYS_ftruncate:
        if (look((int)a[0], &status))
            note('T', status.st_ino, (uint64_t)a[1], 0, "", 0, NULL);
        break;
    case SYS_fchmod:
        if (look((int)a[0], &status))
            note('M', status.st_ino, status.st_mode & 07777, 0, "", 0, NULL);
        break;
    case SYS_fsync:
    case SYS_fdatasync:
        if (look((int)a[0], &status))
            note('S', status.st_ino, 0, 0, "", 0, NULL);
        break;
    case SYS_openat:
        if (creates(call) && !before->existed && look((int)result, &status))
            log_made('C', a[0], (const char *)a[1], status.st_ino, status.st_mode & 07777);
        break;
    case SYS_mkdirat:
        if (look_below(a[0], (const char *)a[1], &status) == 0)
            log_made('D', a[0], (const char *)a[1], status.st_ino, status.st_mode & 07777);
        break;
    case SYS_renameat:
    case SYS_renameat2:
        log_names('R', a[0], (const char *)a[1], a[2], (const char *)a[3]);
        break;
    case SYS_rename:
        log_names('R', AT_FDCWD, (const char *)a[0], AT_FDCWD, (const char *)a[1]);
        break;
    case SYS_linkat:
        log_names('L', a[0], (const char *)a[1], a[2], (const char *)a[3]);
        break;
    case SYS_unlinkat: {
        uint64_t above = parent(a[0], (const char *)a[1], &name);

        note('U', above, 0, 0, name, strlen(name), NULL);
        break;
    }
    case SYS_writev:
    case SYS_pwritev:
    case SYS_pwritev2:
    case SYS_copy_file_range:
    case SYS_sendfile:
    case SYS_truncate:
    case SYS_open:
        /* nobody does this today; who begins to must be understood here first */
        note('?', (uint64_t)call->number, 0, 0, "", 0, NULL);
        break;
    default:
        break;
    }
}
