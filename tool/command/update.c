#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command/command.h"
#include "store/change.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "token/attributes.h"
#include "token/describe.h"
#include "token/lifetime.h"

static const char help[] = "Usage: toktab [-c CONF] [-d DOMAIN] update [OPTIONS] TOKEN-REF\n"
                           "\n"
                           "Changes the label, expiry, scopes, networks or user of a token from the next\n"
                           "request on, never its secret. What you do not give stays as it is; if nothing\n"
                           "would change, nothing is written.\n"
                           "\n"
                           "TOKEN-REF is a serial (17), an id, or the first characters of an id: at least\n"
                           "four, with a letter among them.\n"
                           "\n"
                           "  -l, --label LABEL     what the token is for\n"
                           "  -e, --expires WHEN    90d (from now), 2027-01-31, 2027-01-31T12:00, or never;\n"
                           "                        an expired token works again\n"
                           "  -s, --scopes SCOPE,…  all of its scopes; '' for none\n"
                           "      --from CIDR,…     all of its networks; '' for any address\n"
                           "  -u, --user USER       the user it belongs to; '' for nobody\n"
                           "      --json            print the token as it is now as JSON\n"
                           "\n"
                           "Example: toktab update -e 90d -s read,write 17\n";

static const struct option longs[] = {
    {"label", required_argument, NULL, 'l'},  {"expires", required_argument, NULL, 'e'},
    {"scopes", required_argument, NULL, 's'}, {"from", required_argument, NULL, OPTION_FROM},
    {"user", required_argument, NULL, 'u'},   {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP}, {0}};

struct request {
    struct attributes attributes;
    const char *expires; /* NULL: not given */
    int64_t end;         /* the time it means */
    struct given given;
};

/* An empty value clears the attribute. After other values it is refused: dropping networks by mistake would
 * let everybody in. */
static enum status take_attribute(struct request *request, char **attribute,
                                  enum status (*take)(struct attributes *, const char *))
{
    if (optarg[0] != '\0')
        return take(&request->attributes, optarg);
    if (*attribute && (*attribute)[0] != '\0')
        return fail(STATUS_USAGE, "update: '' means none, so do not give other values with it");
    attribute_empty(attribute);
    return STATUS_DONE;
}

static enum status take_option(void *context, int option)
{
    struct request *request = context;
    struct attributes *attributes = &request->attributes;

    switch (option) {
    case 'l':
        return attributes_set_label(attributes, optarg);
    case 'e':
        request->expires = optarg;
        return STATUS_DONE;
    case 's':
        return take_attribute(request, &attributes->scopes, attributes_add_scopes);
    case 'u':
        return take_attribute(request, &attributes->user, attributes_set_user);
    case OPTION_FROM:
        return take_attribute(request, &attributes->nets, attributes_add_nets);
    default:
        return STATUS_USAGE;
    }
}

/* A token. before points into refs, after into refs and the request. */
struct edit {
    struct record before, after;
};

static enum status change(struct log *log, const struct session *session, const struct request *request,
                          struct refs *refs, struct edit *edit, struct fault *fault)
{
    const struct record *before = &edit->before;
    struct record *after = &edit->after;
    enum status status = change_read(log, refs, 0, &edit->before, fault);

    if (status != STATUS_DONE)
        return status;
    if (before->revoked != TIME_NEVER) {
        fault_set(fault, "it was revoked, for good: create another");
        return STATUS_NO;
    }
    *after = *before;
    attributes_apply(&request->attributes, after);
    if (request->expires)
        after->expires = request->end;
    if (after->expires == before->expires && span_same(after->label, before->label) &&
        span_same(after->scopes, before->scopes) && span_same(after->nets, before->nets) &&
        span_same(after->user, before->user))
        return change_confirm(log, fault);
    after->op = OPERATION_UPDATE;
    after->time = (int64_t)time(NULL);
    after->reason = (struct span){"", 0};
    return change_make(log, session, after, false, fault);
}

static enum status apply(const struct session *session, const struct request *request, struct refs *refs)
{
    struct edit edit;
    const struct record *after = &edit.after;
    struct fault fault;
    struct log log;
    enum status status = log_begin(&log, session, LOG_CHANGE, &fault);

    if (status == STATUS_DONE) {
        do
            status = change(&log, session, request, refs, &edit, &fault);
        while (status == STATUS_AGAIN);
        change_end(&log, session);
    }
    if (status != STATUS_DONE)
        return fail(status, "token \"%.12s\": %s: %s", refs->list[0].text,
                    log.doubt ? "NOT known to be changed" : "not changed", fault.text);
    if (after->n == edit.before.n)
        say("token %" PRIu64 " (id %s): nothing to change", after->serial, after->id);
    else {
        char *label = unescaped(after->label), *changes = differences(&edit.before, after);

        say("updated token %" PRIu64 " (id %s): \"%s\": %s", after->serial, after->id, label, changes);
        free(changes);
        free(label);
    }
    return request->given.json ? print_json(describe_json(after, session->domain->name, (int64_t)time(NULL)))
                               : STATUS_DONE;
}

/* What create refuses is refused before the lock is taken. */
static enum status update(struct session *session, struct request *request, struct refs *refs, char *text)
{
    const struct attributes *attributes = &request->attributes;
    struct record record;
    enum status status;

    if (!request->expires && !attributes->label && !attributes->scopes && !attributes->nets &&
        !attributes->user)
        return fail(STATUS_USAGE, "nothing to change: give -l, -e, -s, --from or -u");
    status = session_open_to_change(session);
    if (status == STATUS_DONE)
        status = refs_make(refs, session->domain->name, &text, 1, PROOF_OF_STATE);
    if (status == STATUS_DONE)
        status = refs_resolve(refs, session);
    if (status == STATUS_DONE)
        status = attributes_check_scopes(attributes, session->domain);
    if (status == STATUS_DONE && request->expires)
        status = ref_read(&refs->list[0], &record);
    if (status == STATUS_DONE && request->expires)
        status = lifetime_parse(request->expires, session->domain, &record.created, (int64_t)time(NULL),
                                &request->end);
    return status == STATUS_DONE ? apply(session, request, refs) : status;
}

static const struct options options = {.shorts = "l:e:s:u:",
                                       .longs = longs,
                                       .take = take_option,
                                       .help = help,
                                       .least = 1,
                                       .most = 1,
                                       .missing = "which token? give its serial or id"};

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {0};
    struct refs refs = {0};
    enum status status = options_parse(argc, argv, &options, &request, &session->where, &request.given);

    if (status == STATUS_DONE && !request.given.help)
        status = update(session, &request, &refs, argv[optind]);
    refs_free(&refs);
    attributes_free(&request.attributes);
    return status;
}

const struct command command_update = {"update", "change a token's label, expiry, scopes, networks or user",
                                       help, run};
