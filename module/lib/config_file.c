#include "config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns false, like fault_set(), and sets errno. */
static bool refuse(int error)
{
    errno = error;
    return false;
}

static bool trusted(const char *path, int fd, struct fault *fault)
{
    struct stat status;

    if (fstat(fd, &status) < 0) {
        int error = errno;

        fault_set(fault, "%s: %s", path, strerror(error));
        return refuse(error);
    }
    if (!S_ISREG(status.st_mode)) {
        fault_set(fault, "%s: not a regular file", path);
        return refuse(EPERM);
    }
    if (status.st_mode & S_IWOTH) {
        fault_set(fault, "%s: writable by everybody (mode %04o): chmod o-w it", path,
                  (unsigned)(status.st_mode & 07777));
        return refuse(EPERM);
    }
    return true;
}

/* Read the whole file into text, which has room for CONFIG_SIZE_MAX + 1 bytes. */
static bool read_all(const char *path, int fd, char *text, size_t *length, struct fault *fault)
{
    ssize_t got = 1;

    for (*length = 0; *length <= CONFIG_SIZE_MAX && got > 0; *length += (size_t)(got > 0 ? got : 0))
        do
            got = read(fd, text + *length, CONFIG_SIZE_MAX + 1 - *length);
        while (got < 0 && errno == EINTR);
    if (got < 0) {
        int error = errno;

        fault_set(fault, "%s: cannot read it: %s", path, strerror(error));
        return refuse(error);
    }
    if (*length > CONFIG_SIZE_MAX) {
        fault_set(fault, "%s: larger than 64 KiB", path);
        return refuse(EINVAL);
    }
    return true;
}

static int open_file(const char *path, struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), error = errno;

    if (fd < 0 && error == ELOOP)
        fault_set(fault, "%s: symbolic links are not followed: name the file itself", path);
    else if (fd < 0)
        fault_set(fault, "%s: cannot open it: %s", path, strerror(error));
    errno = error;
    return fd;
}

char *config_file_read(const char *path, size_t more, size_t *length, struct fault *fault)
{
    int fd = open_file(path, fault), error;
    char *text;

    if (fd < 0)
        return NULL;
    text = malloc(CONFIG_SIZE_MAX + 1 + more);
    if (!text)
        fault_set(fault, "%s: out of memory", path);
    if (text && (!trusted(path, fd, fault) || !read_all(path, fd, text, length, fault))) {
        error = errno;
        free(text);
        text = NULL;
        errno = error;
    }
    error = errno;
    close(fd);
    errno = error;
    return text;
}
