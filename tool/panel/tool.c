#include "panel/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto.h"
#include "panel/clock.h"
#include "panel/log.h"
#include "terminal/say.h"

enum {
    WORDS_MAX = 32, /* of its command line */
    OUTPUT_MAX = 64 * 1024 * 1024,
    MESSAGES_MAX = 64 * 1024,
    READ_AT_LEAST = 4096,
};

/* What the tool writes; it may be a token. */
struct stream {
    int fd;
    char *text; /* memory for secrets, with a byte to spare */
    size_t length, size, most;
};

struct child {
    pid_t pid;
    int status;
    bool lost;                /* nobody can say how it ended */
    int signals;              /* readable when a child has ended */
    struct stream streams[2]; /* stdout, stderr */
};

static void grow(struct stream *stream)
{
    size_t size = stream->size > 0 ? 4 * stream->size : 4 * READ_AT_LEAST;
    char *text;

    if (stream->size - stream->length > READ_AT_LEAST)
        return;
    text = must_have(crypto_alloc(size));
    if (stream->text)
        memcpy(text, stream->text, stream->length);
    crypto_free(stream->text);
    stream->text = text;
    stream->size = size;
}

/* Read what is there. What is more than it may be is lost. */
static void read_available(struct stream *stream)
{
    ssize_t got = 1;

    while (stream->fd >= 0 && got > 0) {
        grow(stream);
        got = read(stream->fd, stream->text + stream->length, stream->size - stream->length - 1);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            close(stream->fd);
            stream->fd = -1;
        }
        stream->length += got > 0 ? (size_t)got : 0;
        stream->length = stream->length < stream->most ? stream->length : stream->most;
    }
}

static bool has_ended(struct child *child)
{
    struct signalfd_siginfo signal;
    pid_t ended;

    while (read(child->signals, &signal, sizeof(signal)) > 0) {
    }
    do
        ended = waitpid(child->pid, &child->status, WNOHANG);
    while (ended < 0 && errno == EINTR); /* the signal does not come again */
    child->lost = ended < 0;
    return ended != 0;
}

/* Read both streams until it has ended: a child of its own may keep them open, and it may close them before.
 * False if that takes too long. */
static bool follow(struct child *child, int64_t until)
{
    bool ended = false;

    while (!ended) {
        struct pollfd polled[3] = {{.fd = child->streams[0].fd, .events = POLLIN},
                                   {.fd = child->streams[1].fd, .events = POLLIN},
                                   {.fd = child->signals, .events = POLLIN}};
        int64_t left = until - clock_now();

        if (left <= 0 || (poll(polled, 3, (int)left) < 0 && errno != EINTR))
            return false;
        ended = has_ended(child); /* what it wrote before is read now */
        for (int i = 0; i < 2; i++)
            read_available(&child->streams[i]);
    }
    return true;
}

/* The exit status, or TOOL_UNKNOWN. */
static int wait_for(struct child *child, int64_t until)
{
    if (!follow(child, until)) {
        log_line("the tool did not end in time: killed");
        kill(child->pid, SIGKILL);
        while (waitpid(child->pid, &child->status, 0) < 0)
            if (errno != EINTR)
                return TOOL_UNKNOWN;
    }
    if (child->lost) {
        log_line("the tool has ended, and nobody knows how");
        return TOOL_UNKNOWN;
    }
    if (WIFEXITED(child->status))
        return WEXITSTATUS(child->status);
    log_line("the tool was killed by signal %d", WTERMSIG(child->status));
    return TOOL_UNKNOWN;
}

/* 0 or an errno. The socket that requests come from must not get into it. */
static int spawn(pid_t *pid, char *const argv[], int out, int err)
{
    static char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC0",
                                        NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int error;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_init(&actions);
    error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    error = error ? error : posix_spawn_file_actions_adddup2(&actions, out, 1);
    error = error ? error : posix_spawn_file_actions_adddup2(&actions, err, 2);
    error = error ? error : posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    error = error ? error : posix_spawn(pid, argv[0], &actions, &attributes, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

/* Signals of children, from now on. */
static int watch_children(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void close_all(const int fds[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* Our end of a pipe, from which reading never waits. */
static struct stream stream_of(int fd, size_t most)
{
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return (struct stream){.fd = fd, .most = most};
}

static bool start(struct child *child, char *const argv[])
{
    enum { SIGNALS, OUT, OUT_ITS, ERR, ERR_ITS, FDS };
    int fds[FDS] = {watch_children(), -1, -1, -1, -1}, error;

    if (fds[SIGNALS] < 0 || pipe2(&fds[OUT], O_CLOEXEC) < 0 || pipe2(&fds[ERR], O_CLOEXEC) < 0)
        error = errno;
    else
        error = spawn(&child->pid, argv, fds[OUT_ITS], fds[ERR_ITS]);
    if (error) {
        close_all(fds, FDS);
        errno = error;
        return false;
    }
    close(fds[OUT_ITS]);
    close(fds[ERR_ITS]);
    child->signals = fds[SIGNALS];
    child->streams[0] = stream_of(fds[OUT], OUTPUT_MAX);
    child->streams[1] = stream_of(fds[ERR], MESSAGES_MAX);
    return true;
}

/* Its first line, without the name of the tool. */
static char *first_message(const struct stream *err)
{
    static const char name[] = "toktab: ";
    const char *line = err->text ? err->text : "";

    if (strncmp(line, name, sizeof(name) - 1) == 0)
        line += sizeof(name) - 1;
    return must_have(strndup(line, strcspn(line, "\n")));
}

/* Messages with other statuses name paths and processes, which are for whoever runs the server. */
static bool is_for_user(int status)
{
    return status == STATUS_NO || status == STATUS_USAGE;
}

static void understand(struct reply *reply, const struct stream *out, const struct stream *err)
{
    json_t *json = json_loadb(out->text ? out->text : "", out->length, 0, NULL), *error;

    error = json_object_get(json, "error");
    if (is_for_user(reply->status) && json_is_string(json_object_get(error, "text"))) {
        reply->text = must_have(strdup(json_string_value(json_object_get(error, "text"))));
        if (json_is_string(json_object_get(error, "field")))
            reply->field = must_have(strdup(json_string_value(json_object_get(error, "field"))));
    } else if (is_for_user(reply->status)) {
        reply->text = first_message(err);
    } else if (reply->status != STATUS_DONE) {
        log_line("exit status %d: %s", reply->status, err->text ? err->text : "(no message)");
    } else if (!json) {
        log_line("the tool did not print JSON");
        reply->status = TOOL_UNKNOWN;
    }
    if (!error)
        reply->json = json_incref(json);
    json_decref(json);
}

int tool_run(struct reply *reply, const struct tool *tool, const char *user, const char *const arguments[],
             int64_t until)
{
    const char *argv[WORDS_MAX + 1] = {tool->path, "--as"};
    struct child child = {0};
    size_t count = 2;
    char *name = composed("web:%s", user);

    *reply = (struct reply){.status = TOOL_NOT_STARTED};
    argv[count++] = name;
    if (tool->config) {
        argv[count++] = "-c";
        argv[count++] = tool->config;
    }
    while (*arguments && count < WORDS_MAX)
        argv[count++] = *arguments++;
    if (*arguments) {
        log_line("too many arguments for the tool");
    } else if (!start(&child, (char *const *)argv)) {
        log_line("%s: cannot be run: %s", tool->path, strerror(errno));
    } else {
        reply->status = wait_for(&child, until);
        close_all((const int[]){child.signals, child.streams[0].fd, child.streams[1].fd}, 3);
        for (int i = 0; i < 2; i++)
            if (child.streams[i].text)
                child.streams[i].text[child.streams[i].length] = '\0';
        understand(reply, &child.streams[0], &child.streams[1]);
    }
    for (int i = 0; i < 2; i++)
        crypto_free(child.streams[i].text);
    free(name);
    reply->text = reply->text ? reply->text : must_have(strdup(""));
    reply->field = reply->field ? reply->field : must_have(strdup(""));
    return reply->status;
}

void reply_free(struct reply *reply)
{
    json_decref(reply->json);
    free(reply->text);
    free(reply->field);
    *reply = (struct reply){0};
}
