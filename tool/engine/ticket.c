#include "engine/ticket.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void ticket_read(const char *path, char *token, size_t size)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat status;
    ssize_t got = -1;

    if (fd >= 0) {
        if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
            (status.st_mode & 077) == 0)
            got = read(fd, token, size - 1);
        close(fd);
    }
    token[got > 0 ? got : 0] = '\0';
    token[strcspn(token, "\r\n")] = '\0'; /* it becomes a header's value */
}

void ticket_keep(const char *path, const char *token)
{
    size_t length = strlen(token);
    char new[PATH_MAX];
    bool good;
    int fd;

    snprintf(new, sizeof(new), "%s.%ld", path, (long)getpid());
    unlink(new); /* of a program that was killed, and had this number */
    fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    good = write(fd, token, length) == (ssize_t)length;
    close(fd);
    if (!good || rename(new, path) < 0)
        unlink(new);
}
