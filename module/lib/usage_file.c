#include "usage_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

enum {
    AHEAD_MAX = 60,      /* seconds that a clock may be set back without a time being thrown away */
    SIZE_MORE = 1 << 16, /* bytes that a file may be longer than need be, or take on its file system */
};

void usage_place(struct place *place, const char *directory, const char *domain)
{
    place->directory = directory;
    snprintf(place->name, sizeof(place->name), "%s.used", domain);
}

void usage_encode(unsigned char slot[USAGE_SLOT], uint64_t time)
{
    for (int i = 0; i < USAGE_SLOT; i++)
        slot[i] = (unsigned char)(time >> 8 * i);
}

uint64_t usage_decode(const unsigned char slot[USAGE_SLOT])
{
    uint64_t time = 0;

    for (int i = 0; i < USAGE_SLOT; i++)
        time |= (uint64_t)slot[i] << 8 * i;
    return time;
}

void usage_mark(unsigned char slot[USAGE_SLOT], const char *storeid)
{
    hex_decode(slot, storeid, USAGE_SLOT);
}

int64_t usage_believed(uint64_t time, int64_t created, int64_t now)
{
    if (now < created || time < (uint64_t)created || time > (uint64_t)now + AHEAD_MAX)
        return 0;
    return time < (uint64_t)now ? (int64_t)time : now;
}

off_t usage_size_max(uint64_t last_line)
{
    uint64_t most = (uint64_t)INT64_MAX - SIZE_MORE;

    return (off_t)(last_line < most / (2 * USAGE_SLOT) ? last_line * 2 * USAGE_SLOT : most) + SIZE_MORE;
}

/* Who has a file grow at once, by fallocate(2) or without the page cache, shows it by its blocks first. */
static bool small_enough(const struct stat *status, off_t size_max)
{
    return size_max == USAGE_ANY_SIZE || (status->st_size <= size_max && status->st_blocks <= size_max / 512);
}

static bool trusted(struct fault *fault, const struct stat *file, const struct stat *directory)
{
    unsigned mode = file->st_mode & 07777;

    if (!S_ISREG(file->st_mode))
        return fault_set(fault, "it is not a regular file: remove it");
    if (file->st_uid != 0 && file->st_uid != directory->st_uid)
        return fault_set(fault, "it belongs to uid %u, not to its directory's owner, uid %u: remove it",
                         (unsigned)file->st_uid, (unsigned)directory->st_uid);
    if (file->st_nlink > 1) /* what is written here might be meant for another file */
        return fault_set(fault, "it has another name too: remove it");
    if (mode & S_IRWXO)
        return fault_set(fault, "it can be read or written by everybody (mode %04o): chmod 0660 it", mode);
    return true;
}

static bool belongs_to(int fd, const char *storeid)
{
    unsigned char slot[USAGE_SLOT], mark[USAGE_SLOT];

    usage_mark(mark, storeid);
    return pread(fd, slot, sizeof(slot), 0) == sizeof(slot) && memcmp(slot, mark, sizeof(slot)) == 0;
}

/* errno says what was found. */
static bool suits(int fd, const char *storeid, off_t size_max, const struct stat *status,
                  const struct stat *directory, struct fault *fault)
{
    if (!trusted(fault, status, directory)) {
        errno = EPERM;
        return false;
    }
    if (!small_enough(status, size_max)) { /* before it is read: some file systems let nobody read either */
        errno = EFBIG;
        return fault_set(fault,
                         "it is far longer than its store needs: find out who writes there, remove it");
    }
    if (belongs_to(fd, storeid))
        return true;
    errno = ESTALE;
    return fault_set(fault, "it is not that of this store: `toktab create` makes another");
}

static void fault_errno(struct fault *fault)
{
    int error = errno;

    if (error == ENOENT)
        fault_set(fault, "it does not exist: `toktab create` makes it");
    else if (error == ELOOP)
        fault_set(fault, "it is a symbolic link: remove it");
    else
        fault_set(fault, "it cannot be opened: %s", strerror(error));
    errno = error;
}

static int open_below(int at, const struct place *place, int flags, struct stat *status, struct fault *fault)
{
    int fd = openat(at, place->name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd >= 0 && fstat(fd, status) == 0)
        return fd;
    fault_errno(fault);
    if (fd >= 0)
        close(fd);
    return -1;
}

int usage_open(const struct place *place, const char *storeid, off_t size_max, int flags, struct stat *status,
               struct fault *fault)
{
    struct stat directory;
    int at = place_open_directory(place, &directory, fault), fd, error;

    if (at < 0)
        return -1;
    fd = open_below(at, place, flags, status, fault);
    error = errno;
    close(at);
    if (fd >= 0 && !suits(fd, storeid, size_max, status, &directory, fault)) {
        error = errno;
        close(fd);
        fd = -1;
    }
    errno = error;
    return fd;
}
