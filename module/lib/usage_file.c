#include "usage_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

enum { AHEAD_MAX = 60 }; /* seconds that a clock may be set back before a time is rejected */

off_t usage_offset(uint64_t serial)
{
    if (serial > (uint64_t)(INT64_MAX - USAGE_HEAD) / USAGE_SLOT)
        return -1;
    return USAGE_ID + (off_t)serial * USAGE_SLOT;
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

void usage_head(unsigned char head[USAGE_HEAD], const char *storeid, uint64_t began)
{
    hex_decode(head, storeid, USAGE_ID);
    usage_encode(head + USAGE_ID, began);
}

int64_t usage_believed(uint64_t time, int64_t created, int64_t now)
{
    if (now < created || time < (uint64_t)created || time > (uint64_t)now + AHEAD_MAX)
        return 0;
    return time < (uint64_t)now ? (int64_t)time : now;
}

/* False with errno EPERM. */
static bool trusted(const struct stat *file, uid_t owner, struct fault *fault)
{
    errno = EPERM;
    if (!S_ISREG(file->st_mode))
        return fault_set(fault, "not a regular file: remove it");
    if (file->st_uid != owner)
        return fault_set(fault, "owned by uid %u: remove it", (unsigned)file->st_uid);
    if (file->st_nlink != 1) /* a write here would change another file of the host */
        return fault_set(fault, "more than one hard link: remove it");
    return true;
}

int usage_open(int directory, const char *name, uid_t owner, int flags, struct fault *fault)
{
    struct stat status;
    int fd = openat(directory, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640), error;

    if (fd >= 0 && fstat(fd, &status) == 0 && trusted(&status, owner, fault))
        return fd;
    error = errno;
    if (error == ELOOP)
        fault_set(fault, "this is a symbolic link: remove it");
    else if (fd < 0 || error != EPERM)
        fault_set(fault, "cannot open it: %s", strerror(error));
    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}
