#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"
#include "store/label.h"
#include "store/lineage.h"
#include "store/tokens.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "terminal/sheet.h"
#include "token/describe.h"
#include "token/when.h"

static const char help[] = "Usage: toktab [-c CONF] [-d DOMAIN] history [--json] [TOKEN-REF | -l LABEL]\n"
                           "\n"
                           "Shows every change of the domain's tokens: its number in the log, the time, the\n"
                           "token, the kind of change, who made it (user/uid/login uid), what changed and\n"
                           "why. With TOKEN-REF, shows only that token, the tokens that it succeeds and the\n"
                           "tokens that succeed it.\n"
                           "\n"
                           "Of the changes before a compaction, only the last one of each token is left.\n"
                           "\n"
                           "TOKEN-REF is a serial (17), an id, or the first characters of an id: at least\n"
                           "four, with a letter among them.\n"
                           "\n"
                           "  -l, --label LABEL  the active token with exactly this label\n"
                           "      --json         print a JSON array: n, change and time of each change, and\n"
                           "                     the token as the change left it\n"
                           "\n"
                           "Example: toktab history 17\n";

static const struct option longs[] = {{"label", required_argument, NULL, 'l'},
                                      {"json", no_argument, NULL, OPTION_JSON},
                                      {"help", no_argument, NULL, OPTION_HELP},
                                      {0}};

enum heading {
    HEADING_N,
    HEADING_TIME,
    HEADING_SERIAL,
    HEADING_ID,
    HEADING_CHANGE,
    HEADING_BY,
    HEADING_WHAT
};

static const struct sheet_column columns[] = {
    [HEADING_N] = {.heading = "N", .right = true},
    [HEADING_TIME] = {.heading = "TIME"},
    [HEADING_SERIAL] = {.heading = "SERIAL", .right = true},
    [HEADING_ID] = {.heading = "ID", .optional = true},
    [HEADING_CHANGE] = {.heading = "CHANGE"},
    [HEADING_BY] = {.heading = "BY"},
    [HEADING_WHAT] = {.heading = "WHAT", .wraps = true},
};

enum { HEADINGS = sizeof(columns) / sizeof(columns[0]) };

struct printing {
    const struct lineage *lineage;
    bool *wanted; /* for each line of the lineage */
    const char *domain;
    int64_t now;
};

/* What a line says, but no line can bring back a revoked token. */
static void read_event(const struct event *event, struct record *record, struct record *before)
{
    event_record(record, event->id);
    if (!event->before)
        return;
    event_record(before, event->before);
    if (before->revoked != TIME_NEVER)
        record->revoked = before->revoked;
}

static const char *change_name(const struct record *record)
{
    switch (record->op) {
    case OPERATION_CREATE:
        return "create";
    case OPERATION_UPDATE:
        return "update";
    case OPERATION_REVOKE:
        return "revoke";
    case OPERATION_POINT:
    default:
        return record->ext.length > 0 ? "mend" : "compact";
    }
}

/* What changed, and why; "-" if nothing tells. */
static char *describe_event(const struct event *event, const struct record *record,
                            const struct record *before)
{
    bool of_token = record->op != OPERATION_POINT;
    char *what = of_token ? differences(event->before ? before : NULL, record) : must_have(strdup(""));
    char *why = unescaped_shown(of_token ? record->reason : record->ext);
    char *both = composed("%s%s%s", what, what[0] && why[0] ? "; " : "", what[0] || why[0] ? why : "-");

    free(what);
    free(why);
    return both;
}

/* On a terminal the name, unless somebody else has logged in than who did it. */
static char *describe_author(struct span by, bool terminal)
{
    struct span name = by, uid, login;
    const char *slash = memchr(by.at, '/', by.length), *second;

    if (!terminal || !slash)
        return unescaped_shown(by);
    name.length = (size_t)(slash - by.at);
    uid = (struct span){slash + 1, by.length - name.length - 1};
    second = memchr(uid.at, '/', uid.length);
    login = second ? (struct span){second + 1, uid.length - (size_t)(second - uid.at) - 1} : uid;
    uid.length = second ? (size_t)(second - uid.at) : uid.length;
    return unescaped_shown(span_same(uid, login) || span_equals(login, "-") ? name : by);
}

static char *number(uint64_t value)
{
    return composed("%" PRIu64, value);
}

static void print_rows(struct sheet *sheet, void *context)
{
    const struct printing *printing = context;

    for (size_t i = 0; i < printing->lineage->count; i++) {
        const struct event *event = &printing->lineage->list[i];
        struct record record, before;
        struct cell cells[HEADINGS] = {0};
        char when[WHEN_SIZE];
        bool of_token;

        if (!printing->wanted[i])
            continue;
        read_event(event, &record, &before);
        of_token = record.op != OPERATION_POINT;
        if (sheet->terminal)
            when_format_distance(when, record.time, printing->now);
        else
            when_format_local(when, record.time);
        cells[HEADING_N].text = number(event->n);
        cells[HEADING_TIME].text = must_have(strdup(when));
        cells[HEADING_SERIAL].text = of_token ? number(record.serial) : must_have(strdup("-"));
        cells[HEADING_ID].text = must_have(strdup(of_token && !sheet->terminal ? record.id : "-"));
        cells[HEADING_CHANGE].text = must_have(strdup(change_name(&record)));
        cells[HEADING_BY].text = describe_author(record.by, sheet->terminal);
        cells[HEADING_WHAT].text = describe_event(event, &record, &before);
        sheet_row(sheet, cells);
    }
}

static json_t *event_json(const struct event *event, const char *domain)
{
    static const enum attribute of_token[] = {ATTRIBUTE_ID,    ATTRIBUTE_SERIAL,  ATTRIBUTE_LABEL,
                                              ATTRIBUTE_STATE, ATTRIBUTE_CREATED, ATTRIBUTE_EXPIRES};
    char text[WHEN_SIZE];
    struct record record, before;
    json_t *object, *token;

    read_event(event, &record, &before);
    when_format_utc(text, record.time);
    object = must_have(json_pack("{s:I, s:s, s:s}", "n", (json_int_t)event->n, "change", change_name(&record),
                                 "time", text));
    token = describe_json(&record, domain, record.time);
    json_object_update(object, token);
    json_decref(token);
    if (record.op == OPERATION_POINT) /* it belongs to no token */
        for (size_t i = 0; i < sizeof(of_token) / sizeof(of_token[0]); i++)
            json_add(object, attribute_names[of_token[i]], json_null());
    return object;
}

static enum status print_array(const struct printing *printing)
{
    const struct lineage *lineage = printing->lineage;
    bool first = true, good = true;

    for (size_t i = 0; i < lineage->count && good; i++)
        if (printing->wanted[i]) {
            good = output_text(first ? "[\n" : ",\n") &&
                   write_json(event_json(&lineage->list[i], printing->domain));
            first = false;
        }
    good = good && output_text(first ? "[]\n" : "\n]\n");
    return good ? STATUS_DONE : output_failed();
}

/* id: the token to show; NULL: all. */
static enum status read_and_print(const struct session *session, const char *id, bool json)
{
    struct lineage lineage;
    const struct header *header = &lineage.proof.chain.header;
    struct printing printing = {
        .lineage = &lineage, .domain = session->domain->name, .now = (int64_t)time(NULL)};
    struct sheet sheet = {.columns = columns, .count = HEADINGS};
    enum status status;
    char cutoff[WHEN_SIZE];

    if (!id && !tokens_exist(session)) { /* as a store without lines */
        session_awaits_store(session);
        return json ? output_line("[]") : STATUS_DONE;
    }
    status = lineage_read(&lineage, session);
    if (status == STATUS_DONE) {
        printing.wanted = must_have(calloc(lineage.count + 1, sizeof(*printing.wanted)));
        lineage_mark(&lineage, id, printing.wanted);
        if (header->base > 0) {
            when_format_local(cutoff, header->cutoff);
            say("changes 1 to %" PRIu64 " were compacted; only the last change of each token is kept%s%s",
                header->base, header->cutoff == TIME_NEVER ? "" : ", and none of tokens dead before ",
                header->cutoff == TIME_NEVER ? "" : cutoff);
        }
        status = json ? print_array(&printing) : sheet_print(&sheet, print_rows, &printing);
        free(printing.wanted);
    }
    lineage_free(&lineage);
    return status;
}

static const struct options options = {
    .shorts = "l:", .longs = longs, .take = chosen_take_label, .help = help, .most = 1};

static enum status run(struct session *session, int argc, char **argv)
{
    struct chosen chosen = {0};
    struct given given = {0};
    struct refs refs = {0};
    enum status status = options_parse(argc, argv, &options, &chosen, &session->where, &given);
    bool one;

    if (status != STATUS_DONE || given.help)
        return status;
    if (!arguments_or_label(argc, argv, 0, chosen.label))
        return STATUS_USAGE;
    chosen.texts = argv + optind;
    chosen.count = argc - optind;
    one = chosen.label || chosen.count > 0;
    status = session_open(session);
    if (status == STATUS_DONE && one)
        status = refs_choose(&refs, session, &chosen, PROOF_OF_FOUND);
    if (status == STATUS_DONE)
        status = read_and_print(session, one ? refs.list[0].id : NULL, given.json);
    refs_free(&refs);
    return status;
}

const struct command command_history = {"history", "show what changed, by whom and when", help, run};
