#include "terminal/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "crypto.h"

void secret_protect(void)
{
    const struct rlimit none = {0, 0};

    prctl(PR_SET_DUMPABLE, 0);
    setrlimit(RLIMIT_CORE, &none);
}

void secret_guard_json(void)
{
    json_set_alloc_funcs(crypto_alloc, crypto_free);
}

/* The size stands before the memory, which is aligned as malloc() aligns. */
union block {
    size_t size;
    max_align_t align;
};

static void *allocate_to_wipe(size_t size)
{
    union block *block = size < SIZE_MAX - sizeof(*block) ? malloc(sizeof(*block) + size) : NULL;

    if (!block)
        return NULL;
    block->size = size;
    return block + 1;
}

static void free_wiped(void *memory)
{
    union block *block = memory;

    if (!block)
        return;
    block--;
    crypto_wipe(block, sizeof(*block) + block->size);
    free(block);
}

void secret_wipe_json(void)
{
    json_set_alloc_funcs(allocate_to_wipe, free_wiped);
}

static int open_terminal(void)
{
    return open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

enum status secret_can_copy(void)
{
    int terminal = open_terminal();

    if (terminal < 0)
        return fail(STATUS_MISSING, "--copy: no terminal, so no clipboard to put the token on");
    close(terminal);
    return STATUS_DONE;
}

enum status secret_copy(const char *text)
{
    size_t length = strlen(text), size = crypto_base64_size(length);
    char *encoded = must_have(crypto_alloc(size));
    int terminal = open_terminal();
    bool copied;

    crypto_base64(encoded, size, text, length);
    copied = terminal >= 0 && dprintf(terminal, "\033]52;c;") > 0 &&
             write(terminal, encoded, size - 1) == (ssize_t)(size - 1) && write(terminal, "\a", 1) == 1;
    crypto_free(encoded);
    if (terminal >= 0)
        close(terminal);
    return copied ? STATUS_DONE : fail(STATUS_IO, "terminal: cannot be written: %s", strerror(errno));
}

static struct termios terminal_before;

static void restore_terminal(int signal_number)
{
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal_before);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

/* Turn off echo until show_typing(). ^C in between restores the terminal first; ^Z waits. */
static void hide_typing(sigset_t *signals)
{
    struct termios hidden;
    sigset_t stop;

    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    sigprocmask(SIG_BLOCK, &stop, signals);
    tcgetattr(STDIN_FILENO, &terminal_before);
    signal(SIGINT, restore_terminal);
    signal(SIGTERM, restore_terminal);
    signal(SIGHUP, restore_terminal);
    signal(SIGQUIT, restore_terminal);
    hidden = terminal_before;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
}

static void show_typing(const sigset_t *signals)
{
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal_before);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    sigprocmask(SIG_SETMASK, signals, NULL);
    fputc('\n', stderr);
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Keep what fits and count the rest, but for white space around it; one_line: stop after the first line. */
static enum status read_bytes(char *token, size_t size, size_t *length, bool one_line)
{
    enum { PIECE = 4096 };
    char *piece = must_have(crypto_alloc(PIECE));
    size_t count = 0; /* with white space that may be in the middle */
    bool more = true;
    ssize_t got;

    *length = 0;
    do {
        got = read(STDIN_FILENO, piece, PIECE);
        for (ssize_t i = 0; i < got; i++) {
            if (count == 0 && is_white(piece[i]))
                continue;
            if (count < size)
                token[count] = piece[i];
            count++;
            if (!is_white(piece[i]))
                *length = count;
        }
        more = got < 0 ? errno == EINTR : got > 0 && *length <= size;
    } while (more && !(one_line && got > 0 && piece[got - 1] == '\n'));
    crypto_free(piece);
    return got < 0 ? fail(STATUS_IO, "stdin: cannot read the token: %s", strerror(errno)) : STATUS_DONE;
}

enum status secret_read_all(char **text, size_t *length)
{
    size_t room = 64 * 1024;
    struct stat status;
    ssize_t got = 1;

    if (fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= SECRET_INPUT_MAX)
        room += (size_t)status.st_size; /* to copy it to larger memory again and again takes long */
    *length = 0;
    *text = must_have(crypto_alloc(room));
    while (got != 0 && *length <= SECRET_INPUT_MAX) {
        if (*length + 1 == room) {
            char *larger = must_have(crypto_alloc(4 * room));

            memcpy(larger, *text, *length);
            crypto_free(*text);
            *text = larger;
            room *= 4;
        }
        got = read(STDIN_FILENO, *text + *length, room - *length - 1);
        if (got < 0 && errno != EINTR)
            return fail(STATUS_IO, "cannot read the keys: %s", strerror(errno));
        *length += (size_t)(got > 0 ? got : 0);
    }
    if (*length > SECRET_INPUT_MAX)
        return fail(STATUS_USAGE, "more than %d MiB of keys: split the file", SECRET_INPUT_MAX >> 20);
    return STATUS_DONE;
}

enum status secret_read(char *token, size_t size, size_t *length)
{
    bool terminal = isatty(STDIN_FILENO);
    enum status status;
    sigset_t signals;

    if (terminal) {
        fputs("Token: ", stderr);
        hide_typing(&signals);
    }
    status = read_bytes(token, size, length, terminal);
    if (terminal)
        show_typing(&signals);
    return status;
}
