#include "store/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "load.h"

bool read_all(int fd, char *bytes, size_t size, uint64_t offset)
{
    ssize_t got = read_at(fd, bytes, size, offset);

    if (got >= 0 && (size_t)got < size)
        errno = EIO;
    return got >= 0 && (size_t)got == size;
}

bool write_all(int fd, const char *bytes, size_t length, uint64_t offset)
{
    while (length > 0) {
        ssize_t wrote = pwrite(fd, bytes, length, (off_t)offset);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return false;
        bytes += wrote;
        length -= (size_t)wrote;
        offset += (uint64_t)wrote;
    }
    return true;
}

bool keep_room(int fd, uint64_t offset, uint64_t length)
{
    return fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length) == 0 || errno == EOPNOTSUPP;
}

/* O_PATH descriptors cannot be synced. */
bool sync_directory(int directory)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    int error = errno;

    if (fd >= 0)
        close(fd);
    errno = error;
    return synced;
}
