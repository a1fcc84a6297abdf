#include "config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trust.h"

enum { REPLACED_ROUNDS = 100 }; /* after that, the file is not being replaced but gone */

static const char byte_order_mark[] = "\xef\xbb\xbf";

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

/* Is the path, or a directory on it, a symbolic link that leads nowhere? */
static bool dangles(const char *path)
{
    char part[PATH_MAX];
    struct stat status;

    for (const char *end = path; *end != '\0';) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        snprintf(part, sizeof(part), "%.*s", (int)(end - path), path);
        if (stat(part, &status) < 0)
            return errno == ENOENT && lstat(part, &status) == 0;
    }
    return false;
}

static bool make_absolute(char absolute[PATH_MAX], const char *path)
{
    absolute[0] = '\0';
    if (path[0] != '/') {
        if (!getcwd(absolute, PATH_MAX - 1))
            return false;
        strcat(absolute, "/");
    }
    if (strlen(absolute) + strlen(path) >= PATH_MAX)
        return refuse(ENAMETOOLONG);
    strcat(absolute, path);
    return true;
}

/* Open the real path of the file, if it can be trusted: whoever can write a directory on the way can put
 * another file there. *followed: the way there led through a symbolic link. */
static int open_trusted(const char *path, struct destination *found, bool *followed, struct fault *fault)
{
    char absolute[PATH_MAX];
    struct fault why;
    bool trusted;

    *followed = false;
    if (!make_absolute(absolute, path))
        return -1;
    trusted = trust_path(found, absolute, &why);
    *followed = strncmp(found->path, absolute, strlen(found->path)) != 0;
    if (trusted)
        return open(found->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (errno == EPERM) {
        fault_set(fault, "%s: cannot be trusted: %s", path, why.text);
        errno = EPERM;
    }
    return -1;
}

/* errno ENOENT: there is no file. Only that may mean the defaults: not a symbolic link to nowhere, nor a file
 * whose directory Kubernetes replaces at this moment. */
static int open_file(const char *path, struct fault *fault)
{
    struct destination found;
    int fd, error, round = 0;
    bool followed;

    fault->text[0] = '\0';
    do
        fd = open_trusted(path, &found, &followed, fault);
    while (fd < 0 && errno == ENOENT && followed && ++round < REPLACED_ROUNDS);
    if (fd >= 0)
        return fd;
    error = errno;
    if (error == ENOENT && dangles(path)) {
        error = ELOOP;
        fault_set(fault, "%s: a symbolic link leads to %s, which does not exist", path, found.path);
    } else if (fault->text[0] == '\0') {
        fault_set(fault, "%s: cannot open it: %s", path, strerror(error));
    }
    errno = error;
    return -1;
}

/* Editors of Windows begin a file of UTF-8 with it. */
static void skip_byte_order_mark(char *text, size_t *length)
{
    size_t mark = strlen(byte_order_mark);

    if (*length >= mark && memcmp(text, byte_order_mark, mark) == 0) {
        *length -= mark;
        memmove(text, text + mark, *length);
    }
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
    if (text)
        skip_byte_order_mark(text, length);
    error = errno;
    close(fd);
    errno = error;
    return text;
}
