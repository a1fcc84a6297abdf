#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command/command.h"
#include "store/refs.h"
#include "terminal/ask.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "token/attributes.h"
#include "token/describe.h"
#include "token/revocation.h"

static const char help[] =
    "Usage: toktab [-c CONF] [-d DOMAIN] revoke [OPTIONS] TOKEN-REF…\n"
    "\n"
    "Revokes tokens, now and for good. Shows them and asks first; -y is required if\n"
    "there is no terminal. Revokes nothing unless every TOKEN-REF means one token.\n"
    "\n"
    "TOKEN-REF is a serial (17), an id, or the first characters of an id: at least\n"
    "four, with a letter among them.\n"
    "\n"
    "  -r, --reason REASON   why: at most 255 characters\n"
    "  -y, --yes             do not ask\n"
    "      --json            print the revoked token as JSON, or several tokens as an\n"
    "                        array\n"
    "\n"
    "Example: toktab list --active -u bob -o id --no-headings |\n"
    "             xargs -r toktab revoke -y -r \"left the company\"\n";

static const struct option longs[] = {{"reason", required_argument, NULL, 'r'},
                                      {"yes", no_argument, NULL, 'y'},
                                      {"json", no_argument, NULL, OPTION_JSON},
                                      {"help", no_argument, NULL, OPTION_HELP},
                                      {0}};

struct request {
    struct attributes attributes;
    bool yes, json, help;
};

static bool read_records(const struct refs *refs, struct record *records)
{
    for (size_t i = 0; i < refs->count; i++)
        if (!ref_record(&refs->list[i], &records[i])) {
            fail(STATUS_DAMAGED, "token %s: its line is invalid: run `toktab check`", refs->list[i].text);
            return false;
        }
    return true;
}

static bool any_to_end(const struct record *records, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (records[i].revoked == TIME_NEVER)
            return true;
    return false;
}

static enum status confirm(const struct record *records, size_t count)
{
    enum status status;

    if (!any_to_end(records, count))
        return STATUS_DONE;
    status = ask_possible("revoke");
    if (status != STATUS_DONE)
        return status;
    for (size_t i = 0; i < count; i++)
        say_token(&records[i]);
    return ask(count == 1 ? "Revoke this token for good?" : "Revoke these tokens for good?",
               "revoke: declined: nothing was revoked");
}

static enum status print(const struct refs *refs, const struct revocation *revocations, const char *domain)
{
    json_t *array = must_have(json_array());
    enum status status = STATUS_DONE;
    int64_t now = (int64_t)time(NULL);
    struct record record;

    for (size_t i = 0; i < refs->count; i++)
        if (revocations[i].status == STATUS_DONE && ref_record(&refs->list[i], &record))
            json_array_append_new(array, describe_json(&record, domain, now));
    if (json_array_size(array) > 0)
        status = print_json(refs->count == 1 ? json_incref(json_array_get(array, 0)) : json_incref(array));
    json_decref(array);
    return status;
}

static enum status revoke_and_print(const struct session *session, const struct request *request,
                                    struct refs *refs)
{
    struct revocation *revocations = must_have(calloc(refs->count, sizeof(*revocations)));
    enum status status, printed = STATUS_DONE;

    for (size_t i = 0; i < refs->count; i++)
        revocations[i].attributes = &request->attributes;
    status = revoke_tokens(session, refs, revocations);
    if (request->json)
        printed = print(refs, revocations, session->domain->name);
    free(revocations);
    return status == STATUS_DONE ? printed : status;
}

static enum status ask_and_revoke(struct session *session, const struct request *request, struct refs *refs)
{
    struct record *records = must_have(calloc(refs->count, sizeof(*records)));
    enum status status = refs_resolve(refs, session, false);

    if (status == STATUS_DONE && !read_records(refs, records))
        status = STATUS_DAMAGED;
    if (status == STATUS_DONE && !request->yes)
        status = confirm(records, refs->count);
    free(records);
    return status == STATUS_DONE ? revoke_and_print(session, request, refs) : status;
}

static enum status take_option(void *context, int option)
{
    struct request *request = context;

    switch (option) {
    case 'r':
        return attributes_set_reason(&request->attributes, optarg);
    case 'y':
        request->yes = true;
        return STATUS_DONE;
    case OPTION_JSON:
        request->json = true;
        return STATUS_DONE;
    default:
        return STATUS_USAGE;
    }
}

static const struct options options = {"r:y", longs, take_option};

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {0};
    struct refs refs = {0};
    enum status status = each_option(argc, argv, &options, &request, &request.help);

    if (status == STATUS_DONE && request.help)
        return output_help(help);
    if (status == STATUS_DONE &&
        !arguments_fit(argc, argv, 1, argc, "which tokens? give their serials or ids"))
        status = STATUS_USAGE;
    if (status == STATUS_DONE)
        status = session_open_to_change(session);
    if (status == STATUS_DONE)
        status = refs_make(&refs, session->domain->name, argv + optind, argc - optind);
    if (status == STATUS_DONE)
        status = ask_and_revoke(session, &request, &refs);
    refs_free(&refs);
    attributes_free(&request.attributes);
    return status;
}

const struct command command_revoke = {"revoke", "revoke tokens, now and for good", help, run};
