/*
 * bench-paced PORT LINES COMMAND...: how long requests to an nginx on that port take while a command runs,
 * and a little longer. Each carries another line of the file in its Authorization. Prints the microseconds of
 * the 99th percentile and of the slowest one, behind what the command prints.
 *
 * A request is due each half millisecond, whether or not those before it have been answered. If it waits for
 * a connection, its time runs from then: so a worker that stands still makes all requests late that fall into
 * that time, as those of real clients are. Otherwise it runs from when the request was sent. It ends when the
 * kernel got the answer: how long this program itself waits for a processor does not count.
 */
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "measure.h"

enum {
    CONNECTIONS = 100,
    EACH = 500000,     /* nanoseconds from one request to the next */
    AFTER = 200000000, /* nanoseconds for which requests go on when the command has ended */
    REQUEST_MOST = 600,
    ANSWER_MOST = 4096,
};

struct connection {
    uint64_t since; /* when the time of its request began; 0: it has none */
    size_t got;     /* bytes of the answer */
    char answer[ANSWER_MOST];
};

struct load {
    struct pollfd sockets[CONNECTIONS];
    struct connection connections[CONNECTIONS];
    struct bytes lines; /* of the Authorization */
    size_t line;        /* the next one */
    uint64_t due;       /* the next request */
    bool late;          /* has it waited for a connection? */
    double *times;      /* of those that were answered */
    size_t count, room;
};

/* The clock by which the kernel says when something was received. */
static uint64_t real_nanoseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int connect_to(uint16_t port)
{
    const int yes = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "connecting");
    must(setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof(yes)) == 0, "SO_TIMESTAMPNS");
    return fd;
}

static void send_request(struct load *load, size_t i, uint64_t now)
{
    const char *line = load->lines.at + load->line;
    const char *end = memchr(line, '\n', load->lines.length - load->line);
    char text[REQUEST_MOST];
    int length =
        snprintf(text, sizeof(text), "GET /page HTTP/1.1\r\nHost: bench\r\nAuthorization: %.*s\r\n\r\n",
                 (int)(end - line), line);

    must(end && (size_t)length < sizeof(text), "a request");
    load->line = (size_t)(end + 1 - load->lines.at) % load->lines.length;
    load->connections[i].since = load->late ? load->due : now;
    load->connections[i].got = 0;
    load->due += EACH;
    must(send(load->sockets[i].fd, text, (size_t)length, 0) == length, "sending");
}

/* Is the answer there with its body? */
static bool is_whole(const char *answer)
{
    static const char field[] = "\r\nContent-Length: ";
    const char *length = strstr(answer, field), *body = strstr(answer, "\r\n\r\n");

    return body && length && strlen(body + 4) >= strtoul(length + strlen(field), NULL, 10);
}

/* The kernel may begin to note the time only some packets after it was told to. */
static uint64_t received_at(struct msghdr *message)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    struct timespec at;

    if (!header || header->cmsg_type != SCM_TIMESTAMPNS)
        return real_nanoseconds();
    memcpy(&at, CMSG_DATA(header), sizeof(at));
    return (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;
}

static void receive(struct load *load, size_t i)
{
    struct connection *connection = &load->connections[i];
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec rest = {connection->answer + connection->got, ANSWER_MOST - 1 - connection->got};
    struct msghdr message = {
        .msg_iov = &rest, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    ssize_t got = recvmsg(load->sockets[i].fd, &message, 0);

    must(got > 0, "receiving");
    connection->got += (size_t)got;
    connection->answer[connection->got] = '\0';
    if (!is_whole(connection->answer))
        return;
    must(strncmp(connection->answer, "HTTP/1.1 200 ", 13) == 0, connection->answer);
    if (load->count == load->room) {
        load->room = 2 * load->room + 1024;
        load->times = reallocarray(load->times, load->room, sizeof(*load->times));
        must(load->times, "memory");
    }
    load->times[load->count++] = (double)(received_at(&message) - connection->since) / 1000;
    connection->since = 0;
}

/* Send what is due, and receive what comes until the next one is. */
static void go_on(struct load *load)
{
    struct timespec wait = {.tv_nsec = EACH};
    uint64_t now = real_nanoseconds();

    for (size_t i = 0; i < CONNECTIONS && load->due <= now; i++)
        if (load->connections[i].since == 0)
            send_request(load, i, real_nanoseconds());
    load->late = load->due <= now;
    if (load->due > now && load->due - now < EACH)
        wait.tv_nsec = (long)(load->due - now);
    must(ppoll(load->sockets, CONNECTIONS, &wait, NULL) >= 0, "waiting");
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (load->sockets[i].revents)
            receive(load, i);
}

static bool is_answered(const struct load *load)
{
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (load->connections[i].since > 0)
            return false;
    return true;
}

/* While the command runs, and as long after it as a worker may need that reads what it wrote. */
static void run_beside(struct load *load, char **command)
{
    uint64_t ended = 0;
    int status = 0;
    pid_t pid;

    must(posix_spawnp(&pid, command[0], NULL, NULL, command, environ) == 0, command[0]);
    load->due = real_nanoseconds();
    while (ended == 0 || load->due < ended + AFTER) {
        go_on(load);
        if (ended == 0 && waitpid(pid, &status, WNOHANG) != 0)
            ended = real_nanoseconds();
    }
    must(status == 0, command[0]);
    load->due = UINT64_MAX;
    while (!is_answered(load))
        go_on(load);
}

int main(int count, char **arguments)
{
    static struct load load;

    must(count > 3, "usage: bench-paced PORT LINES COMMAND...");
    load.lines = read_file("/", arguments[2]);
    for (size_t i = 0; i < CONNECTIONS; i++)
        load.sockets[i] = (struct pollfd){connect_to((uint16_t)number_of(arguments[1])), POLLIN, 0};
    run_beside(&load, arguments + 3);
    median(load.times, load.count); /* which sorts them */
    printf("%.0f %.0f %zu\n", load.times[load.count * 99 / 100], load.times[load.count - 1], load.count);
    return 0;
}
