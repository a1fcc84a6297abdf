#include "terminal/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;
static bool begun;

static void note_interruption(int signal)
{
    (void)signal;
    interrupted = 1;
}

static bool ends_from_outside(int signal)
{
    switch (signal) {
    case SIGCHLD: /* these end nothing */
    case SIGCONT:
    case SIGURG:
    case SIGWINCH:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
    case SIGBUS: /* and these are faults of our own */
    case SIGFPE:
    case SIGILL:
    case SIGSEGV:
    case SIGSYS:
        return false;
    default:
        return true;
    }
}

void output_catch_interruptions(void)
{
    struct sigaction action = {.sa_handler = note_interruption}; /* no SA_RESTART, so that write(2) ends */
    struct sigaction before;

    sigemptyset(&action.sa_mask);
    for (int signal = 1; signal <= SIGRTMAX; signal++)
        if (ends_from_outside(signal) && sigaction(signal, NULL, &before) == 0 &&
            before.sa_handler != SIG_IGN) /* as nohup(1) has it */
            sigaction(signal, &action, NULL);
}

enum status output_possible(void)
{
    int flags = fcntl(STDOUT_FILENO, F_GETFL);

    if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY)
        return STATUS_DONE;
    return fail(STATUS_IO, "stdout: not open for writing");
}

bool output_write(const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t wrote = -1;

        errno = EINTR;
        if (!interrupted)
            wrote = write(STDOUT_FILENO, bytes, size);
        if (wrote < 0 && errno == EINTR && !interrupted)
            continue;
        if (wrote < 0)
            return false;
        begun = true;
        bytes += wrote;
        size -= (size_t)wrote;
    }
    return true;
}

bool output_begun(void)
{
    return begun;
}

bool output_text(const char *text)
{
    return output_write(text, strlen(text));
}

enum status output_line(const char *text)
{
    return output_text(text) && output_text("\n") ? STATUS_DONE : output_failed();
}

enum status output_help(const char *help)
{
    return output_text(help) ? STATUS_DONE : output_failed();
}

enum status output_failed(void)
{
    if (errno == EPIPE) /* the reader has ended, as in `toktab list | head` */
        return STATUS_IO;
    return fail(STATUS_IO, "stdout: cannot be written: %s", strerror(errno));
}
