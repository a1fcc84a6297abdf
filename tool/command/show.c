#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command/command.h"
#include "store/refs.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "token/describe.h"

static const char help[] = "Usage: toktab [-c CONF] [-d DOMAIN] show [--json] TOKEN-REF\n"
                           "\n"
                           "Shows everything about one token except its secret.\n"
                           "\n"
                           "TOKEN-REF is a serial (17), an id, or the first characters of an id: at least\n"
                           "four, with a letter among them.\n"
                           "\n"
                           "      --json   print it as JSON\n";

static const struct option longs[] = {
    {"json", no_argument, NULL, OPTION_JSON}, {"help", no_argument, NULL, OPTION_HELP}, {0}};

/* What people ask first comes first. */
static const enum attribute order[] = {
    ATTRIBUTE_SERIAL,  ATTRIBUTE_ID,      ATTRIBUTE_DOMAIN,    ATTRIBUTE_LABEL,  ATTRIBUTE_STATE,
    ATTRIBUTE_CREATED, ATTRIBUTE_EXPIRES, ATTRIBUTE_REVOKED,   ATTRIBUTE_REASON, ATTRIBUTE_SCOPES,
    ATTRIBUTE_FROM,    ATTRIBUTE_USER,    ATTRIBUTE_LAST_USED, ATTRIBUTE_PREV,   ATTRIBUTE_BY,
};

static enum status print_lines(const struct record *record, const struct domain *domain)
{
    int64_t now = (int64_t)time(NULL);
    bool good = true;

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]) && good; i++) {
        char *text, line[16];

        if (order[i] == ATTRIBUTE_LAST_USED && !domain->track_usage)
            continue;
        text = describe(record, domain->name, order[i], now, FORM_LONG);
        snprintf(line, sizeof(line), "%-10s  ", attribute_names[order[i]]);
        good = output_text(line) && output_text(text) && output_text("\n");
        free(text);
    }
    return good ? STATUS_DONE : output_failed();
}

static enum status show(struct session *session, char *text, bool json)
{
    const struct domain *domain;
    struct record record;
    struct refs refs;
    enum status status = session_open(session);

    if (status != STATUS_DONE)
        return status;
    domain = session->domain;
    status = refs_make(&refs, domain->name, &text, 1);
    if (status == STATUS_DONE)
        status = refs_resolve(&refs, session, true);
    if (status == STATUS_DONE && !ref_record(&refs.list[0], &record))
        status = fail(STATUS_DAMAGED, "token %s: its line is invalid: run `toktab check`", text);
    if (status == STATUS_DONE)
        status = json ? print_json(describe_json(&record, domain->name, (int64_t)time(NULL)))
                      : print_lines(&record, domain);
    refs_free(&refs);
    return status;
}

static enum status run(struct session *session, int argc, char **argv)
{
    bool json = false, wants_help = false;
    enum status status = json_option(argc, argv, longs, &json, &wants_help);

    if (status != STATUS_DONE)
        return status;
    if (wants_help)
        return output_help(help);
    if (!arguments_fit(argc, argv, 1, 1, "which token? give its serial or id"))
        return STATUS_USAGE;
    return show(session, argv[optind], json);
}

const struct command command_show = {"show", "show one token in full", help, run};
