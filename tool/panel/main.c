/* toktab-panel: a page for domain admins, as a FastCGI program. One process, one request at a time. */
#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "crypto.h"
#include "panel/clock.h"
#include "panel/files.h"
#include "panel/listener.h"
#include "panel/log.h"
#include "panel/serve.h"
#include "terminal/say.h"
#include "terminal/secret.h"

static const char help[] =
    "Usage: toktab-panel [--listen PATH] [--prefix PATH] [--origin URL]\n"
    "                    [--tool PATH] [--config FILE]\n"
    "\n"
    "Lets domain admins create, list, rotate and revoke tokens in a browser. A FastCGI\n"
    "program for nginx, which says who the user is. Its socket is standard input.\n"
    "\n"
    "      --listen PATH   make a socket there instead\n"
    "      --prefix PATH   what the path of each page begins with: /tokens\n"
    "      --origin URL    where browsers find it: https://tokens.example.com;\n"
    "                      by default as nginx says (PANEL_SELF)\n"
    "      --tool PATH     the tool (default: " TOKTAB_BINDIR "/toktab)\n"
    "  -c, --config FILE   for the tool\n"
    "      --version       print the version\n"
    "\n"
    "See toktab-panel(8).\n";

/* ---- connections ---- */

enum { SHORTAGE_PAUSE = 100 }; /* milliseconds */

/* Readable when it shall end. These signals come in no other way: a request in hand is answered. */
static int watch_for_end(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* For want of descriptors or memory, which other programs may be using up: it will pass. */
static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

/* The next one; -1: it shall end, or if errno is not 0, none can be accepted. A client that does not go on
 * must not hold up the others for ever, nor the end. In a shortage clients wait, which is logged once. */
static int next_connection(int end)
{
    static const struct timeval patience = {5, 0};
    struct pollfd polled[2] = {{.fd = 0, .events = POLLIN}, {.fd = end, .events = POLLIN}};
    bool short_of = false;
    int fd;

    for (;;) {
        errno = 0;
        if (poll(polled, 2, -1) > 0 && polled[1].revents != 0)
            return -1;
        fd = accept4(0, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            break;
        if (is_shortage(errno)) {
            if (!short_of)
                log_line("no connection can be accepted: %s: trying again until one can", strerror(errno));
            short_of = true;
            poll(&polled[1], 1, SHORTAGE_PAUSE);
        } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            return -1;
        }
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    return fd;
}

/* Read the parameters of its request. Takes the connection. Not by libfcgi's own accept, which would go on to
 * the next connection where this one breaks, and lose it to a signal. */
static bool take_request(FCGX_Request *request, int connection)
{
    FCGX_InitRequest(request, -1, 0);
    request->ipcFd = connection;
    request->keepConnection = 1; /* first it finishes the request before, of which there is none */
    return FCGX_Accept_r(request) == 0;
}

/* ---- requests ---- */

static void read_body(struct asked *asked, FCGX_Stream *in)
{
    size_t length = asked_length(asked);
    int got;

    asked->body_too_long = length > BODY_MAX;
    if (asked->body_too_long || !asked->method || strcmp(asked->method, "POST") != 0)
        return;
    got = FCGX_GetStr(asked->body, (int)length, in);
    asked->body_length = got > 0 ? (size_t)got : 0;
    asked->body_cut = asked->body_length != length;
}

/* The web server gives up after a while, and the request may have waited as long for others: nobody would see
 * a token that is made now. */
static bool is_abandoned(const FCGX_Request *request)
{
    struct pollfd peer = {.fd = request->ipcFd};

    return poll(&peer, 1, 0) > 0;
}

/* libfcgi keeps the last 8 KiB, in which there may be a token, also of an answer that nobody took. start:
 * where they began. */
static void wipe_stream(FCGX_Stream *out, unsigned char *start)
{
    FCGX_FFlush(out);
    if (out->stop > start)
        crypto_wipe(start, (size_t)(out->stop - start));
}

/* What a client put into its address, and nothing reads any more. */
static void wipe_parameters(char **parameters)
{
    for (; *parameters; parameters++)
        crypto_wipe(*parameters, strlen(*parameters));
}

static void answer_request(FCGX_Request *request, struct panel *panel)
{
    static char body[BODY_MAX + 1];
    struct asked asked = {.body = body};
    struct answer answer = {0};
    struct page headers = {0};
    unsigned char *start = request->out->wrNext;

    asked_read(&asked, request->envp);
    read_body(&asked, request->in);
    serve(&answer, panel, &asked, (int64_t)time(NULL), clock_now());
    answer_headers(&headers, &answer);
    FCGX_PutStr(headers.text, (int)headers.length, request->out);
    if (answer.page.length > 0)
        FCGX_PutStr(answer.page.text, (int)answer.page.length, request->out);
    wipe_stream(request->out, start);
    page_free(&headers);
    answer_free(&answer);
    crypto_wipe(body, sizeof(body)); /* somebody may have pasted a token */
}

static int answer_requests(struct panel *panel)
{
    FCGX_Request request;
    int end = watch_for_end(), connection;

    signal(SIGCHLD, SIG_DFL); /* ignored, as some starters leave it, it hides how the tool ended */
    fcntl(0, F_SETFL, O_NONBLOCK);
    if (end < 0 || FCGX_Init() != 0) {
        log_line("cannot start: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    while ((connection = next_connection(end)) >= 0) {
        if (take_request(&request, connection)) {
            request.keepConnection = 0; /* a connection that is kept would hold up all others */
            if (!is_abandoned(&request))
                answer_request(&request, panel);
            wipe_parameters(request.envp);
            FCGX_Finish_r(&request);
        }
        crypto_wipe_stack(); /* also of what libfcgi has read and thrown away */
    }
    if (errno == 0)
        return EXIT_SUCCESS;
    log_line("no connection can be accepted: %s", strerror(errno));
    return EXIT_FAILURE;
}

/* ---- options ---- */

enum { OPTION_LISTEN = 256, OPTION_PREFIX, OPTION_ORIGIN, OPTION_TOOL, OPTION_VERSION };

static const struct option longs[] = {
    {"listen", required_argument, NULL, OPTION_LISTEN}, {"prefix", required_argument, NULL, OPTION_PREFIX},
    {"origin", required_argument, NULL, OPTION_ORIGIN}, {"tool", required_argument, NULL, OPTION_TOOL},
    {"config", required_argument, NULL, 'c'},           {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPTION_VERSION},     {0}};

static bool prefix_valid(const char *prefix)
{
    size_t length = strlen(prefix);

    return length == 0 ||
           (prefix[0] == '/' && prefix[length - 1] != '/' && !strstr(prefix, "//") &&
            strspn(prefix, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/") == length);
}

/* As browsers write it: with a path, or a slash at its end, it would be equal to none. */
static bool origin_valid(const char *origin)
{
    const char *host = strstr(origin, "://");

    return host && (strncmp(origin, "https:", 6) == 0 || strncmp(origin, "http:", 5) == 0) &&
           host[3] != '\0' && host[3 + strcspn(host + 3, "/?# ")] == '\0';
}

/* What is wrong with the options, or NULL. */
static const char *trouble_with(const struct panel *panel)
{
    if (!prefix_valid(panel->prefix))
        return "--prefix: begin with a slash, and end without one: /tokens";
    if (panel->origin && !origin_valid(panel->origin))
        return "--origin: a scheme and a host, without a path: https://tokens.example.com";
    return NULL;
}

/* -1: go on; else the exit status. */
static int take_options(int argc, char **argv, struct panel *panel, const char **listens)
{
    const char *trouble;
    int option;

    while ((option = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
        switch (option) {
        case OPTION_LISTEN:
            *listens = optarg;
            break;
        case OPTION_PREFIX:
            panel->prefix = optarg;
            break;
        case OPTION_ORIGIN:
            panel->origin = optarg;
            break;
        case OPTION_TOOL:
            panel->tool.path = optarg;
            break;
        case 'c':
            panel->tool.config = optarg;
            break;
        case OPTION_VERSION:
            puts("toktab-panel " TOKTAB_VERSION);
            return EXIT_SUCCESS;
        case 'h':
            fputs(help, stdout);
            return EXIT_SUCCESS;
        default:
            return STATUS_USAGE;
        }
    }
    trouble = optind < argc ? "unexpected argument (see toktab-panel --help)" : trouble_with(panel);
    if (!trouble)
        return -1;
    log_line("%s", trouble);
    return STATUS_USAGE;
}

static void end_without_randomness(void)
{
    log_line("libsodium: the source of randomness failed");
    exit(STATUS_MISSING);
}

int main(int argc, char **argv)
{
    static struct panel panel = {.tool = {.path = TOKTAB_BINDIR "/toktab"}, .prefix = ""};
    const char *listens = NULL;
    int status;

    say_as("toktab-panel");
    secret_protect();
    /* glibc then overwrites larger blocks when they are freed: libfcgi's buffers hold what a client sent */
    mallopt(M_PERTURB, 0xff);
    status = take_options(argc, argv, &panel, &listens);
    if (status >= 0)
        return status;
    crypto_on_failure(end_without_randomness);
    if (crypto_start() < 0) {
        log_line("libsodium: no source of randomness");
        return STATUS_MISSING;
    }
    secret_wipe_json();
    files_start();
    nonces_start(&panel.nonces);
    if (listens && !listener_make(listens))
        return STATUS_CANNOT_CREATE;
    if (!listener_is_there()) {
        log_line(
            "standard input is not a socket that listens: start it by toktab-panel.socket, or use --listen");
        return STATUS_USAGE;
    }
    return answer_requests(&panel);
}
