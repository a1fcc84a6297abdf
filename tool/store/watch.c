#include "store/watch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "clock.h"

enum { LOOK_EVERY = 20 }; /* milliseconds, without inotify */

int watch_file(int fd)
{
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (watch < 0 ||
        inotify_add_watch(watch, path, IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF) >= 0)
        return watch;
    close(watch);
    return -1;
}

bool watch_wait(int watch, int input, int64_t until)
{
    struct pollfd fds[] = {{.fd = input, .events = POLLIN}, {.fd = watch, .events = POLLIN}};
    int64_t left = (until - clock_now()) / MILLISECOND + 1;
    char bytes[4096];
    ssize_t got;

    left = left < 0 ? 0 : left;
    if (watch < 0 && left > LOOK_EVERY)
        left = LOOK_EVERY;
    if (poll(fds, 2, (int)left) <= 0)
        return true;
    if (fds[1].revents)
        while (read(watch, bytes, sizeof(bytes)) > 0)
            continue;
    if (!fds[0].revents)
        return true;
    got = read(input, bytes, sizeof(bytes));
    return got > 0 || (got < 0 && errno == EINTR);
}
