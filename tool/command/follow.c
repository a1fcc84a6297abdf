#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "command/command.h"
#include "command/listen.h"
#include "store/engine.h"
#include "store/used.h"
#include "terminal/options.h"

static const char help[] = "Usage: toktab [-c CONF] [-d DOMAIN] follow [OPTIONS] [-- COMMAND…]\n"
                           "\n"
                           "Keeps the store of this host equal to another host's: runs COMMAND, by default\n"
                           "the domain's source, reads the lines of the other host's log from it, proves\n"
                           "them, and writes them. If COMMAND ends or is silent for 3.5 seconds, it is run\n"
                           "again. What does not continue this host's log is not written, but reported here\n"
                           "and in the system's log. Runs until it is stopped; see toktab-fleet(7).\n"
                           "\n"
                           "      --once   end as soon as this host has all that the source has; exits with\n"
                           "               1 if the source's log is another, 69 if it cannot be asked\n"
                           "\n"
                           "Example: toktab follow -- ssh toktab@w1 toktab log --from - --follow\n";

static const struct option longs[] = {
    {"once", no_argument, NULL, OPTION_ONCE}, {"help", no_argument, NULL, OPTION_HELP}, {0}};

enum {
    PAUSE = 1000,         /* milliseconds, at least, between two starts of a source */
    PAUSE_REFUSED = 3000, /* the same while it sends what is not taken */
    DENIED_MOST = 64000,  /* PAUSE, doubled while it refuses to answer: a login is slow, and goes to a log */
};

struct request {
    struct given given;
    bool once;
};

/* ---- the source's command ---- */

/* Split at blanks; free argv[0], then argv. */
static char **split(const char *command)
{
    char *text = must_have(strdup(command)), *rest = NULL;
    char **argv = must_have(calloc(strlen(command) / 2 + 3, sizeof(*argv)));
    size_t count = 0;

    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        argv[count++] = must_have(strdup(word));
    free(text);
    return argv;
}

static void free_words(char **argv)
{
    for (char **word = argv; word && *word; word++)
        free(*word);
    free(argv);
}

static char **argv_of_source(const struct session *session)
{
    const char *source = session->domain->source;

    return source_is_engine(source) ? engine_command(session, "lines") : split(source);
}

/* ---- one source after the other ---- */

static enum end ask(struct follow *follow)
{
    const struct incoming *incoming = &follow->following.incoming;
    char head[HEAD_SIZE] = "", text[160], **argv;

    if (incoming->writer) {
        snprintf(text, sizeof(text),
                 "this host is the writer of epoch %" PRIu64
                 ": nothing is followed until there is a higher one",
                 incoming->mine.header.epoch);
        alert(&follow->alerts, ALERT_WRITER, false, follow->session->domain->name, text);
    }
    if (incoming->has_store && !follow->want_file)
        head_format(head, incoming->mine.header.epoch, incoming->mine.at.n, incoming->mine.at.chain);
    follow->fetching = follow->want_file && follow->snapshot;
    argv = follow->fetching ? follow->snapshot : follow->argv;
    if (source_start(&follow->source, argv, environ, head))
        return listen_to_source(follow);
    snprintf(text, sizeof(text), "the source cannot be run: %.60s: %s", argv[0], strerror(errno));
    alert(&follow->alerts, ALERT_CONTACT, false, follow->session->domain->name, text);
    return END_CONTACT;
}

static enum end live(struct follow *follow)
{
    struct fault fault;
    enum end end = END_DISK;
    enum status status = following_begin(&follow->following, follow->session, &fault);

    if (status == STATUS_DONE)
        end = ask(follow);
    else {
        if (follow->following.directory >= 0)
            following_note(&follow->following, listen_state(status));
        alert(&follow->alerts, ALERT_DISK, true, follow->session->domain->name, fault.text);
    }
    following_end(&follow->following);
    return end;
}

static void pause_until(int64_t until)
{
    struct timespec then = {.tv_sec = (time_t)(until / SECOND), .tv_nsec = (long)(until % SECOND)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) == EINTR)
        continue;
}

static enum status status_of_end(enum end end)
{
    return end == END_LEVEL                          ? STATUS_DONE
           : end == END_CONTACT || end == END_DENIED ? STATUS_MISSING
           : end == END_DISK                         ? STATUS_IO
           : end == END_WRITER                       ? STATUS_NOT_PERMITTED
                                                     : STATUS_NO;
}

/* With --once the source may be asked a few times: for lines, for the file. */
static enum status follow_on(struct follow *follow)
{
    enum { ONCE_MOST = 4 };
    int64_t denied = 0; /* the pause for it; 0: it was not */

    for (int round = 1;; round++) {
        int64_t begun = clock_now();
        enum end end = live(follow);
        int64_t pause; /* counted from the start of a source that may have lived long enough */
        bool soon;

        if (follow->once && (end != END_ANEW || round == ONCE_MOST))
            return status_of_end(end);
        denied = end != END_DENIED ? 0 : denied == 0 ? PAUSE : denied < DENIED_MOST ? 2 * denied : denied;
        pause = end == END_REFUSED || end == END_DISK ? PAUSE_REFUSED : denied > 0 ? denied : PAUSE;
        soon = end == END_CONTACT || (end == END_ANEW && round % ONCE_MOST != 0);
        pause_until((soon ? begun : clock_now()) + pause * MILLISECOND);
    }
}

static enum status take_option(void *context, int option)
{
    struct request *request = context;

    if (option != OPTION_ONCE)
        return STATUS_USAGE;
    request->once = true;
    return STATUS_DONE;
}

static const struct options options = {
    .shorts = "", .longs = longs, .take = take_option, .help = help, .most = INT_MAX};

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {0};
    struct follow *follow;
    enum status status = session_refuse_delegated(session, "follow");
    char **source = NULL;

    if (status == STATUS_DONE)
        status = options_parse(argc, argv, &options, &request, &session->where, &request.given);
    if (status != STATUS_DONE || request.given.help)
        return status;
    status = session_open_to_follow(session);
    if (status != STATUS_DONE)
        return status;
    if (optind == argc && session->domain->source[0] == '\0')
        return fail(
            STATUS_USAGE,
            "domain %s has no source: set it in the configuration, or give a command: follow -- COMMAND",
            session->domain->name);
    used_make_directory(session); /* nobody else does it where no change is made */
    if (optind == argc)
        source = argv_of_source(session);
    follow = must_have(calloc(1, sizeof(*follow)));
    follow->session = session;
    follow->argv = source ? source : argv + optind;
    if (source && session->domain->snapshot[0] != '\0')
        follow->snapshot = split(session->domain->snapshot);
    follow->once = request.once;
    status = follow_on(follow);
    free_words(source);
    free_words(follow->snapshot);
    free(follow);
    return status;
}

const struct command command_follow = {"follow", "keep this host's store equal to another's", help, run};
