#include "panel/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crypto.h"
#include "panel/log.h"
#include "terminal/say.h"

enum {
    ARGUMENTS_MAX = 300,
    TIME_LIMIT = 45 * 1000, /* ms; it waits up to 10 s for the lock, and nginx waits 60 s for us */
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

/* False for more than it may be. */
static bool read_some(struct stream *stream)
{
    ssize_t got;

    grow(stream);
    got = read(stream->fd, stream->text + stream->length, stream->size - stream->length - 1);
    if (got < 0 && errno == EINTR)
        return true;
    if (got <= 0) {
        close(stream->fd);
        stream->fd = -1;
        return true;
    }
    stream->length += (size_t)got;
    return stream->length <= stream->most;
}

static int64_t now_in_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Read both streams to their ends. False if that takes too long, or is too much. */
static bool read_all(struct child *child)
{
    int64_t end = now_in_ms() + TIME_LIMIT;

    while (child->streams[0].fd >= 0 || child->streams[1].fd >= 0) {
        struct pollfd polled[2] = {{.fd = child->streams[0].fd, .events = POLLIN},
                                   {.fd = child->streams[1].fd, .events = POLLIN}};
        int64_t left = end - now_in_ms();

        if (left <= 0)
            return false;
        if (poll(polled, 2, (int)left) < 0 && errno != EINTR)
            return false;
        for (int i = 0; i < 2; i++)
            if (polled[i].revents && !read_some(&child->streams[i]))
                return false;
    }
    return true;
}

/* The exit status, or TOOL_UNKNOWN. */
static int wait_for(struct child *child)
{
    int status;

    if (!read_all(child)) {
        log_line("the tool did not end in time, or said too much: killed");
        kill(child->pid, SIGKILL);
    }
    for (int i = 0; i < 2; i++)
        if (child->streams[i].fd >= 0)
            close(child->streams[i].fd);
    while (waitpid(child->pid, &status, 0) < 0)
        if (errno != EINTR)
            return TOOL_UNKNOWN;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    log_line("the tool was killed by signal %d", WTERMSIG(status));
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

static bool start(struct child *child, char *const argv[])
{
    int out[2], err[2], error;

    if (pipe2(out, O_CLOEXEC) < 0)
        return false;
    if (pipe2(err, O_CLOEXEC) < 0) {
        close(out[0]);
        close(out[1]);
        return false;
    }
    error = spawn(&child->pid, argv, out[1], err[1]);
    close(out[1]);
    close(err[1]);
    if (error) {
        close(out[0]);
        close(err[0]);
        errno = error;
        return false;
    }
    child->streams[0] = (struct stream){.fd = out[0], .most = OUTPUT_MAX};
    child->streams[1] = (struct stream){.fd = err[0], .most = MESSAGES_MAX};
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

int tool_run(struct reply *reply, const struct tool *tool, const char *user, const char *const arguments[])
{
    const char *argv[ARGUMENTS_MAX + 1] = {tool->path, "--as"};
    struct child child = {0};
    size_t count = 2;
    char *name = composed("web:%s", user);

    *reply = (struct reply){.status = TOOL_NOT_STARTED};
    argv[count++] = name;
    if (tool->config) {
        argv[count++] = "-c";
        argv[count++] = tool->config;
    }
    while (*arguments && count < ARGUMENTS_MAX)
        argv[count++] = *arguments++;
    if (*arguments) {
        log_line("too many arguments for the tool");
    } else if (!start(&child, (char *const *)argv)) {
        log_line("%s: cannot be run: %s", tool->path, strerror(errno));
    } else {
        reply->status = wait_for(&child);
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
