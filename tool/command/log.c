#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/command.h"
#include "store/sending.h"
#include "terminal/options.h"
#include "terminal/output.h"

static const char help[] = "Usage: toktab [-c CONF] [-d DOMAIN] log [OPTIONS]\n"
                           "\n"
                           "Prints the lines of a store's log as they are, for `toktab follow` on another\n"
                           "host; `toktab history` shows them to people. Without HEAD, or if it is older\n"
                           "than the last compaction, prints the whole file. Exits with 1 if the log does\n"
                           "not contain HEAD.\n"
                           "\n"
                           "      --from HEAD   only lines after HEAD, which `toktab check` prints; \"-\":\n"
                           "                    read HEAD from standard input, an empty line for none\n"
                           "      --follow      go on as lines come, and print =HEAD each second; with\n"
                           "                    --from - until standard input ends\n"
                           "\n"
                           "Example: toktab log --from 1:17:0123456789abcdef0123456789abcdef\n";

static const struct option longs[] = {{"from", required_argument, NULL, OPTION_FROM},
                                      {"follow", no_argument, NULL, OPTION_FOLLOW},
                                      {"help", no_argument, NULL, OPTION_HELP},
                                      {0}};

struct request {
    struct given given;
    const char *from; /* NULL: not given */
    bool follow;
};

static enum status take_option(void *context, int option)
{
    struct request *request = context;

    switch (option) {
    case OPTION_FROM:
        request->from = optarg;
        return STATUS_DONE;
    case OPTION_FOLLOW:
        request->follow = true;
        return STATUS_DONE;
    default:
        return STATUS_USAGE;
    }
}

/* One line, byte by byte: what comes after it is not ours. */
static enum status read_line(char text[HEAD_SIZE])
{
    size_t length = 0;
    ssize_t got;
    char byte;

    while ((got = read(STDIN_FILENO, &byte, 1)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(STATUS_IO, "standard input: cannot be read: %s", strerror(errno));
        if (byte == '\n')
            break;
        if (length == HEAD_SIZE - 1)
            return fail(STATUS_USAGE,
                        "standard input: not a HEAD: an empty line, or one that `toktab check` printed");
        text[length++] = byte;
    }
    text[length] = '\0';
    return STATUS_DONE;
}

/* *has: there is one. */
static enum status take_head(const char *from, struct expected_head *head, bool *has)
{
    char text[HEAD_SIZE] = "";
    enum status status;

    *has = false;
    if (!from)
        return STATUS_DONE;
    if (strcmp(from, "-") == 0) {
        status = read_line(text);
        if (status != STATUS_DONE || text[0] == '\0')
            return status;
        from = text;
    }
    *has = head_parse(head, from);
    if (*has)
        return STATUS_DONE;
    return fail(STATUS_USAGE,
                "\"%.15s%s\" is not a HEAD: give one that `toktab check` printed (epoch:n:chain), or -", from,
                cut_mark(from));
}

static const struct options options = {.shorts = "", .longs = longs, .take = take_option, .help = help};

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {0};
    struct sending sending = {0};
    enum status status = session_refuse_delegated(session, "log");

    if (status == STATUS_DONE)
        status = options_parse(argc, argv, &options, &request, &session->where, &request.given);
    if (status != STATUS_DONE || request.given.help)
        return status;
    status = session_open(session);
    if (status == STATUS_DONE)
        status = take_head(request.from, &sending.head, &sending.has_head);
    if (status != STATUS_DONE)
        return status;
    sending.session = session;
    sending.follow = request.follow;
    sending.until_stdin_ends = request.follow && request.from && strcmp(request.from, "-") == 0;
    return send_log(&sending);
}

const struct command command_log = {"log", "print the raw log, for other hosts to follow", help, run};
