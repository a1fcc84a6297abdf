#include "store/source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "line.h"

enum { PIPE_BYTES = 1024 * 1024 };

/* Not what this process blocks or ignores: the program must notice that nobody reads it any more. */
static int spawn(pid_t *process, char *const argv[], char *const environment[], int input, int output)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    int error;

    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGXFSZ);
    posix_spawn_file_actions_init(&actions);
    error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    error = error ? error : posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    error = error ? error : posix_spawnp(process, argv[0], &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

bool source_start(struct source *source, char *const argv[], char *const environment[], const char *head)
{
    int in[2], out[2], error;

    source->process = 0;
    source->failed = false;
    source->start = source->end = 0;
    if (pipe2(in, O_CLOEXEC) < 0)
        return false;
    if (pipe2(out, O_CLOEXEC) < 0) {
        close(in[0]);
        close(in[1]);
        return false;
    }
    fcntl(out[0], F_SETPIPE_SZ, PIPE_BYTES); /* else what it has already will do */
    error = spawn(&source->process, argv, environment, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    source->input = in[1];
    source->output = out[0];
    if (error == 0)
        dprintf(source->input, "%s\n", head); /* a program that has ended is noticed when nothing comes */
    else {
        source->process = 0;
        close(source->input);
        close(source->output);
    }
    errno = error;
    return error == 0;
}

enum heard source_line(struct source *source, struct span *line)
{
    const char *text = source->buffer + source->start;
    size_t length = source->end - source->start;
    const char *lf = memchr(text, '\n', length);

    if (!lf)
        return length >= LINE_SIZE_MAX ? HEARD_ENDLESS : HEARD_NOTHING;
    *line = (struct span){text, (size_t)(lf - text) + 1};
    source->start += line->length;
    return line->length <= LINE_SIZE_MAX ? HEARD_LINE : HEARD_ENDLESS;
}

enum waited source_wait(struct source *source, int64_t until)
{
    struct pollfd pollfd = {.fd = source->output, .events = POLLIN};
    int64_t left = until - clock_now();
    ssize_t got;
    int ready;

    memmove(source->buffer, source->buffer + source->start, source->end - source->start);
    source->end -= source->start;
    source->start = 0;
    ready = poll(&pollfd, 1, left > 0 ? (int)(left / MILLISECOND) + 1 : 0);
    if (ready < 0 && errno == EINTR)
        return WAITED_BYTES;
    source->failed |= ready < 0;
    if (ready < 0)
        return WAITED_END;
    if (ready == 0)
        return WAITED_SILENT;
    do
        got = read(source->output, source->buffer + source->end, sizeof(source->buffer) - source->end);
    while (got < 0 && errno == EINTR);
    source->failed |= got < 0;
    source->end += got > 0 ? (size_t)got : 0;
    return got > 0 ? WAITED_BYTES : WAITED_END;
}

enum heard source_next(struct source *source, struct span *line, int64_t until)
{
    enum heard heard;

    while ((heard = source_line(source, line)) == HEARD_NOTHING && source_wait(source, until) == WAITED_BYTES)
        continue;
    return heard;
}

/* Has the program ended, or does it within a second? Its number stays taken until it is waited for. */
static bool has_ended(pid_t process)
{
    static const struct timespec moment = {.tv_nsec = 2 * 1000 * 1000};
    int64_t until = clock_now() + SECOND;
    siginfo_t info;

    do {
        info.si_pid = 0;
        if (waitid(P_PID, (id_t)process, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == process)
            return true;
        nanosleep(&moment, NULL);
    } while (clock_now() < until);
    return false;
}

bool source_stop(struct source *source, bool ended)
{
    int status = 0;
    bool good;

    if (source->process == 0)
        return false;
    close(source->input);
    close(source->output);
    good = ended && !source->failed && has_ended(source->process);
    if (!good) {
        kill(-source->process, SIGTERM); /* it may have files to remove */
        has_ended(source->process);
    }
    kill(-source->process, SIGKILL); /* what it has started too */
    while (waitpid(source->process, &status, 0) < 0 && errno == EINTR)
        continue;
    source->process = 0;
    return good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
