#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command/command.h"
#include "store/label.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "token/describe.h"

static const char help[] = "Usage: toktab [-c CONF] [-d DOMAIN] show [--json] TOKEN-REF | -l LABEL\n"
                           "\n"
                           "Shows everything about one token except its secret.\n"
                           "\n"
                           "TOKEN-REF is a serial (17), an id, or the first characters of an id: at least\n"
                           "four, with a letter among them.\n"
                           "\n"
                           "  -l, --label LABEL  the active token with exactly this label\n"
                           "      --json         print it as JSON\n";

static const struct option longs[] = {{"label", required_argument, NULL, 'l'},
                                      {"json", no_argument, NULL, OPTION_JSON},
                                      {"help", no_argument, NULL, OPTION_HELP},
                                      {0}};

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

static const struct options options = {
    .shorts = "l:", .longs = longs, .take = chosen_take_label, .help = help, .most = 1};

static enum status run(struct session *session, int argc, char **argv)
{
    struct chosen chosen = {.count = 1};
    struct given given = {0};
    struct record record;
    struct refs refs = {0};
    enum status status = options_parse(argc, argv, &options, &chosen, &session->where, &given);

    if (status != STATUS_DONE || given.help)
        return status;
    if (!arguments_or_label(argc, argv, 1, chosen.label))
        return STATUS_USAGE;
    chosen.texts = argv + optind;
    status = session_open(session);
    if (status == STATUS_DONE)
        status = refs_choose(&refs, session, &chosen, PROOF_OF_STORE);
    if (status == STATUS_DONE)
        status = ref_read(&refs.list[0], &record);
    if (status == STATUS_DONE)
        status = given.json ? print_json(describe_json(&record, session->domain->name, (int64_t)time(NULL)))
                            : print_lines(&record, session->domain);
    refs_free(&refs);
    return status;
}

const struct command command_show = {"show", "show one token in full", help, run};
