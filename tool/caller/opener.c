#include "caller/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEND_ROOM = PATH_MAX }; /* which the kernel doubles, so that the longest name fits */

/* What carries a descriptor. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static bool send_file(int socket, const struct opened *opened)
{
    union control control = {0};
    struct iovec parts[] = {{(void *)(uintptr_t)&opened->error, sizeof(opened->error)},
                            {(void *)(uintptr_t)opened->name, strlen(opened->name) + 1}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t sent;

    if (opened->fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        memcpy(CMSG_DATA(&control.header), &opened->fd, sizeof(int));
    }
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

/* False: there is nothing to read, as in a directory, which comes before and after its files. */
static bool open_entry(struct opened *opened, const FTSENT *entry)
{
    *opened = (struct opened){.fd = -1};
    switch (entry->fts_info) {
    case FTS_F:
        opened->fd = open(entry->fts_path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
        opened->error = errno;
        break;
    case FTS_DEFAULT: /* a pipe, a device: nobody means one that lies below a directory */
        if (entry->fts_level != FTS_ROOTLEVEL)
            return false;
        opened->fd = open(entry->fts_path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
        opened->error = errno;
        break;
    case FTS_NS:
    case FTS_DNR:
    case FTS_ERR:
        opened->error = entry->fts_errno;
        break;
    case FTS_SLNONE: /* it was named: below a directory no link is followed */
        opened->error = ENOENT;
        break;
    default:
        return false;
    }
    snprintf(opened->name, sizeof(opened->name), "%s", entry->fts_path);
    return true;
}

/* Until all is sent, or nobody listens any more. Nobody waits for the end of output that this process could
 * have: a named pipe may hold it up for ever. */
static void serve(int socket, char **names)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    FTS *files = fts_open(names, FTS_COMFOLLOW | FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    struct opened opened;
    FTSENT *entry;
    bool heard = true;

    if (nowhere >= 0) {
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
    }
    while (files && heard && (entry = fts_read(files)) != NULL)
        if (open_entry(&opened, entry)) {
            heard = send_file(socket, &opened);
            if (opened.fd >= 0)
                close(opened.fd);
        }
    opened = (struct opened){.fd = -1, .error = errno}; /* fts_read() sets it to 0 behind the last one */
    send_file(socket, &opened);
    _exit(0);
}

/* The process that serves is nobody's child: this one may become sudo, which expects no other child. */
bool opener_begin(struct opener *opener, char **names)
{
    int sockets[2], room = SEND_ROOM, status = 0;
    pid_t child;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
        return false;
    /* few files wait in the socket: those of all the user's processes together may not be more than
     * RLIMIT_NOFILE */
    setsockopt(sockets[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    child = fork();
    if (child == 0) {
        close(sockets[0]);
        child = fork();
        if (child == 0)
            serve(sockets[1], names);
        _exit(child < 0 ? errno : 0);
    }
    close(sockets[1]);
    *opener = (struct opener){.socket = sockets[0]};
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (child > 0 && status == 0)
        return true;
    if (child > 0)
        errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
    status = errno;
    close(sockets[0]);
    errno = status;
    return false;
}

bool opener_next(struct opener *opener, struct opened *opened)
{
    union control control = {0};
    struct iovec parts[] = {{&opened->error, sizeof(opened->error)}, {opened->name, sizeof(opened->name)}};
    struct msghdr message = {
        .msg_iov = parts, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof(control)};
    ssize_t got;

    do
        got = recvmsg(opener->socket, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got <= (ssize_t)sizeof(opened->error)) {
        opener->error = got < 0 ? errno : EPIPE; /* without a last message: the other process was killed */
        return false;
    }
    if (opened->name[0] == '\0') {
        opener->error = opened->error;
        return false;
    }
    opened->fd = -1;
    if (message.msg_controllen >= CMSG_LEN(sizeof(int)) && control.header.cmsg_type == SCM_RIGHTS)
        memcpy(&opened->fd, CMSG_DATA(&control.header), sizeof(int));
    return true;
}

void opener_end(struct opener *opener)
{
    close(opener->socket);
}
