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
#include "store/alert.h"
#include "store/engine.h"
#include "store/following.h"
#include "store/source.h"
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
    SILENCE = 3500,       /* milliseconds, after which a source is started anew */
    PAUSE = 1000,         /* at least so many between two starts */
    PAUSE_REFUSED = 3000, /* the same while it sends what is not taken */
    DENIED_MOST = 64000,  /* PAUSE, doubled while it refuses to answer: a login is slow, and goes to a log */
};

/* Alerts beside those of enum trouble. */
enum { ALERT_DISK = TROUBLES, ALERT_CONTACT, ALERT_WRITER, ALERT_FILE, ALERT_LOST };

/* How a source's life ended. */
enum end {
    END_LEVEL,   /* with --once: this host has all */
    END_ANEW,    /* ask again at once: the store was changed, or the file is needed */
    END_CONTACT, /* it is gone or silent */
    END_DENIED,  /* it refuses to answer */
    END_REFUSED, /* nothing of it is taken */
    END_DISK,    /* nothing can be written */
    END_WRITER,  /* with --once: this host is the writer */
};

struct request {
    struct given given;
    bool once;
};

struct follow {
    const struct session *session;
    char **argv; /* of the source */
    bool once, want_file;
    struct alerts alerts;
    struct following following;
    struct source source;
    bool alive; /* it has kept its promise since we last waited */
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

static char **argv_of_source(const struct session *session)
{
    const char *source = session->domain->source;

    return source_is_engine(source) ? engine_command(session, "lines") : split(source);
}

/* ---- what it says ---- */

static const char *domain_of(const struct follow *follow)
{
    return follow->session->domain->name;
}

/* Before anything is said: make durable what was appended, and release the lock. */
static bool settle(struct follow *follow)
{
    struct fault fault;

    if (following_flush(&follow->following, &fault) == STATUS_DONE)
        return true;
    alert(&follow->alerts, ALERT_DISK, true, domain_of(follow), fault.text);
    following_note(&follow->following, "disk");
    return false;
}

static enum end refuse(struct follow *follow, enum trouble trouble, const char *why)
{
    bool urgent = trouble != TROUBLE_GAP && trouble != TROUBLE_UNAVAILABLE;

    if (!settle(follow))
        return END_DISK;
    if (trouble == TROUBLE_GAP && follow->want_file)
        alert(&follow->alerts, ALERT_FILE, true, domain_of(follow),
              "the source does not have the whole file either: fetch it from another host, as by `toktab "
              "follow "
              "--once -- ssh HOST toktab log`");
    else
        alert(&follow->alerts, trouble, urgent, domain_of(follow), why);
    following_note(&follow->following, incoming_word(trouble));
    follow->want_file = trouble == TROUBLE_GAP && !follow->want_file; /* it may have been fetched since */
    if (trouble == TROUBLE_UNAVAILABLE || trouble == TROUBLE_DENIED)
        return trouble == TROUBLE_DENIED ? END_DENIED : END_CONTACT;
    return trouble == TROUBLE_GAP && follow->following.incoming.has_store ? END_ANEW : END_REFUSED;
}

/* What DOMAIN.contact says if this host's store cannot be read or written. */
static const char *state_of(enum status status)
{
    return status == STATUS_DAMAGED || status == STATUS_NOT_PERMITTED ? incoming_word(TROUBLE_OWN)
           : status == STATUS_LOCKED                                  ? "locked"
                                                                      : "disk";
}

/* What following_take() and its like could not do. */
static enum end failed(struct follow *follow, enum status status, const struct fault *fault)
{
    if (follow->following.incoming.trouble != TROUBLE_NONE)
        return refuse(follow, follow->following.incoming.trouble, fault->text);
    if (!settle(follow))
        return END_DISK;
    if (status == STATUS_NO)
        return END_ANEW;
    follow->want_file = status == STATUS_NOT_FOUND;
    alert(&follow->alerts, ALERT_DISK, true, domain_of(follow), fault->text);
    following_note(&follow->following, follow->want_file ? "snapshot" : state_of(status));
    return follow->want_file ? END_ANEW : END_DISK;
}

/* After a file was put in the store's place. */
static void tell_lost(struct follow *follow)
{
    struct fault *lost = &follow->following.lost;
    char text[sizeof(lost->text) + 160];

    if (lost->text[0] == '\0')
        return;
    snprintf(
        text, sizeof(text),
        "the source's new epoch was taken, and lacks revocations that this host had: %s: revoke again on "
        "the writer",
        lost->text);
    alert(&follow->alerts, ALERT_LOST, true, domain_of(follow), text);
    lost->text[0] = '\0';
}

/* The same as hear(). */
static bool hear_beat(struct follow *follow, enum end *end)
{
    struct incoming *incoming = &follow->following.incoming;

    if (incoming->trouble != TROUBLE_NONE) { /* it may be cured while we listen */
        *end = refuse(follow, incoming->trouble, incoming->why.text);
        follow->alive = true;
        return !follow->once && *end == END_REFUSED;
    }
    *end = END_DISK;
    if (!settle(follow))
        return false;
    /* one that only says it has more, and does not send it, counts as silent */
    follow->alive |= incoming_level(incoming);
    if (incoming_level(incoming))
        following_note(&follow->following, CONTACT_GOOD);
    return true;
}

/* False: the source's life is over, *end says how. */
static bool hear(struct follow *follow, struct span line, enum end *end)
{
    struct following *following = &follow->following;
    struct incoming *incoming = &following->incoming;
    struct position before = incoming->mine.at;
    enum incoming_verdict verdict = incoming_judge(incoming, line.at, line.length);
    struct fault fault;
    enum status status = following_take(following, verdict, line, &before, &fault);

    if (status == STATUS_NO && source_is_engine(follow->session->domain->source) && !incoming->in_file &&
        following_again(following, &fault) == STATUS_DONE) { /* a command on this host had the line first */
        before = incoming->mine.at;
        verdict = incoming_judge(incoming, line.at, line.length);
        status = following_take(following, verdict, line, &before, &fault);
    }
    if (status != STATUS_DONE) {
        *end = failed(follow, status, &fault);
        return false;
    }
    switch (verdict) {
    case INCOMING_TROUBLE:
        *end = refuse(follow, incoming->trouble, incoming->why.text);
        return false;
    case INCOMING_BEAT:
        return hear_beat(follow, end);
    case INCOMING_FILE_END:
        tell_lost(follow);
        follow->want_file = false;
        follow->alive = true;
        following_note(following, CONTACT_GOOD);
        return true;
    case INCOMING_KNOWN:
        follow->alive = true;
        *end = END_WRITER;
        if (incoming->writer)
            following_note(following, CONTACT_WRITER);
        return !(follow->once && incoming->writer);
    case INCOMING_LINE:
    case INCOMING_POINT:
    case INCOMING_FILE:
    case INCOMING_FILE_LINE:
    default:
        follow->alive = true;
        return true;
    }
}

/* All that has come. The same. */
static bool hear_all(struct follow *follow, enum end *end)
{
    struct span line;
    enum heard heard;
    bool good = true;

    while (good && (heard = source_line(&follow->source, &line)) == HEARD_LINE)
        good = hear(follow, line, end);
    if (good && heard == HEARD_ENDLESS) {
        *end = refuse(follow, TROUBLE_GARBAGE,
                      "the source sends what is no line of this store: a line without an end");
        good = false;
    }
    if (!settle(follow) && good) {
        *end = END_DISK;
        good = false;
    }
    if (good && follow->once && incoming_level(&follow->following.incoming)) {
        *end = END_LEVEL;
        good = false;
    }
    return good;
}

/* A source that has said all that it has: with exit status 0, which ssh gives only if all has arrived. */
static enum end hear_end(struct follow *follow, bool good)
{
    struct following *following = &follow->following;
    struct fault fault;
    enum status status = STATUS_DONE;

    if (good && follow->source.end == follow->source.start) {
        if (incoming_file_whole(&following->incoming))
            status = following_install(following, &fault);
        if (status != STATUS_DONE)
            return failed(follow, status, &fault);
        tell_lost(follow);
        if (following->incoming.has_store && !following->incoming.in_file &&
            (!following->incoming.said || incoming_level(&following->incoming))) {
            follow->want_file = false;
            following_note(following, CONTACT_GOOD);
            return follow->once ? END_LEVEL : END_CONTACT;
        }
    }
    alert(&follow->alerts, ALERT_CONTACT, false, domain_of(follow),
          "the source has ended: it is started again");
    return END_CONTACT;
}

static enum end listen(struct follow *follow)
{
    int64_t heard = clock_now();
    enum end end = END_CONTACT;

    for (;;) {
        switch (source_wait(&follow->source, heard + SILENCE * MILLISECOND)) {
        case WAITED_BYTES:
            follow->alive = false;
            if (!hear_all(follow, &end)) {
                source_stop(&follow->source, false);
                return end;
            }
            if (follow->alive)
                heard = clock_now();
            break;
        case WAITED_SILENT:
            source_stop(&follow->source, false);
            alert(&follow->alerts, ALERT_CONTACT, false, domain_of(follow),
                  "the source was silent for 3.5 seconds: it is started again");
            return END_CONTACT;
        case WAITED_END:
        default:
            return hear_end(follow, source_stop(&follow->source, true));
        }
    }
}

/* ---- one source after the other ---- */

static enum end ask(struct follow *follow)
{
    const struct incoming *incoming = &follow->following.incoming;
    char head[HEAD_SIZE] = "", text[160];

    if (incoming->writer) {
        snprintf(text, sizeof(text),
                 "this host is the writer of epoch %" PRIu64
                 ": nothing is followed until there is a higher one",
                 incoming->mine.header.epoch);
        alert(&follow->alerts, ALERT_WRITER, false, domain_of(follow), text);
    }
    if (incoming->has_store && !follow->want_file)
        head_format(head, incoming->mine.header.epoch, incoming->mine.at.n, incoming->mine.at.chain);
    if (source_start(&follow->source, follow->argv, environ, head))
        return listen(follow);
    snprintf(text, sizeof(text), "the source cannot be run: %.60s: %s", follow->argv[0], strerror(errno));
    alert(&follow->alerts, ALERT_CONTACT, false, domain_of(follow), text);
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
            following_note(&follow->following, state_of(status));
        alert(&follow->alerts, ALERT_DISK, true, domain_of(follow), fault.text);
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

        if (follow->once && (end != END_ANEW || round == ONCE_MOST))
            return status_of_end(end);
        denied = end != END_DENIED ? 0 : denied == 0 ? PAUSE : denied < DENIED_MOST ? 2 * denied : denied;
        pause_until((end == END_ANEW && round % ONCE_MOST != 0 ? begun : clock_now()) +
                    (end == END_REFUSED || end == END_DISK ? PAUSE_REFUSED
                     : denied > 0                          ? denied
                                                           : PAUSE) *
                        MILLISECOND);
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
    follow->once = request.once;
    status = follow_on(follow);
    for (char **word = source; word && *word; word++)
        free(*word);
    free(source);
    free(follow);
    return status;
}

const struct command command_follow = {"follow", "keep this host's store equal to another's", help, run};
