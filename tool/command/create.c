#include <limits.h>

#include "command/command.h"
#include "store/change.h"
#include "store/prove_ahead.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "token/attributes.h"
#include "token/issue.h"
#include "token/lifetime.h"

static const char help[] = "Usage: toktab [-c CONF] [-d DOMAIN] create -l LABEL [OPTIONS]\n"
                           "\n"
                           "Creates a token and prints it, alone, on stdout. It cannot be shown again.\n"
                           "\n"
                           "  -l, --label LABEL      what the token is for: 1 to 128 characters\n"
                           "  -e, --expires WHEN     90d, 12h, 2027-01-31, 2027-01-31T12:00, or never; by\n"
                           "                         default the domain's default_lifetime or max_lifetime\n"
                           "  -s, --scopes SCOPE,…   what the token may be used for\n"
                           "      --from CIDR,…      the networks it may be used from: 192.0.2.0/24\n"
                           "  -u, --user USER        the user it belongs to\n"
                           "      --copy             send the token to the terminal's clipboard (OSC 52)\n"
                           "                         instead of showing it\n"
                           "  -n, --no-newline       print no newline after the token\n"
                           "      --json             print the token and its record as JSON\n"
                           "\n"
                           "Example: toktab create -l \"CI deploy\" -e 90d -s read,write\n";

static const struct option longs[] = {
    {"label", required_argument, NULL, 'l'},  {"expires", required_argument, NULL, 'e'},
    {"scopes", required_argument, NULL, 's'}, {"from", required_argument, NULL, OPTION_FROM},
    {"user", required_argument, NULL, 'u'},   {"copy", no_argument, NULL, OPTION_COPY},
    {"no-newline", no_argument, NULL, 'n'},   {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP}, {0},
};

struct request {
    struct attributes attributes;
    const char *expires; /* NULL: not given */
    struct issue issue;
};

static enum status take_option(void *context, int option)
{
    struct request *request = context;

    switch (option) {
    case 'l':
        return attributes_set_label(&request->attributes, optarg);
    case 'e':
        request->expires = optarg;
        return STATUS_DONE;
    case 's':
        return attributes_add_scopes(&request->attributes, optarg);
    case 'u':
        return attributes_set_user(&request->attributes, optarg);
    case OPTION_FROM:
        return attributes_add_nets(&request->attributes, optarg);
    default:
        return STATUS_USAGE;
    }
}

/* When the token expires, and by which rule. */
static enum status choose_expiry(struct request *request, const struct domain *domain)
{
    struct record *record = &request->issue.record;

    if (request->expires)
        return lifetime_parse(request->expires, domain, NULL, record->time, &record->expires);
    record->expires = lifetime_default(domain, record->time, &request->issue.rule);
    return STATUS_DONE;
}

static enum status create(struct session *session, struct request *request)
{
    struct issue *issue = &request->issue;
    struct prove_ahead proving;
    struct fault fault;
    struct log log;
    enum status status = issue_options_fit(issue);

    if (status == STATUS_DONE)
        status = session_open_to_change(session);
    if (status == STATUS_DONE)
        status = attributes_check_scopes(&request->attributes, session->domain);
    if (status == STATUS_DONE)
        status = issue_make(issue, session);
    if (status != STATUS_DONE)
        return status;
    attributes_apply(&request->attributes, &issue->record);
    status = choose_expiry(request, session->domain);
    if (status != STATUS_DONE)
        return status;
    prove_ahead_begin(&proving, session, PROVE_AHEAD_LINES);
    status = log_begin(&log, session, LOG_CREATION, &fault);
    if (status == STATUS_DONE) {
        output_catch_interruptions(); /* a token that nobody has seen must be reported */
        status = prove_ahead_finish(&proving, &log, &fault);
        if (status == STATUS_DONE)
            do
                status = change_make(&log, session, &issue->record, false, &fault);
            while (status == STATUS_AGAIN);
        change_end(&log, session);
    }
    prove_ahead_end(&proving);
    return status == STATUS_DONE ? issue_print(issue, session) : fail(status, "%s", fault.text);
}

/* A label without -l is the likely mistake, so the missing label is reported before an argument too many. */
static const struct options options = {
    .shorts = "l:e:s:u:n", .longs = longs, .take = take_option, .help = help, .most = INT_MAX};

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {0};
    enum status status = options_parse(argc, argv, &options, &request, &session->where, &request.issue.given);

    if (status == STATUS_DONE && !request.issue.given.help) {
        if (!request.attributes.label) {
            say_field("label");
            status = fail(STATUS_USAGE, "a label is required: -l \"what the token is for\"");
        } else if (!arguments_fit(argc, argv, 0, 0, ""))
            status = STATUS_USAGE;
        else
            status = create(session, &request);
    }
    issue_end(&request.issue);
    attributes_free(&request.attributes);
    return status;
}

const struct command command_create = {"create", "create a token and print it, once", help, run};
