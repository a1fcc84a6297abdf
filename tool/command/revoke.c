#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command/command.h"
#include "store/label.h"
#include "terminal/ask.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "token/attributes.h"
#include "token/describe.h"
#include "token/revocation.h"

static const char help[] =
    "Usage: toktab [-c CONF] [-d DOMAIN] revoke [OPTIONS] TOKEN-REF… | -l LABEL\n"
    "\n"
    "Revokes tokens, now and for good. Shows them and asks first; -y is required if\n"
    "there is no terminal. Revokes nothing unless every TOKEN-REF means one token.\n"
    "\n"
    "TOKEN-REF is a serial (17), an id, or the first characters of an id: at least\n"
    "four, with a letter among them.\n"
    "\n"
    "  -l, --label LABEL     the active token with exactly this label\n"
    "  -r, --reason REASON   why: at most 255 characters\n"
    "  -y, --yes             do not ask\n"
    "      --json            print the revoked token as JSON, or several tokens as an\n"
    "                        array\n"
    "\n"
    "Example: toktab list -u bob -o id --no-headings |\n"
    "             xargs -r toktab revoke -y -r \"left the company\"\n";

static const struct option longs[] = {
    {"label", required_argument, NULL, 'l'},  {"reason", required_argument, NULL, 'r'},
    {"yes", no_argument, NULL, 'y'},          {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP}, {0}};

struct request {
    struct chosen chosen;
    struct attributes attributes;
    struct given given;
};

/* Show the tokens and ask, unless all of them are revoked already. */
static enum status confirm(const struct refs *refs, bool yes)
{
    bool any_to_end = false;
    struct record record;
    enum status status;

    for (size_t i = 0; i < refs->count; i++) {
        status = ref_read(&refs->list[i], &record);
        if (status != STATUS_DONE)
            return status;
        any_to_end |= record.revoked == TIME_NEVER;
    }
    if (yes || !any_to_end)
        return STATUS_DONE;
    status = ask_possible("revoke");
    if (status != STATUS_DONE)
        return status;
    for (size_t i = 0; i < refs->count; i++)
        if (ref_record(&refs->list[i], &record))
            say_token(&record);
    return ask(refs->count == 1 ? "Revoke this token for good?" : "Revoke these tokens for good?",
               "revoke: declined: nothing was revoked");
}

static enum status revoke(const struct session *session, const struct request *request, struct refs *refs)
{
    struct revocation *revocations = must_have(calloc(refs->count, sizeof(*revocations)));
    json_t *array = must_have(json_array());
    enum status status, printed = STATUS_DONE;
    struct record record;

    for (size_t i = 0; i < refs->count; i++)
        revocations[i].attributes = &request->attributes;
    status = revoke_tokens(session, refs, revocations);
    for (size_t i = 0; i < refs->count; i++)
        if (request->given.json && revocations[i].status == STATUS_DONE &&
            ref_record(&refs->list[i], &record))
            json_append(array, describe_json(&record, session->domain->name, (int64_t)time(NULL)));
    if (json_array_size(array) > 0)
        printed = print_json(refs->count == 1 ? json_incref(json_array_get(array, 0)) : json_incref(array));
    json_decref(array);
    free(revocations);
    return status == STATUS_DONE ? printed : status;
}

/* The same serial is another token in each domain, and with -y nobody sees which one is meant. */
static enum status check_serials(const struct session *session, const struct chosen *chosen)
{
    for (int i = 0; i < chosen->count; i++)
        if (ref_is_serial(chosen->texts[i]))
            return session_need_domain(session);
    return STATUS_DONE;
}

static enum status ask_and_revoke(struct session *session, const struct request *request, struct refs *refs)
{
    enum status status = session_open_to_change(session);

    if (status == STATUS_DONE && request->given.yes)
        status = check_serials(session, &request->chosen);
    if (status == STATUS_DONE)
        status = refs_choose(refs, session, &request->chosen, PROOF_OF_FOUND);
    if (status == STATUS_DONE)
        status = confirm(refs, request->given.yes);
    return status == STATUS_DONE ? revoke(session, request, refs) : status;
}

static enum status take_option(void *context, int option)
{
    struct request *request = context;

    switch (option) {
    case 'l':
        request->chosen.label = optarg;
        return STATUS_DONE;
    case 'r':
        return attributes_set_reason(&request->attributes, optarg);
    default:
        return STATUS_USAGE;
    }
}

static const struct options options = {
    .shorts = "l:r:y", .longs = longs, .take = take_option, .help = help, .most = INT_MAX};

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {0};
    struct refs refs = {0};
    enum status status = options_parse(argc, argv, &options, &request, &session->where, &request.given);

    if (status == STATUS_DONE && !request.given.help &&
        !arguments_or_label(argc, argv, 1, request.chosen.label))
        status = STATUS_USAGE;
    request.chosen.texts = argv + optind;
    request.chosen.count = argc - optind;
    if (status == STATUS_DONE && !request.given.help)
        status = ask_and_revoke(session, &request, &refs);
    refs_free(&refs);
    attributes_free(&request.attributes);
    return status;
}

const struct command command_revoke = {"revoke", "revoke tokens, now and for good", help, run};
