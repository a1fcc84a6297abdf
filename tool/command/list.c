#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command/command.h"
#include "store/tokens.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "terminal/sheet.h"
#include "token/describe.h"
#include "token/when.h"

static const char help[] = "Usage: toktab [-c CONF] [-d DOMAIN] list [OPTIONS]\n"
                           "\n"
                           "Lists tokens by serial. Filters combine: any of the states given, and all other\n"
                           "conditions.\n"
                           "\n"
                           "      --active          active tokens\n"
                           "      --revoked         revoked tokens\n"
                           "      --expired         expired tokens\n"
                           "      --expiring TIME   active tokens without a successor that expire within\n"
                           "                        TIME (14d, or by a date); exits with 1 if there are any\n"
                           "  -l, --label GLOB      tokens whose label matches: \"CI *\"\n"
                           "  -u, --user USER       tokens of this user\n"
                           "  -A, --all-domains     of all your domains\n"
                           "  -o, --output COLUMNS  serial,id,label,state,scopes,created,expires,last_used;\n"
                           "                        also domain,revoked,from,user,reason,prev,successor,by\n"
                           "      --no-headings     leave out the first line\n"
                           "      --json            print a JSON array\n"
                           "\n"
                           "Example: toktab list --active -u bob -o id --no-headings\n";

static const struct option longs[] = {{"active", no_argument, NULL, OPTION_ACTIVE},
                                      {"revoked", no_argument, NULL, OPTION_REVOKED},
                                      {"expired", no_argument, NULL, OPTION_EXPIRED},
                                      {"expiring", required_argument, NULL, OPTION_EXPIRING},
                                      {"label", required_argument, NULL, 'l'},
                                      {"user", required_argument, NULL, 'u'},
                                      {"all-domains", no_argument, NULL, 'A'},
                                      {"output", required_argument, NULL, 'o'},
                                      {"no-headings", no_argument, NULL, OPTION_NO_HEADINGS},
                                      {"json", no_argument, NULL, OPTION_JSON},
                                      {"help", no_argument, NULL, OPTION_HELP},
                                      {0}};

struct request {
    bool state[STATE_EXPIRED + 1]; /* which to show; none set: all */
    int64_t expiring;              /* by when; -1: not asked */
    const char *label, *user;      /* NULL: any */
    enum attribute columns[ATTRIBUTES];
    size_t column_count; /* 0: the default ones */
    bool no_headings, all_domains;
    struct given given;
};

static const enum attribute default_columns[] = {ATTRIBUTE_SERIAL,  ATTRIBUTE_ID,        ATTRIBUTE_LABEL,
                                                 ATTRIBUTE_STATE,   ATTRIBUTE_SCOPES,    ATTRIBUTE_CREATED,
                                                 ATTRIBUTE_EXPIRES, ATTRIBUTE_SUCCESSOR, ATTRIBUTE_LAST_USED};

static enum status take_columns(struct request *request, const char *text)
{
    struct span list = span_of(text), name;
    char unknown[32];

    if (list.length == 0 || !span_list_whole(list))
        return fail(STATUS_USAGE, "-o: a column name is missing (see toktab list --help)");
    request->column_count = 0;
    while (span_next_item(&list, &name)) {
        int column = 0;

        while (column < ATTRIBUTES && !span_equals(name, attribute_names[column]))
            column++;
        if (column == ATTRIBUTES) {
            snprintf(unknown, sizeof(unknown), "%.*s", (int)name.length, name.at);
            return say_unknown("column", "", unknown, attribute_names, ATTRIBUTES, "toktab list");
        }
        if (request->column_count == ATTRIBUTES)
            return fail(STATUS_USAGE, "-o: too many columns");
        request->columns[request->column_count++] = (enum attribute)column;
    }
    return STATUS_DONE;
}

static enum status take_option(void *context, int option)
{
    struct request *request = context;
    struct fault fault;

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
        if (when_parse(optarg, (int64_t)time(NULL), &request->expiring, &fault))
            return STATUS_DONE;
        return fail(STATUS_USAGE, "time \"%.15s%s\": %s", optarg, cut_mark(optarg), fault.text);
    case 'l':
        request->label = optarg;
        return STATUS_DONE;
    case 'u':
        request->user = optarg;
        return STATUS_DONE;
    case 'o':
        return take_columns(request, optarg);
    case 'A':
        request->all_domains = true;
        return STATUS_DONE;
    case OPTION_NO_HEADINGS:
        request->no_headings = true;
        return STATUS_DONE;
    default:
        return STATUS_USAGE;
    }
}

static const struct options options = {
    .shorts = "l:u:Ao:", .longs = longs, .take = take_option, .help = help};

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
    if (request->expiring >= 0 && (state != STATE_ACTIVE || record->successor > 0 ||
                                   record->expires == TIME_NEVER || record->expires > request->expiring))
        return false;
    return (!request->label || text_matches(record->label, request->label, true)) &&
           (!request->user || text_matches(record->user, request->user, false));
}

/* The tokens of one domain. */
struct group {
    const struct domain *domain;
    struct tokens tokens;
};

struct printing {
    const struct request *request;
    const struct group *groups;
    size_t group_count;
    const char *domain; /* of the token at hand */
    int64_t now;
    size_t found;
    bool any_successor;
    struct sheet_column columns[ATTRIBUTES];
    struct sheet sheet;
};

/* Call use for each wanted token until it returns anything but STATUS_DONE. */
static enum status each_wanted_of(struct printing *printing, const struct tokens *tokens,
                                  enum status (*use)(struct printing *printing, const struct record *record))
{
    enum status status = STATUS_DONE;
    struct record record;

    for (size_t i = 0; i < tokens->count && status == STATUS_DONE; i++) {
        if (!token_record(&tokens->list[i], &record))
            return fail(STATUS_DAMAGED, "token %.12s: its line is invalid: run `toktab check`",
                        tokens->list[i].id);
        if (!wanted(printing->request, &record, printing->now))
            continue;
        status = use(printing, &record);
        printing->found++;
    }
    return status;
}

static enum status each_wanted(struct printing *printing,
                               enum status (*use)(struct printing *printing, const struct record *record))
{
    enum status status = STATUS_DONE;

    printing->found = 0;
    for (size_t i = 0; i < printing->group_count && status == STATUS_DONE; i++) {
        printing->domain = printing->groups[i].domain->name;
        status = each_wanted_of(printing, &printing->groups[i].tokens, use);
    }
    return status;
}

static enum status print_object(struct printing *printing, const struct record *record)
{
    bool good = output_text(printing->found == 0 ? "[\n" : ",\n") &&
                write_json(describe_json(record, printing->domain, printing->now));

    return good ? STATUS_DONE : output_failed();
}

static enum status print_array(struct printing *printing)
{
    enum status status = each_wanted(printing, print_object);

    if (status == STATUS_DONE && !output_text(printing->found == 0 ? "[]\n" : "\n]\n"))
        status = output_failed();
    return status;
}

static const enum colour state_colours[] = {
    [STATE_ACTIVE] = COLOUR_GREEN, [STATE_REVOKED] = COLOUR_RED, [STATE_EXPIRED] = COLOUR_YELLOW};

static enum status print_row(struct printing *printing, const struct record *record)
{
    struct sheet *sheet = &printing->sheet;
    struct cell cells[ATTRIBUTES];

    for (size_t i = 0; i < sheet->count; i++) {
        enum attribute column = printing->request->columns[i];

        cells[i].text = describe(record, printing->domain, column, printing->now,
                                 sheet->terminal ? FORM_SHORT : FORM_PLAIN);
        cells[i].colour =
            column == ATTRIBUTE_STATE ? state_colours[state_of(record, printing->now)] : COLOUR_NONE;
    }
    return sheet_row(sheet, cells);
}

static enum status print_rows(struct sheet *sheet, void *context)
{
    (void)sheet;
    return each_wanted(context, print_row);
}

static enum status print_table(struct printing *printing)
{
    const struct request *request = printing->request;
    struct sheet *sheet = &printing->sheet;

    sheet->no_headings = request->no_headings;
    sheet->count = request->column_count;
    sheet->columns = printing->columns;
    for (size_t i = 0; i < sheet->count; i++) {
        struct sheet_column *column = &printing->columns[i];
        const char *name = attribute_names[request->columns[i]];

        for (size_t j = 0; name[j]; j++)
            column->heading[j] = (char)(name[j] >= 'a' && name[j] <= 'z' ? name[j] - 'a' + 'A' : name[j]);
        column->right = request->columns[i] == ATTRIBUTE_SERIAL || request->columns[i] == ATTRIBUTE_SUCCESSOR;
        column->wraps = request->columns[i] == ATTRIBUTE_LABEL;
    }
    return sheet_print(sheet, print_rows, printing);
}

/* The domain of the session, or with -A all that the caller may see and that have a store. A store that
 * cannot be read is reported; the others are listed all the same. Returns the last failure. */
static enum status read_groups(struct session *session, struct group *groups, size_t *count, bool all)
{
    const struct config *config = &session->config;
    enum status status, worst = STATUS_DONE;

    for (size_t i = 0; i < config->count; i++) {
        struct group *group = &groups[*count];

        if (all ? !session_wants(session, &config->domains[i]) : &config->domains[i] != session->domain)
            continue;
        session->domain = group->domain = &config->domains[i];
        if (all && !tokens_exist(session))
            continue;
        status = tokens_read(&group->tokens, session);
        if (status == STATUS_DONE)
            ++*count;
        else
            tokens_free(&group->tokens);
        worst = status == STATUS_DONE ? worst : status;
    }
    return worst;
}

static enum status note_successor(struct printing *printing, const struct record *record)
{
    printing->any_successor |= record->successor > 0;
    return STATUS_DONE;
}

static void choose_columns(struct request *request, struct printing *printing)
{
    bool track_usage = false;

    if (request->column_count > 0)
        return;
    each_wanted(printing, note_successor);
    for (size_t i = 0; i < printing->group_count; i++)
        track_usage |= printing->groups[i].domain->track_usage;
    if (request->all_domains)
        request->columns[request->column_count++] = ATTRIBUTE_DOMAIN;
    for (size_t i = 0; i < sizeof(default_columns) / sizeof(default_columns[0]); i++)
        if ((default_columns[i] != ATTRIBUTE_LAST_USED || track_usage) &&
            (default_columns[i] != ATTRIBUTE_SUCCESSOR || printing->any_successor))
            request->columns[request->column_count++] = default_columns[i];
}

/* A rotation that was killed in between leaves a token that nobody will replace. */
static void say_half_rotated(const struct printing *printing)
{
    for (size_t i = 0; i < printing->group_count; i++) {
        const struct tokens *tokens = &printing->groups[i].tokens;

        for (const struct token *token = tokens->list; token < tokens->list + tokens->count; token++)
            if (token_half_rotated(tokens, token, printing->now))
                say("token %" PRIu64
                    " (id %.12s) of domain %s works as before: its rotation was interrupted: "
                    "run `toktab -d %s rotate %.12s`, which ends it",
                    token->serial, token->id, printing->groups[i].domain->name,
                    printing->groups[i].domain->name, token->id);
    }
}

static enum status list(struct session *session, struct request *request)
{
    struct group *groups = must_have(calloc(session->config.count, sizeof(*groups)));
    struct printing printing = {.request = request, .groups = groups, .now = (int64_t)time(NULL)};
    enum status status, worst = read_groups(session, groups, &printing.group_count, request->all_domains);

    status = worst;
    if (worst == STATUS_DONE || request->all_domains) {
        choose_columns(request, &printing);
        status = request->given.json ? print_array(&printing) : print_table(&printing);
        say_half_rotated(&printing);
    }
    while (printing.group_count > 0)
        tokens_free(&groups[--printing.group_count].tokens);
    free(groups);
    if (status == STATUS_DONE && worst == STATUS_DONE && request->expiring >= 0 && printing.found > 0)
        return STATUS_NO;
    return status == STATUS_DONE ? worst : status;
}

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {.expiring = -1};
    enum status status = options_parse(argc, argv, &options, &request, &session->where, &request.given);

    if (status != STATUS_DONE || request.given.help)
        return status;
    if (request.all_domains && session->where.domain)
        return fail(STATUS_USAGE, "-A and -d exclude each other");
    status = request.all_domains ? session_open_all(session) : session_open(session);
    return status == STATUS_DONE ? list(session, &request) : status;
}

const struct command command_list = {"list", "list tokens", help, run};
