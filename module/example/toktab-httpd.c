/*
 * How a daemon uses toktab: a small HTTP/1.1 server with threads, on loopback, which says whose token came in
 * "Authorization: Bearer TOKEN". Copy from it: the calls of toktab come first, the rest is HTTP.
 *
 *     cc -pthread -o toktab-httpd toktab-httpd.c $(pkg-config --cflags --libs toktab)
 *     cc -pthread -o toktab-httpd toktab-httpd.c toktab-dlopen.c $(pkg-config --cflags toktab) -ldl
 *
 * The second asks for the library only when it runs.
 *
 *     toktab-httpd PORT [CONFIG [DOMAIN [SCOPES]]]      PORT 0: any that is free
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <toktab.h>
#include <unistd.h>

enum {
    THREADS = 16,    /* clients at once */
    PATIENCE = 5000, /* milliseconds for a request, so that a slow client does not keep its thread */
    REQUESTS = 100,  /* on one connection, so that no client waits for ever */
    HEAD_SIZE = 8192,
};

static struct toktab *table; /* one for all threads */
static const char *domain, *scopes;
static int listener, stopping[2]; /* stopping: a pipe; closing it tells the threads to end */

/* ---- toktab ---- */

static void log_message(void *context, int priority, const char *message)
{
    (void)context;
    fprintf(stderr, "<%d>toktab: %s\n", priority, message); /* the format of sd-daemon(3) */
}

/* Check the request before serving clients: a mistyped name should end the program, not every request. */
static void open_table(const char *config)
{
    struct toktab_options options = {.size = sizeof(options), .config = config, .log = log_message};
    struct toktab_request request = {.size = sizeof(request), .domain = domain, .scopes = scopes};
    char error[512];

    table = toktab_open(&options, error, sizeof(error));
    if (!table || toktab_check_request(table, &request, error, sizeof(error)) < 0)
        errx(1, "%s", error);
}

/* The status line and header of an answer. Admit only TOKTAB_ALLOW, whatever later versions may answer. */
static const char *ask_toktab(const char *token, size_t length, const struct sockaddr *client,
                              struct toktab_result *result)
{
    struct toktab_request request = {
        .size = sizeof(request), .domain = domain, .scopes = scopes, .client = client};

    switch (toktab_verify(table, token, length, &request, result)) {
    case TOKTAB_ALLOW:
        return "200 OK";
    case TOKTAB_DENY:
        if (result->reason == TOKTAB_REASON_SCOPE)
            return "403 Forbidden\r\nWWW-Authenticate: Bearer error=\"insufficient_scope\"";
        return "401 Unauthorized\r\nWWW-Authenticate: Bearer error=\"invalid_token\"";
    case TOKTAB_ERROR: /* the library has told log_message() why */
    default:
        return "503 Service Unavailable";
    }
}

/* ---- HTTP ---- */

struct request {
    const char *token; /* NULL: none */
    size_t token_length;
    unsigned authorizations;
    bool is_get, last; /* last: the connection ends after it */
};

/* Take one header field. False: it is bad, or this server and another one might read it differently: folded
 * lines, a space before the colon, a body. */
static bool take_field(struct request *request, char *line)
{
    char *value = strchr(line, ':'), *end = line + strlen(line);

    if (!value || value == line || strcspn(line, " \t") < (size_t)(value - line))
        return false;
    *value++ = '\0';
    value += strspn(value, " \t");
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';
    if (strcasecmp(line, "Transfer-Encoding") == 0)
        return false;
    if (strcasecmp(line, "Content-Length") == 0)
        return strcmp(value, "0") == 0;
    if (strcasecmp(line, "Connection") == 0 && strcasecmp(value, "keep-alive") != 0)
        request->last = true;
    if (strcasecmp(line, "Authorization") == 0) {
        request->authorizations++;
        if (strncasecmp(value, "Bearer ", 7) == 0) {
            request->token = value + 7 + strspn(value + 7, " ");
            request->token_length = (size_t)(end - request->token);
        }
    }
    return true;
}

/* Parse the lines of a head, each with its CR LF, without the empty line. False: refuse the request. Two
 * tokens are refused, because the server must not guess which one counts. */
static bool parse(struct request *request, char *line, const char *end)
{
    char *space, *next;

    memset(request, 0, sizeof(*request));
    for (bool first = true; line < end; line = next, first = false) {
        next = memmem(line, (size_t)(end - line), "\r\n", 2);
        *next = '\0';
        next += 2;
        if (line + strlen(line) + 2 != next || strpbrk(line, "\r\n")) /* a NUL, or a lone CR or LF */
            return false;
        if (!first && !take_field(request, line))
            return false;
        if (!first)
            continue;
        space = strrchr(line, ' ');
        if (!space || (strcmp(space, " HTTP/1.1") != 0 && strcmp(space, " HTTP/1.0") != 0))
            return false;
        request->last = space[8] == '0';
        request->is_get = strncmp(line, "GET /", 5) == 0;
    }
    return request->authorizations <= 1;
}

/* Does not wait: if the answer does not fit into the socket's buffer, the client does not read. */
static bool answer(int fd, const char *status, const char *body, bool last)
{
    char text[2 * TOKTAB_TEXT_SIZE];
    int length = snprintf(text, sizeof(text),
                          "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
                          "Cache-Control: no-store\r\nConnection: %s\r\n\r\n%s\n",
                          status, strlen(body) + 1, last ? "close" : "keep-alive", body);

    return send(fd, text, (size_t)length, MSG_DONTWAIT) == length && !last;
}

/* Answer the request with this head. Returns whether the connection stays open. */
static bool serve(int fd, char *head, size_t length, const struct sockaddr *client, bool last)
{
    struct request request;
    struct toktab_result result = {.size = sizeof(result)};
    const char *status;

    if (!parse(&request, head, head + length))
        return answer(fd, "400 Bad Request", "this request is malformed or not supported", true);
    last = last || request.last;
    if (!request.is_get)
        return answer(fd, "405 Method Not Allowed\r\nAllow: GET", "only GET is allowed", last);
    if (!request.token)
        return answer(fd, "401 Unauthorized\r\nWWW-Authenticate: Bearer", "a token is required", last);
    status = ask_toktab(request.token, request.token_length, client, &result);
    fprintf(stderr, "%.3s %s %s\n", status, toktab_reason_name(result.reason), result.id);
    return answer(fd, status, result.verdict == TOKTAB_ALLOW ? result.label : "no", last);
}

static long long milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Wait for something to read; until: when to give up, -1: never. False: nothing came, or the server ends. */
static bool wait_for(int fd, long long until)
{
    struct pollfd polled[] = {{.fd = fd, .events = POLLIN}, {.fd = stopping[0]}};
    long long rest;

    do
        rest = until < 0 ? -1 : until - milliseconds();
    while ((until < 0 || rest > 0) && poll(polled, 2, (int)rest) < 0 && errno == EINTR);
    return polled[0].revents && !polled[1].revents;
}

/* head holds a client's token no longer than the request lasts. */
static void serve_client(int fd, const struct sockaddr *client)
{
    char head[HEAD_SIZE];
    size_t length = 0;
    long long until = 0;
    bool goes_on = true;

    for (int i = 1; goes_on && i <= REQUESTS; i++) {
        char *end;
        ssize_t got = 1;

        until = milliseconds() + PATIENCE;
        while (!(end = memmem(head, length, "\r\n\r\n", 4)) && length < sizeof(head) && got > 0) {
            got = wait_for(fd, until) ? recv(fd, head + length, sizeof(head) - length, MSG_DONTWAIT) : 0;
            length += got > 0 ? (size_t)got : 0;
        }
        goes_on = false;
        if (end) {
            goes_on = serve(fd, head, (size_t)(end + 2 - head), client, i == REQUESTS);
            end += 4;
            length -= (size_t)(end - head);
            memmove(head, end, length); /* the start of the next request */
            explicit_bzero(head + length, sizeof(head) - length);
        } else if (length == sizeof(head)) {
            answer(fd, "431 Request Header Fields Too Large", "too long", true);
        }
    }
    shutdown(fd, SHUT_WR); /* unread input would make close() discard the last answer */
    while (wait_for(fd, until) && recv(fd, head, sizeof(head), MSG_DONTWAIT) > 0)
        ;
    explicit_bzero(head, sizeof(head));
}

static void *serve_clients(void *unused)
{
    struct sockaddr_storage client;

    while (wait_for(listener, -1)) {
        socklen_t size = sizeof(client);
        int fd = accept4(listener, (struct sockaddr *)&client, &size, SOCK_CLOEXEC);

        if (fd >= 0) {
            serve_client(fd, (const struct sockaddr *)&client);
            close(fd);
        } else if (errno != EAGAIN) {
            poll(NULL, 0, 100); /* no descriptor left: wait until one is free */
        }
    }
    return unused;
}

static uint16_t port_of(const char *text)
{
    char *end;
    long port = strtol(text, &end, 10);

    if (end == text || *end != '\0' || port < 0 || port > 65535)
        errx(2, "%s: not a port number", text);
    return (uint16_t)port;
}

static void start_listening(const char *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port_of(port))};
    socklen_t size = sizeof(address);

    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
        bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 128) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        err(1, "port %s", port);
    printf("http://127.0.0.1:%u/\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
}

int main(int count, char *arguments[])
{
    pthread_t threads[THREADS];
    sigset_t ending;
    int signal_number;

    if (count < 2 || count > 5)
        errx(2, "usage: toktab-httpd PORT [CONFIG [DOMAIN [SCOPES]]]");
    domain = count > 3 ? arguments[3] : NULL;
    scopes = count > 4 ? arguments[4] : NULL;
    open_table(count > 2 ? arguments[2] : NULL);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ending, NULL); /* in all threads: main waits for these signals */
    if (pipe(stopping) < 0)
        err(1, "pipe");
    start_listening(arguments[1]);
    for (int i = 0; i < THREADS; i++)
        if ((errno = pthread_create(&threads[i], NULL, serve_clients, NULL)) != 0)
            err(1, "thread");
    sigwait(&ending, &signal_number);
    close(stopping[1]); /* current requests are still answered */
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    toktab_close(table);
    return 0;
}
