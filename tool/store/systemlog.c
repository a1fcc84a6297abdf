#include "store/systemlog.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

void systemlog_begin(struct systemlog *log)
{
    *log = (struct systemlog){.fd = -1};
}

void systemlog_end(struct systemlog *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

/* False with errno. */
static bool connect_to(struct systemlog *log, int type)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = _PATH_LOG};

    systemlog_end(log);
    log->stream = type == SOCK_STREAM;
    log->fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return log->fd >= 0 && connect(log->fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
}

/* errno: the log, or this machine, has no room at the moment. */
static bool is_busy(void)
{
    return errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM;
}

/* False, with errno as it was, if it would not help or the time is over. */
static bool wait_for_room(int64_t until)
{
    const int why = errno;

    if (is_busy() && clock_now() < until) {
        nanosleep(&(struct timespec){.tv_nsec = MILLISECOND}, NULL);
        return true;
    }
    errno = why;
    return false;
}

/* Like send(2). In a stream a NUL ends each line. */
static ssize_t send_line(const struct systemlog *log, int priority, const char *first, const char *text)
{
    time_t now = time(NULL);
    char head[64], stamp[32];
    struct tm local;

    if (!localtime_r(&now, &local) || strftime(stamp, sizeof(stamp), "%b %e %T", &local) == 0)
        strcpy(stamp, "Jan  1 00:00:00");
    snprintf(head, sizeof(head), "<%d>%s toktab[%d]: ", LOG_AUTHPRIV | priority, stamp, (int)getpid());
    return sendmsg(log->fd,
                   &(struct msghdr){.msg_iov = (struct iovec[]){{head, strlen(head)},
                                                                {(void *)first, strlen(first)},
                                                                {(void *)text, strlen(text) + log->stream}},
                                    .msg_iovlen = 3},
                   MSG_NOSIGNAL);
}

/* False with errno. */
static bool open_in_time(struct systemlog *log, int64_t until)
{
    while (!connect_to(log, SOCK_DGRAM) && !(errno == EPROTOTYPE && connect_to(log, SOCK_STREAM)))
        if (!wait_for_room(until))
            return false;
    return true;
}

/* False with errno. */
static bool send_in_time(const struct systemlog *log, int priority, const char *first, const char *text,
                         int64_t until)
{
    while (send_line(log, priority, first, text) < 0)
        if (!wait_for_room(until))
            return false;
    return true;
}

enum written systemlog_line(struct systemlog *log, int priority, const char *first, const char *text,
                            int64_t until)
{
    bool was_open = log->fd >= 0, sent = was_open && send_in_time(log, priority, first, text, until);

    if (!sent && (!was_open || !is_busy())) /* its reader may have been started anew since the last line */
        sent = open_in_time(log, until) && send_in_time(log, priority, first, text, until);
    if (sent)
        return WRITTEN;
    return errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR ? WRITTEN_NOWHERE : WRITTEN_FAILED;
}
