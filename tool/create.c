#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attributes.h"
#include "change.h"
#include "command.h"
#include "describe.h"
#include "duration.h"
#include "options.h"
#include "output.h"
#include "secret.h"
#include "when.h"

static const char help[] = "Usage: toktab [-c CONF] [-d DOMAIN] create -l LABEL [OPTIONS]\n"
                           "\n"
                           "Creates a token and prints it, alone, on stdout. It cannot be shown again.\n"
                           "\n"
                           "  -l, --label LABEL      what the token is for: 1 to 128 characters\n"
                           "  -e, --expires WHEN     90d, 12h, 2027-01-31, 2027-01-31T12:00, or never; else\n"
                           "                         the domain's default_lifetime or max_lifetime\n"
                           "  -s, --scopes SCOPE,…   what the token may be used for\n"
                           "      --from CIDR,…      the networks it may be used from: 192.0.2.0/24\n"
                           "  -u, --user USER        whom it stands for\n"
                           "      --copy             put the token on the terminal's clipboard (OSC 52)\n"
                           "                         instead of showing it\n"
                           "      --json             print the token and all about it as JSON\n"
                           "\n"
                           "Example: toktab create -l \"CI deploy\" -e 90d -s read,write\n";

static const struct option longs[] = {
    {"label", required_argument, NULL, 'l'},
    {"expires", required_argument, NULL, 'e'},
    {"scopes", required_argument, NULL, 's'},
    {"from", required_argument, NULL, OPTION_FROM},
    {"user", required_argument, NULL, 'u'},
    {"copy", no_argument, NULL, OPTION_COPY},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

struct request {
    struct attributes attributes;
    const char *expires; /* NULL: not said */
    bool copy, json, help;
};

static enum status take_option(struct request *request, int option)
{
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
    case OPTION_COPY:
        request->copy = true;
        return STATUS_DONE;
    case OPTION_JSON:
        request->json = true;
        return STATUS_DONE;
    case OPTION_HELP:
        request->help = true;
        return STATUS_DONE;
    default:
        return STATUS_USAGE;
    }
}

static enum status take_options(struct request *request, int argc, char **argv)
{
    int option;

    while (!request->help && (option = next_option(argc, argv, "l:e:s:u:", longs)) != -1) {
        enum status status = take_option(request, option);

        if (status != STATUS_DONE)
            return status;
    }
    if (request->help)
        return STATUS_DONE;
    if (!arguments_fit(argc, argv, 0, 0, ""))
        return STATUS_USAGE;
    if (!request->attributes.label)
        return fail(STATUS_USAGE, "label: it is missing: say with -l what the token is for");
    if (request->copy && request->json)
        return fail(STATUS_USAGE, "--copy: it excludes --json");
    return STATUS_DONE;
}

/* When the life of the token ends, and by which rule. */
static enum status choose_expiry(const struct request *request, const struct domain *domain, int64_t now,
                                 int64_t *expires, const char **rule)
{
    char most[DURATION_TEXT_SIZE];
    const char *wrong;

    *rule = request->expires           ? "as you said"
            : domain->default_lifetime ? "default_lifetime"
            : domain->max_lifetime     ? "max_lifetime"
                                       : "no limit is set";
    *expires = domain->default_lifetime ? now + domain->default_lifetime
               : domain->max_lifetime   ? now + domain->max_lifetime
                                        : TIME_NEVER;
    wrong = request->expires ? when_parse(request->expires, now, expires) : NULL;
    if (wrong)
        return fail(STATUS_USAGE, "expiry \"%.15s%s\": %s", request->expires, cut_mark(request->expires),
                    wrong);
    if (domain->max_lifetime && *expires > now + domain->max_lifetime) {
        duration_format(most, domain->max_lifetime);
        return fail(STATUS_USAGE, "expiry: in domain \"%s\" no token lives longer than %s (max_lifetime)",
                    domain->name, most);
    }
    return STATUS_DONE;
}

static enum status append(const struct session *session, struct record *record)
{
    struct fault fault;
    struct log log;
    enum status status = log_begin(&log, session->config.store_dir, session->domain->name, true, &fault);

    if (status == STATUS_DONE) {
        output_catch_interruptions(); /* when the lock is free again, whoever waited to end us would leave a
                                         token unseen */
        status = change_append(&log, session, record, &fault);
        log_end(&log);
        if (log.aside.text[0] != '\0')
            say("%s", log.aside.text);
    }
    return status == STATUS_DONE ? STATUS_DONE : fail(status, "%s", fault.text);
}

/* It was created, but nobody has seen it. */
static enum status not_shown(const struct record *record, enum status status)
{
    say("token %" PRIu64
        " was created, but could not be shown: revoke it (toktab revoke %s) and create another",
        record->serial, record->id);
    return status;
}

static void say_created(const struct session *session, const struct record *record, const char *rule,
                        bool copied)
{
    char expires[WHEN_SIZE], *label = unescaped(record->label);

    when_format_local(expires, record->expires);
    say("created token %" PRIu64 " (id %s) in domain %s: \"%s\", expires: %s (%s)", record->serial,
        record->id, session->domain->name, label, expires, rule);
    say(copied ? "the token: it was sent to your terminal's clipboard, and cannot be shown again: paste it "
                 "where "
                 "it belongs now"
               : "the token: copy it now, it cannot be shown again");
    free(label);
}

static enum status print_as_json(const struct session *session, const struct record *record,
                                 const char *token)
{
    json_t *object;

    secret_guard_json();
    object = describe_json(record, session->domain->name, record->time);
    json_object_set_new(object, "token", must_have(json_string(token)));
    return print_json(object);
}

static enum status show(const struct session *session, const struct request *request,
                        const struct record *record, const char *token, const char *rule)
{
    enum status status;

    if (request->copy)
        status = secret_copy(token);
    else if (request->json)
        status = print_as_json(session, record, token);
    else
        status = output_text(token) && output_text("\n") ? STATUS_DONE : output_failed();
    if (status != STATUS_DONE)
        return not_shown(record, status);
    say_created(session, record, rule, request->copy);
    return STATUS_DONE;
}

static enum status make(const struct session *session, const struct request *request, char *token)
{
    struct record record = {.op = OPERATION_CREATE, .revoked = TIME_NEVER, .time = (int64_t)time(NULL)};
    size_t length = token_make(token, session->domain->prefix);
    const char *id, *rule;
    enum status status;

    if (!token_shape_valid(token, length, &id))
        return fail(STATUS_IO, "token: what was made is none");
    memcpy(record.id, id, ID_LENGTH);
    crypto_hash_token(record.hash, token, length, id);
    attributes_apply(&request->attributes, &record);
    status = choose_expiry(request, session->domain, record.time, &record.expires, &rule);
    if (status == STATUS_DONE)
        status = append(session, &record);
    return status == STATUS_DONE ? show(session, request, &record, token, rule) : status;
}

static enum status create(struct session *session, const struct request *request)
{
    enum status status = session_open(session);
    char *token;

    if (status == STATUS_DONE)
        status = attributes_check_scopes(&request->attributes, session->domain);
    if (status == STATUS_DONE)
        status = request->copy ? secret_can_copy() : output_possible();
    if (status != STATUS_DONE)
        return status;
    token = must_have(crypto_alloc(TOKEN_MAX + 1));
    status = make(session, request, token);
    crypto_free(token);
    crypto_wipe_stack();
    return status;
}

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {0};
    enum status status = take_options(&request, argc, argv);

    if (status == STATUS_DONE)
        status = request.help ? output_help(help) : create(session, &request);
    attributes_free(&request.attributes);
    return status;
}

const struct command command_create = {"create", "make a token and print it, once", help, run};
