#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "describe.h"
#include "grid.h"
#include "options.h"
#include "output.h"
#include "plain.h"
#include "progress.h"
#include "tokens.h"
#include "when.h"

static const char help[] = "Usage: toktab [-c CONF] [-d DOMAIN] list [OPTIONS]\n"
                           "\n"
                           "Lists tokens by serial. Filters combine: the states that are named, and all of\n"
                           "the rest.\n"
                           "\n"
                           "      --active          tokens that work\n"
                           "      --revoked         tokens that were revoked\n"
                           "      --expired         tokens whose time is over\n"
                           "      --expiring TIME   tokens that work, but not until after that (14d, or a\n"
                           "                        date); exits with 1 if there are any\n"
                           "  -l, --label GLOB      by label: \"CI *\"\n"
                           "  -u, --user USER       by user\n"
                           "  -o, --output COLUMNS  serial,id,label,state,scopes,created,expires,last_used;\n"
                           "                        also domain,revoked,from,user,reason,prev,by\n"
                           "      --no-headings     without the first line\n"
                           "      --json            as a JSON array\n"
                           "\n"
                           "Example: toktab list --active -u bob -o id --no-headings\n";

static const struct option longs[] = {{"active", no_argument, NULL, OPTION_ACTIVE},
                                      {"revoked", no_argument, NULL, OPTION_REVOKED},
                                      {"expired", no_argument, NULL, OPTION_EXPIRED},
                                      {"expiring", required_argument, NULL, OPTION_EXPIRING},
                                      {"label", required_argument, NULL, 'l'},
                                      {"user", required_argument, NULL, 'u'},
                                      {"output", required_argument, NULL, 'o'},
                                      {"no-headings", no_argument, NULL, OPTION_NO_HEADINGS},
                                      {"json", no_argument, NULL, OPTION_JSON},
                                      {"help", no_argument, NULL, OPTION_HELP},
                                      {0}};

struct request {
    bool state[STATE_EXPIRED + 1]; /* which are wanted; none: all */
    int64_t expiring;              /* until when; -1: no matter */
    const char *label, *user;      /* NULL: any */
    enum attribute columns[ATTRIBUTES];
    size_t column_count;
    bool no_headings, json, help;
};

static const enum attribute default_columns[] = {ATTRIBUTE_SERIAL,  ATTRIBUTE_ID,       ATTRIBUTE_LABEL,
                                                 ATTRIBUTE_STATE,   ATTRIBUTE_SCOPES,   ATTRIBUTE_CREATED,
                                                 ATTRIBUTE_EXPIRES, ATTRIBUTE_LAST_USED};

static enum status take_column(struct request *request, struct span name)
{
    char text[32];

    for (int i = 0; i < ATTRIBUTES; i++)
        if (span_equals(name, attribute_names[i])) {
            if (request->column_count == ATTRIBUTES)
                return fail(STATUS_USAGE, "-o: it names too many columns");
            request->columns[request->column_count++] = (enum attribute)i;
            return STATUS_DONE;
        }
    snprintf(text, sizeof(text), "%.*s", (int)name.length, name.at);
    return say_unknown("column", "", text, attribute_names, ATTRIBUTES);
}

static enum status take_columns(struct request *request, const char *text)
{
    struct span list = span_of(text), name;
    enum status status = STATUS_DONE;

    if (list.length == 0 || !span_list_whole(list))
        return fail(STATUS_USAGE, "-o: a column's name is missing: see --help");
    request->column_count = 0;
    while (status == STATUS_DONE && span_next_item(&list, &name))
        status = take_column(request, name);
    return status;
}

static enum status take_expiring(struct request *request, const char *text)
{
    const char *wrong = when_parse(text, (int64_t)time(NULL), &request->expiring);

    if (!wrong)
        return STATUS_DONE;
    return fail(STATUS_USAGE, "time \"%.15s%s\": %s", text, cut_mark(text), wrong);
}

static enum status take_option(void *context, int option)
{
    struct request *request = context;

    switch (option) {
    case OPTION_ACTIVE:
        request->state[STATE_ACTIVE] = true;
        return STATUS_DONE;
    case OPTION_REVOKED:
        request->state[STATE_REVOKED] = true;
        return STATUS_DONE;
    case OPTION_EXPIRED:
        request->state[STATE_EXPIRED] = true;
        return STATUS_DONE;
    case OPTION_EXPIRING:
        return take_expiring(request, optarg);
    case 'l':
        request->label = optarg;
        return STATUS_DONE;
    case 'u':
        request->user = optarg;
        return STATUS_DONE;
    case 'o':
        return take_columns(request, optarg);
    case OPTION_NO_HEADINGS:
        request->no_headings = true;
        return STATUS_DONE;
    case OPTION_JSON:
        request->json = true;
        return STATUS_DONE;
    default:
        return STATUS_USAGE;
    }
}

static bool text_matches(struct span escaped, const char *pattern, bool glob)
{
    char *text = unescaped(escaped);
    bool matches = glob ? fnmatch(pattern, text, 0) == 0 : strcmp(pattern, text) == 0;

    free(text);
    return matches;
}

static bool wanted(const struct request *request, const struct record *record, int64_t now)
{
    enum state state = state_of(record, now);
    bool any_state =
        !request->state[STATE_ACTIVE] && !request->state[STATE_REVOKED] && !request->state[STATE_EXPIRED];

    if (!any_state && !request->state[state])
        return false;
    if (request->expiring >= 0 &&
        (state != STATE_ACTIVE || record->expires == TIME_NEVER || record->expires > request->expiring))
        return false;
    return (!request->label || text_matches(record->label, request->label, true)) &&
           (!request->user || text_matches(record->user, request->user, false));
}

/* Calls use for each token that is wanted. *found: how many. */
static enum status each_wanted(const struct tokens *tokens, const struct request *request, int64_t now,
                               size_t *found, bool (*use)(void *context, const struct record *record),
                               void *context)
{
    struct record record;

    *found = 0;
    for (size_t i = 0; i < tokens->count; i++) {
        if (!token_record(&tokens->list[i], &record))
            return fail(STATUS_DAMAGED, "token %.12s: its line makes no sense: run `toktab check`",
                        tokens->list[i].id);
        if (!wanted(request, &record, now))
            continue;
        ++*found;
        if (!use(context, &record))
            return output_failed();
    }
    return STATUS_DONE;
}

/* What each token is printed with. */
struct printing {
    const struct request *request;
    const char *domain;
    int64_t now;
    struct libscols_table *table; /* for a terminal */
    struct plain plain;           /* for a program */
    uint64_t done;
    bool first, terminal, colours;
};

static bool print_object(void *context, const struct record *record)
{
    struct printing *printing = context;
    bool first = printing->first;

    printing->first = false;
    return output_text(first ? "[\n" : ",\n") &&
           write_json(describe_json(record, printing->domain, printing->now));
}

static enum status print_array(const struct tokens *tokens, struct printing *printing, size_t *found)
{
    enum status status = each_wanted(tokens, printing->request, printing->now, found, print_object, printing);

    if (status == STATUS_DONE && !output_text(printing->first ? "[]\n" : "\n]\n"))
        status = output_failed();
    return status;
}

static const char *state_colour(enum state state)
{
    switch (state) {
    case STATE_ACTIVE:
        return "green";
    case STATE_REVOKED:
        return "red";
    case STATE_EXPIRED:
    default:
        return "yellow";
    }
}

static void show_progress(struct printing *printing)
{
    if (++printing->done % 1024 == 0)
        progress_show(printing->done, "tokens");
}

static bool add_row(void *context, const struct record *record)
{
    struct printing *printing = context;
    struct libscols_line *row = must_have(scols_table_new_line(printing->table, NULL));

    show_progress(printing);
    for (size_t i = 0; i < printing->request->column_count; i++) {
        enum attribute column = printing->request->columns[i];

        scols_line_refer_data(row, i, describe(record, printing->domain, column, printing->now, FORM_SHORT));
        if (printing->colours && column == ATTRIBUTE_STATE)
            scols_cell_set_color(scols_line_get_cell(row, i), state_colour(state_of(record, printing->now)));
    }
    return true;
}

static char *heading_of(enum attribute column)
{
    char *heading = must_have(strdup(attribute_names[column]));

    for (char *at = heading; *at; at++)
        *at = (char)(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
    return heading;
}

static void add_columns(const struct printing *printing)
{
    for (size_t i = 0; i < printing->request->column_count; i++) {
        enum attribute column = printing->request->columns[i];
        int flags = column == ATTRIBUTE_SERIAL  ? SCOLS_FL_RIGHT
                    : column == ATTRIBUTE_LABEL ? SCOLS_FL_WRAP
                                                : 0;
        char *heading = heading_of(column);

        must_have(scols_table_new_column(printing->table, heading, 0, flags));
        free(heading);
    }
}

static enum status print_table(const struct tokens *tokens, struct printing *printing, size_t *found)
{
    enum status status;

    printing->table = grid_make();
    scols_table_enable_colors(printing->table, printing->colours);
    scols_table_enable_noheadings(printing->table, printing->request->no_headings);
    add_columns(printing);
    status = each_wanted(tokens, printing->request, printing->now, found, add_row, printing);
    progress_clear();
    if (status == STATUS_DONE && *found > 0)
        status = grid_print(printing->table);
    scols_unref_table(printing->table);
    return status;
}

static void free_cells(const struct printing *printing, char *cells[])
{
    for (size_t i = 0; i < printing->request->column_count; i++)
        free(cells[i]);
}

static void describe_cells(const struct printing *printing, const struct record *record, char *cells[])
{
    for (size_t i = 0; i < printing->request->column_count; i++)
        cells[i] =
            describe(record, printing->domain, printing->request->columns[i], printing->now, FORM_PLAIN);
}

static bool measure_row(void *context, const struct record *record)
{
    struct printing *printing = context;
    char *cells[ATTRIBUTES];

    show_progress(printing);
    describe_cells(printing, record, cells);
    plain_measure(&printing->plain, cells);
    free_cells(printing, cells);
    return true;
}

static bool print_row(void *context, const struct record *record)
{
    struct printing *printing = context;
    char *cells[ATTRIBUTES];
    bool good;

    describe_cells(printing, record, cells);
    good = plain_print(&printing->plain, cells);
    free_cells(printing, cells);
    return good;
}

/* Makes room for the headings too, and prints them if that is wanted. */
static bool take_headings(struct printing *printing, bool print)
{
    char *cells[ATTRIBUTES];
    bool good = true;

    for (size_t i = 0; i < printing->request->column_count; i++)
        cells[i] = heading_of(printing->request->columns[i]);
    if (print)
        good = plain_print(&printing->plain, cells);
    else
        plain_measure(&printing->plain, cells);
    free_cells(printing, cells);
    return good;
}

/* Once to see how wide the columns are, and once more. */
static enum status print_plain(const struct tokens *tokens, struct printing *printing, size_t *found)
{
    enum status status;

    printing->plain.count = printing->request->column_count;
    for (size_t i = 0; i < printing->plain.count; i++)
        printing->plain.right[i] = printing->request->columns[i] == ATTRIBUTE_SERIAL;
    take_headings(printing, false);
    status = each_wanted(tokens, printing->request, printing->now, found, measure_row, printing);
    progress_clear();
    if (status != STATUS_DONE || *found == 0)
        return status;
    if (!printing->request->no_headings && !take_headings(printing, true))
        return output_failed();
    return each_wanted(tokens, printing->request, printing->now, found, print_row, printing);
}

static enum status list(struct session *session, const struct request *request)
{
    struct printing printing = {.request = request, .now = (int64_t)time(NULL), .first = true};
    enum status status = session_open(session);
    const char *no_color = getenv("NO_COLOR");
    struct tokens tokens;
    size_t found = 0;

    if (status != STATUS_DONE)
        return status;
    printing.domain = session->domain->name;
    printing.terminal = isatty(STDOUT_FILENO);
    printing.colours = printing.terminal && !(no_color && no_color[0] != '\0');
    status = tokens_read(&tokens, session);
    if (status == STATUS_DONE)
        status = request->json       ? print_array(&tokens, &printing, &found)
                 : printing.terminal ? print_table(&tokens, &printing, &found)
                                     : print_plain(&tokens, &printing, &found);
    tokens_free(&tokens);
    return status == STATUS_DONE && request->expiring >= 0 && found > 0 ? STATUS_NO : status;
}

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {.expiring = -1};
    enum status status;

    memcpy(request.columns, default_columns, sizeof(default_columns));
    request.column_count = sizeof(default_columns) / sizeof(default_columns[0]);
    status = each_option(argc, argv, "l:u:o:", longs, take_option, &request, &request.help);
    if (status != STATUS_DONE)
        return status;
    if (request.help)
        return output_help(help);
    return arguments_fit(argc, argv, 0, 0, "") ? list(session, &request) : STATUS_USAGE;
}

const struct command command_list = {"list", "list tokens", help, run};
