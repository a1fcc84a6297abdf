#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "command/command.h"
#include "duration.h"
#include "store/change.h"
#include "store/proving.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "token/attributes.h"
#include "token/issue.h"
#include "token/lifetime.h"
#include "token/when.h"

static const char help[] = "Usage: toktab [-c CONF] [-d DOMAIN] rotate [OPTIONS] TOKEN-REF\n"
                           "\n"
                           "Creates a successor of a token and prints it, alone, on stdout, as create does.\n"
                           "The successor has the same label, scopes, networks and user, and lives as long\n"
                           "from now as the old token did. The old token keeps working for the grace time,\n"
                           "but never beyond its own expiry.\n"
                           "\n"
                           "TOKEN-REF is a serial (17), an id, or the first characters of an id: at least\n"
                           "four, with a letter among them.\n"
                           "\n"
                           "      --grace TIME     how long the old token still works (default: 24h); 0s\n"
                           "                       revokes it at once\n"
                           "  -e, --expires WHEN   when the new token expires: 90d, 2027-01-31, never\n"
                           "      --copy           put the token on the terminal's clipboard (OSC 52)\n"
                           "                       instead of showing it\n"
                           "      --json           print the token and its record as JSON\n"
                           "\n"
                           "Example: toktab rotate --grace 7d 17\n";

static const struct option longs[] = {
    {"grace", required_argument, NULL, OPTION_GRACE}, {"expires", required_argument, NULL, 'e'},
    {"copy", no_argument, NULL, OPTION_COPY},         {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},         {0}};

struct request {
    const char *grace, *expires; /* expires: NULL: not given */
    struct issue issue;

    struct record old;        /* as it will be */
    int64_t until;            /* when the grace time ends */
    char prev[ID_LENGTH + 1]; /* the old token's id */
    char reason[sizeof("succeeded by ") + ID_LENGTH];
};

static enum status take_option(void *context, int option)
{
    struct request *request = context;

    switch (option) {
    case OPTION_GRACE:
        request->grace = optarg;
        return STATUS_DONE;
    case 'e':
        request->expires = optarg;
        return STATUS_DONE;
    default:
        return STATUS_USAGE;
    }
}

/* Refuse bad times before anything is done. */
static enum status take_times(struct request *request, const struct domain *domain)
{
    struct record *record = &request->issue.record;
    int64_t now = record->time, seconds;
    const char *wrong;

    request->until = now;
    if (!duration_parse(span_of(request->grace), &seconds) || seconds != 0) {
        wrong = when_parse(request->grace, now, &request->until);
        if (wrong)
            return fail(STATUS_USAGE, "grace time \"%.15s%s\": %s", request->grace, cut_mark(request->grace),
                        wrong);
    }
    return request->expires ? lifetime_parse(request->expires, domain, now, now, &record->expires)
                            : STATUS_DONE;
}

#define SUCCEEDED_BY "succeeded by "

/* As long a life as the old token was given. One that was rotated before expires when its grace time ends, so
 * another successor's life is as short. */
static void take_lifetime(struct issue *issue, const struct record *old, const struct domain *domain)
{
    int64_t length = old->expires == TIME_NEVER ? TIME_NEVER : old->expires - old->created;
    bool capped, rotated = old->reason.length > strlen(SUCCEEDED_BY) &&
                           memcmp(old->reason.at, SUCCEEDED_BY, strlen(SUCCEEDED_BY)) == 0;

    issue->record.expires = lifetime_end(domain, length, issue->record.time, &capped);
    issue->rule =
        capped    ? "max_lifetime, which is shorter than the old token's lifetime"
        : rotated ? "the old token's lifetime, short because it was rotated before: use -e for a longer one"
                  : "the old token's lifetime";
}

/* The successor gets what the old token has, if it could be created with that today. */
static enum status inherit(struct request *request, const struct domain *domain, struct fault *fault)
{
    struct record *record = &request->issue.record;
    const struct record *old = &request->old;

    if (old->revoked != TIME_NEVER) {
        fault_set(fault, "it was revoked, for good: create another");
        return STATUS_NO;
    }
    if (!scopes_granted(domain, old->scopes, fault))
        return STATUS_USAGE;
    record->label = old->label;
    record->scopes = old->scopes;
    record->nets = old->nets;
    record->user = old->user;
    strcpy(request->prev, old->id);
    record->prev = span_of(request->prev);
    if (!request->expires)
        take_lifetime(&request->issue, old, domain);
    if (record->expires > record->time)
        return STATUS_DONE;
    fault_set(fault, "its successor would have expired already: give -e");
    return STATUS_USAGE;
}

/* The old token ends with the grace time, or sooner: rotating extends no life. */
static enum status end_old(struct log *log, const struct session *session, struct request *request,
                           struct fault *fault)
{
    struct record *old = &request->old;

    old->time = request->issue.record.time;
    snprintf(request->reason, sizeof(request->reason), SUCCEEDED_BY "%s", request->issue.record.id);
    old->reason = span_of(request->reason);
    old->op = request->until > old->time ? OPERATION_UPDATE : OPERATION_REVOKE;
    if (old->op == OPERATION_REVOKE)
        old->revoked = old->time;
    else if (old->expires > request->until)
        old->expires = request->until;
    return change_make(log, session, old, true, fault);
}

/* The successor's line comes first: if we are killed in between, both tokens work. *ended: the status of the
 * old token's line. */
static enum status append(const struct session *session, struct request *request, struct refs *refs,
                          struct proving *proving, enum status *ended, struct fault *fault)
{
    struct log log;
    enum status status = log_begin(&log, session->config.store_dir, session->domain->name, false, fault);

    if (status != STATUS_DONE)
        return status;
    output_catch_interruptions(); /* a token that nobody has seen must be reported */
    status = proving_finish(proving, &log, fault);
    if (status == STATUS_DONE)
        status = change_read(&log, refs, 0, &request->old, fault);
    if (status == STATUS_DONE)
        status = inherit(request, session->domain, fault);
    if (status == STATUS_DONE)
        status = change_make(&log, session, &request->issue.record, false, fault);
    if (status == STATUS_DONE)
        *ended = end_old(&log, session, request, fault);
    change_end(&log, session);
    return status;
}

static enum status replace(const struct session *session, struct request *request, struct refs *refs)
{
    const struct record *old = &request->old;
    enum status ended = STATUS_DONE, status;
    char expires[WHEN_SIZE];
    struct proving proving;
    struct fault fault;

    proving_begin(&proving, session, PROVING_LINES);
    status = append(session, request, refs, &proving, &ended, &fault);
    proving_end(&proving);
    if (status != STATUS_DONE)
        return fail(status, "token \"%.12s\": not rotated: %s", refs->list[0].text, fault.text);
    status = issue_print(&request->issue, session);
    when_format_local(expires, old->expires);
    if (ended != STATUS_DONE)
        fail(ended, "token %s: still works as before, and so does its successor: %s", refs->list[0].id,
             fault.text);
    else if (old->op == OPERATION_REVOKE)
        say("revoked the old token %" PRIu64 " (id %s)", old->serial, old->id);
    else if (old->expires <= old->time)
        say("the old token %" PRIu64 " (id %s) expired %s", old->serial, old->id, expires);
    else if (old->expires == TIME_NEVER)
        say("the old token %" PRIu64 " (id %s) never expires", old->serial, old->id);
    else
        say("the old token %" PRIu64 " (id %s) works until %s", old->serial, old->id, expires);
    return status == STATUS_DONE ? ended : status;
}

static const struct options options = {.shorts = "e:",
                                       .longs = longs,
                                       .take = take_option,
                                       .help = help,
                                       .least = 1,
                                       .most = 1,
                                       .missing = "which token? give its serial or id"};

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {.grace = "24h"};
    struct issue *issue = &request.issue;
    struct refs refs = {0};
    enum status status = options_parse(argc, argv, &options, &request, &session->where, &issue->given);

    if (status != STATUS_DONE || issue->given.help)
        return status;
    status = issue_options_fit(issue);
    if (status == STATUS_DONE)
        status = session_open_to_change(session);
    if (status == STATUS_DONE)
        status = refs_make(&refs, session->domain->name, argv + optind, 1);
    if (status == STATUS_DONE)
        status = refs_resolve(&refs, session, false);
    if (status == STATUS_DONE)
        status = issue_make(issue, session);
    if (status == STATUS_DONE)
        status = take_times(&request, session->domain);
    if (status == STATUS_DONE)
        status = replace(session, &request, &refs);
    issue_end(issue);
    refs_free(&refs);
    return status;
}

const struct command command_rotate = {"rotate", "replace a token with a new one", help, run};
