#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "command/command.h"
#include "duration.h"
#include "store/change.h"
#include "store/label.h"
#include "store/prove_ahead.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "token/attributes.h"
#include "token/issue.h"
#include "token/lifetime.h"
#include "token/when.h"

static const char help[] = "Usage: toktab [-c CONF] [-d DOMAIN] rotate [OPTIONS] TOKEN-REF | -l LABEL\n"
                           "\n"
                           "Creates a successor of a token and prints it, alone, on stdout, as create does.\n"
                           "The successor has the same label, scopes, networks and user, and lives as long\n"
                           "from now as the old token did. The old token keeps working for the grace time,\n"
                           "but never beyond its own expiry. A token that has a successor is not rotated\n"
                           "again: rotate the successor.\n"
                           "\n"
                           "TOKEN-REF is a serial (17), an id, or the first characters of an id: at least\n"
                           "four, with a letter among them.\n"
                           "\n"
                           "  -l, --label LABEL    the active token with exactly this label that has no\n"
                           "                       successor\n"
                           "      --grace TIME     how long the old token still works (default: 24h); 0s\n"
                           "                       revokes it at once\n"
                           "  -e, --expires WHEN   when the new token expires: 90d, 2027-01-31, never\n"
                           "      --copy           send the token to the terminal's clipboard (OSC 52)\n"
                           "                       instead of showing it\n"
                           "  -n, --no-newline     print no newline after the token\n"
                           "      --json           print the token and its record as JSON\n"
                           "\n"
                           "Example: toktab rotate --grace 7d 17\n";

static const struct option longs[] = {
    {"label", required_argument, NULL, 'l'},   {"grace", required_argument, NULL, OPTION_GRACE},
    {"expires", required_argument, NULL, 'e'}, {"copy", no_argument, NULL, OPTION_COPY},
    {"no-newline", no_argument, NULL, 'n'},    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},  {0}};

#define SUCCEEDED_BY "succeeded by "

/* A token that ends because another succeeds it. */
struct ending {
    struct record record; /* as it will be */
    char reason[sizeof(SUCCEEDED_BY) + ID_LENGTH];
};

struct request {
    struct chosen chosen;
    const char *grace, *expires; /* expires: NULL: not given */
    struct issue issue;

    char id[ID_LENGTH + 1], prev[ID_LENGTH + 1]; /* the old token's, and what it succeeds itself or "" */
    struct ending old;
    struct refs again;            /* of the old token alone: the successor's record points into the others */
    struct ending interrupted[2]; /* ended late, since a rotation was killed before it did */
    size_t interrupted_count;
    int64_t until; /* when the grace time ends */
    bool doubt;    /* what failed may have been done all the same */
};

static enum status take_option(void *context, int option)
{
    struct request *request = context;

    switch (option) {
    case 'l':
        request->chosen.label = optarg;
        return STATUS_DONE;
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
    struct fault fault;

    request->until = now;
    if ((!duration_parse(span_of(request->grace), &seconds) || seconds != 0) &&
        !when_parse(request->grace, now, &request->until, &fault)) {
        say_field("grace");
        return fail(STATUS_USAGE, "grace time \"%.15s%s\": %s", request->grace, cut_mark(request->grace),
                    fault.text);
    }
    return request->expires ? lifetime_parse(request->expires, domain, NULL, now, &record->expires)
                            : STATUS_DONE;
}

/* As long a life as the old token was given. */
static void take_lifetime(struct issue *issue, const struct record *old, const struct domain *domain)
{
    int64_t length = old->expires == TIME_NEVER ? TIME_NEVER : old->expires - old->created;
    bool capped;

    issue->record.expires = lifetime_end(domain, length, issue->record.time, &capped);
    issue->rule =
        capped ? "max_lifetime, which is shorter than the old token's lifetime" : "the old token's lifetime";
}

/* A token that was rotated lives only as long as its grace time, and a successor of it would too. */
static enum status check_first(const struct ref *ref, const struct record *old, struct fault *fault)
{
    if (ref->successor_serial > 0 && ref->successor_revoked)
        fault_set(fault, "its successor, token %" PRIu64 " (id %s), was revoked: create another",
                  ref->successor_serial, ref->successor);
    else if (ref->successor_serial > 0)
        fault_set(fault, "it has a successor, token %" PRIu64 " (id %s): rotate that one",
                  ref->successor_serial, ref->successor);
    else if (old->revoked != TIME_NEVER)
        fault_set(fault, "it was revoked, for good: create another");
    else if (old->reason.length > strlen(SUCCEEDED_BY) &&
             memcmp(old->reason.at, SUCCEEDED_BY, strlen(SUCCEEDED_BY)) == 0)
        fault_set(fault, "it had a successor, which a compaction dropped: create another");
    else
        return STATUS_DONE;
    return STATUS_NO;
}

/* The successor gets what the old token has, if it could be created with that today. */
static enum status inherit(struct request *request, const struct domain *domain, struct fault *fault)
{
    struct record *record = &request->issue.record;
    const struct record *old = &request->old.record;

    if (!scopes_granted(domain, old->scopes, fault))
        return STATUS_USAGE;
    record->label = old->label;
    record->scopes = old->scopes;
    record->nets = old->nets;
    record->user = old->user;
    record->prev = span_of(request->id);
    if (!request->expires)
        take_lifetime(&request->issue, old, domain);
    if (record->expires > record->time)
        return STATUS_DONE;
    fault_set(fault, "its successor would have expired already: give -e");
    return STATUS_USAGE;
}

/* The token ends with the grace time, or sooner: rotating extends no life. */
static enum status end_old(struct log *log, const struct session *session, const struct request *request,
                           struct ending *ending, const char *successor, struct fault *fault)
{
    struct record *old = &ending->record;

    old->time = request->issue.record.time;
    snprintf(ending->reason, sizeof(ending->reason), SUCCEEDED_BY "%s", successor);
    old->reason = span_of(ending->reason);
    old->op = request->until > old->time ? OPERATION_UPDATE : OPERATION_REVOKE;
    if (old->op == OPERATION_REVOKE)
        old->revoked = old->time;
    else if (old->expires > request->until)
        old->expires = request->until;
    return change_make(log, session, old, true, fault);
}

/* A rotation that was killed between its two lines left a token that works as before: its last line is older
 * than its successor's first. */
static enum status end_interrupted(struct log *log, const struct session *session, struct request *request,
                                   const struct refs *refs, struct fault *fault)
{
    enum status status = STATUS_DONE;

    for (size_t i = 0; i < refs->count && status == STATUS_DONE; i++) {
        const struct ref *ref = &refs->list[i];
        struct ending *ending = &request->interrupted[request->interrupted_count];

        if (!ref_record(ref, &ending->record) || ending->record.n >= ref->successor_serial ||
            !record_active(&ending->record, request->issue.record.time))
            continue;
        status = end_old(log, session, request, ending, ref->successor, fault);
        request->interrupted_count += status == STATUS_DONE;
    }
    return status;
}

/* STATUS_AGAIN: another host was faster, and may have changed the old token. */
static enum status append_successor(struct log *log, const struct session *session, struct request *request,
                                    struct refs *refs, struct fault *fault)
{
    enum status status = change_read(log, refs, 0, &request->old.record, fault);

    if (status == STATUS_DONE)
        status = end_interrupted(log, session, request, refs, fault);
    if (status == STATUS_DONE)
        status = check_first(&refs->list[0], &request->old.record, fault);
    if (status == STATUS_DONE)
        status = inherit(request, session->domain, fault);
    return status == STATUS_DONE ? change_make(log, session, &request->issue.record, false, fault) : status;
}

/* Another host that is faster may change the old token, or revoke it. */
static enum status end_rotated(struct log *log, const struct session *session, struct request *request,
                               struct fault *fault)
{
    struct record *old = &request->old.record;
    const char *successor = request->issue.record.id;
    enum status status = end_old(log, session, request, &request->old, successor, fault);

    while (status == STATUS_AGAIN) {
        status = change_read(log, &request->again, 0, old, fault);
        if (status != STATUS_DONE)
            return status;
        if (old->revoked != TIME_NEVER) {
            old->op = OPERATION_REVOKE;
            status = change_confirm(log, fault);
            log->doubt = status != STATUS_DONE;
            return status;
        }
        status = end_old(log, session, request, &request->old, successor, fault);
    }
    return status;
}

/* The successor's line comes first: if we are killed in between, both tokens work. *ended: the status of the
 * old token's line. */
static enum status append(const struct session *session, struct request *request, struct refs *refs,
                          struct prove_ahead *proving, enum status *ended, struct fault *fault)
{
    struct log log;
    enum status status = log_begin(&log, session, LOG_CHANGE, fault);

    if (status != STATUS_DONE)
        return status;
    output_catch_interruptions(); /* a token that nobody has seen must be reported */
    status = prove_ahead_finish(proving, &log, fault);
    if (status == STATUS_DONE)
        do
            status = append_successor(&log, session, request, refs, fault);
        while (status == STATUS_AGAIN);
    if (status == STATUS_DONE)
        *ended = end_rotated(&log, session, request, fault);
    request->doubt = log.doubt;
    change_end(&log, session);
    return status;
}

static void say_ending(const struct record *old, const char *why)
{
    char expires[WHEN_SIZE];

    when_format_local(expires, old->expires);
    if (old->op == OPERATION_REVOKE)
        say("revoked the old token %" PRIu64 " (id %s)%s", old->serial, old->id, why);
    else if (old->expires <= old->time)
        say("the old token %" PRIu64 " (id %s) expired %s%s", old->serial, old->id, expires, why);
    else if (old->expires == TIME_NEVER)
        say("the old token %" PRIu64 " (id %s) never expires%s", old->serial, old->id, why);
    else
        say("the old token %" PRIu64 " (id %s) works until %s%s", old->serial, old->id, expires, why);
}

/* Follow the successors of a successor to the last one, which is the one to rotate. */
static void name_last(const struct session *session, const struct ref *old, struct fault *fault)
{
    char id[ID_LENGTH + 1], *text = id;
    uint64_t last = old->successor_serial;
    bool revoked = old->successor_revoked, more = true;

    strcpy(id, old->successor);
    while (more) {
        struct refs refs;

        more = refs_make(&refs, session->domain->name, &text, 1, PROOF_OF_FOUND) == STATUS_DONE &&
               refs_read_again(&refs, session) == STATUS_DONE && refs.list[0].successor_serial > last;
        if (more) {
            last = refs.list[0].successor_serial;
            revoked = refs.list[0].successor_revoked;
            strcpy(id, refs.list[0].successor);
        }
        refs_free(&refs);
    }
    if (last > old->successor_serial)
        fault_set(fault, "the last of its successors, token %" PRIu64 " (id %s), %s", last, id,
                  revoked ? "was revoked: create another" : "has none: rotate that one");
}

static enum status replace(const struct session *session, struct request *request, struct refs *refs)
{
    enum status ended = STATUS_DONE, status;
    struct prove_ahead proving;
    struct fault fault;

    prove_ahead_begin(&proving, session, PROVE_AHEAD_LINES);
    status = append(session, request, refs, &proving, &ended, &fault);
    prove_ahead_end(&proving);
    for (size_t i = 0; i < request->interrupted_count; i++)
        say_ending(&request->interrupted[i].record, ": its rotation had been interrupted");
    if (status == STATUS_NO && refs->list[0].successor_serial > 0)
        name_last(session, &refs->list[0], &fault);
    if (status != STATUS_DONE)
        return fail(status, "token \"%.12s\": %s: %s", refs->list[0].text,
                    request->doubt ? "NOT known to be rotated" : "not rotated", fault.text);
    status = issue_print(&request->issue, session);
    if (ended == STATUS_DONE)
        say_ending(&request->old.record, "");
    else /* whatever it was, it is not true that nothing was done */
        ended = fail(STATUS_IO, "token %s: %s as before, and so does its successor: %s", request->id,
                     request->doubt ? "may still work" : "still works", fault.text);
    return status == STATUS_DONE ? ended : status;
}

/* Find the old token, then read the store by its id: which tokens succeed it, and is it itself a successor?
 */
static enum status find(const struct session *session, struct request *request, struct refs *refs)
{
    char *ids[] = {request->id, request->prev};
    struct record record;
    enum status status = refs_choose(refs, session, &request->chosen, PROOF_OF_STATE);

    if (status == STATUS_DONE)
        status = ref_read(&refs->list[0], &record);
    if (status != STATUS_DONE)
        return status;
    strcpy(request->id, record.id);
    if (record.prev.length == ID_LENGTH)
        memcpy(request->prev, record.prev.at, ID_LENGTH);
    refs_free(refs);
    status = refs_make(refs, session->domain->name, ids, request->prev[0] ? 2 : 1, PROOF_OF_STATE);
    if (status == STATUS_DONE)
        status = refs_make(&request->again, session->domain->name, ids, 1, PROOF_OF_STATE);
    if (status != STATUS_DONE)
        return status;
    if (!request->chosen.label)
        refs->list[0].text = request->chosen.texts[0];
    return refs_read_again(refs, session);
}

static const struct options options = {
    .shorts = "l:e:n", .longs = longs, .take = take_option, .help = help, .most = 1};

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {.chosen = {.to_rotate = true, .count = 1}, .grace = "24h"};
    struct issue *issue = &request.issue;
    struct refs refs = {0};
    enum status status = options_parse(argc, argv, &options, &request, &session->where, &issue->given);

    if (status != STATUS_DONE || issue->given.help)
        return status;
    if (!arguments_or_label(argc, argv, 1, request.chosen.label))
        return STATUS_USAGE;
    request.chosen.texts = argv + optind;
    status = issue_options_fit(issue);
    if (status == STATUS_DONE)
        status = session_open_to_change(session);
    if (status == STATUS_DONE)
        status = find(session, &request, &refs);
    if (status == STATUS_DONE)
        status = issue_make(issue, session);
    if (status == STATUS_DONE)
        status = take_times(&request, session->domain);
    if (status == STATUS_DONE)
        status = replace(session, &request, &refs);
    issue_end(issue);
    refs_free(&refs);
    refs_free(&request.again);
    return status;
}

const struct command command_rotate = {"rotate", "replace a token with a new one", help, run};
