#include "panel/listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "panel/log.h"

static bool is_left_behind(const struct sockaddr_un *address)
{
    struct stat status;
    bool refused;
    int probe;

    if (lstat(address->sun_path, &status) < 0 || !S_ISSOCK(status.st_mode))
        return false;
    probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return false;
    refused = connect(probe, (const struct sockaddr *)address, sizeof(*address)) < 0 && errno == ECONNREFUSED;
    close(probe);
    return refused;
}

/* A socket of this address, or -1 with errno. */
static int make(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error;
    mode_t mask;

    if (fd < 0)
        return -1;
    mask = umask(0117);
    error = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 || listen(fd, SOMAXCONN) < 0
                ? errno
                : 0;
    umask(mask);
    if (!error)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

bool listener_make(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof(address.sun_path)) {
        log_line("--listen: %s: %s", path, strerror(ENAMETOOLONG));
        return false;
    }
    strcpy(address.sun_path, path);
    if (is_left_behind(&address))
        unlink(path);
    fd = make(&address);
    if (fd < 0 || dup2(fd, 0) < 0) {
        log_line("--listen: %s: %s", path, strerror(errno));
        return false;
    }
    if (fd != 0)
        close(fd);
    return true;
}

bool listener_is_there(void)
{
    int listens = 0;
    socklen_t size = sizeof(listens);

    return getsockopt(0, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens;
}
