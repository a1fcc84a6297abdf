#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command/command.h"
#include "duration.h"
#include "store/tokens.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "terminal/sheet.h"
#include "token/describe.h"
#include "token/selection.h"
#include "token/when.h"

static const char help[] =
    "Usage: toktab [-c CONF] [-d DOMAIN] list [OPTIONS]\n"
    "\n"
    "Lists active tokens. Filters combine: any state given, and all other conditions.\n"
    "\n"
    "      --all             tokens in every state\n"
    "      --active          active tokens\n"
    "      --revoked         revoked tokens\n"
    "      --expired         expired tokens\n"
    "      --expiring TIME   active tokens without a successor that expire within\n"
    "                        TIME (14d, or by a date); exits with 1 if there are any\n"
    "      --unused AGE      tokens created before that (90d), and not used since\n"
    "  -l, --label GLOB      tokens whose label matches: \"CI *\"\n"
    "  -u, --user USER       tokens of this user\n"
    "      --by USER         tokens that this user created\n"
    "  -A, --all-domains     the tokens of all your domains\n"
    "      --newest N        only the N newest of them, newest first\n"
    "      --before SERIAL   only tokens older than that one: the next page\n"
    "      --sort COLUMN     sort by this column instead of the serial\n"
    "  -o, --output COLUMNS  serial,id,label,state,scopes,expires,successor,last_used\n"
    "                        without the empty ones; also created,domain,revoked,\n"
    "                        from,user,reason,prev,by\n"
    "      --no-headings     leave out the first line\n"
    "      --json            print a JSON array\n"
    "Example: toktab list -u bob -o id --no-headings\n";

static const struct option longs[] = {{"all", no_argument, NULL, OPTION_ALL},
                                      {"active", no_argument, NULL, OPTION_ACTIVE},
                                      {"revoked", no_argument, NULL, OPTION_REVOKED},
                                      {"expired", no_argument, NULL, OPTION_EXPIRED},
                                      {"expiring", required_argument, NULL, OPTION_EXPIRING},
                                      {"unused", required_argument, NULL, OPTION_UNUSED},
                                      {"label", required_argument, NULL, 'l'},
                                      {"user", required_argument, NULL, 'u'},
                                      {"by", required_argument, NULL, OPTION_BY},
                                      {"all-domains", no_argument, NULL, 'A'},
                                      {"newest", required_argument, NULL, OPTION_NEWEST},
                                      {"before", required_argument, NULL, OPTION_BEFORE},
                                      {"sort", required_argument, NULL, OPTION_SORT},
                                      {"output", required_argument, NULL, 'o'},
                                      {"no-headings", no_argument, NULL, OPTION_NO_HEADINGS},
                                      {"json", no_argument, NULL, OPTION_JSON},
                                      {"help", no_argument, NULL, OPTION_HELP},
                                      {0}};

struct request {
    struct selection selection;
    uint64_t newest;     /* so many; 0: all */
    enum attribute sort; /* ATTRIBUTES: not asked */
    enum attribute columns[ATTRIBUTES];
    size_t column_count; /* 0: the default ones */
    bool no_headings, all_domains;
    struct given given;
};

/* Those that are empty throughout are left out. */
static const enum attribute default_columns[] = {ATTRIBUTE_SERIAL,    ATTRIBUTE_ID,       ATTRIBUTE_LABEL,
                                                 ATTRIBUTE_STATE,     ATTRIBUTE_SCOPES,   ATTRIBUTE_EXPIRES,
                                                 ATTRIBUTE_SUCCESSOR, ATTRIBUTE_LAST_USED};

static enum status take_column(enum attribute *column, struct span name)
{
    char unknown[32];

    for (*column = 0; *column < ATTRIBUTES; ++*column)
        if (span_equals(name, attribute_names[*column]))
            return STATUS_DONE;
    snprintf(unknown, sizeof(unknown), "%.*s", (int)name.length, name.at);
    return say_unknown("column", "", unknown, attribute_names, ATTRIBUTES, "toktab list");
}

static enum status take_columns(struct request *request, const char *text)
{
    struct span list = span_of(text), name;
    enum status status = STATUS_DONE;

    if (list.length == 0 || !span_list_whole(list))
        return fail(STATUS_USAGE, "-o: a column name is missing (see toktab list --help)");
    while (status == STATUS_DONE && span_next_item(&list, &name)) {
        if (request->column_count == ATTRIBUTES)
            return fail(STATUS_USAGE, "-o: too many columns");
        status = take_column(&request->columns[request->column_count++], name);
    }
    return status;
}

static enum status take_age(int64_t *before, const char *text)
{
    int64_t age, now = (int64_t)time(NULL);

    if (!duration_parse(span_of(text), &age))
        return fail(STATUS_USAGE, "\"%.15s%s\" is not an age: give a whole number with s, m, h, d or w (90d)",
                    text, cut_mark(text));
    *before = age < now ? now - age : 0;
    return STATUS_DONE;
}

static enum status take_number(uint64_t *number, const char *option, const char *text)
{
    if (decimal_parse(span_of(text), number) && *number > 0)
        return STATUS_DONE;
    return fail(STATUS_USAGE, "%s: \"%.15s%s\" is not a number above 0", option, text, cut_mark(text));
}

static enum status take_option(void *context, int option)
{
    struct request *request = context;
    struct selection *selection = &request->selection;
    struct fault fault;

    switch (option) {
    case OPTION_ALL:
        for (size_t i = 0; i < STATES; i++)
            selection->state[i] = true;
        return STATUS_DONE;
    case OPTION_ACTIVE:
        selection->state[STATE_ACTIVE] = true;
        return STATUS_DONE;
    case OPTION_REVOKED:
        selection->state[STATE_REVOKED] = true;
        return STATUS_DONE;
    case OPTION_EXPIRED:
        selection->state[STATE_EXPIRED] = true;
        return STATUS_DONE;
    case OPTION_EXPIRING:
        if (when_parse(optarg, (int64_t)time(NULL), &selection->expiring, &fault))
            return STATUS_DONE;
        return fail(STATUS_USAGE, "time \"%.15s%s\": %s", optarg, cut_mark(optarg), fault.text);
    case OPTION_UNUSED:
        return take_age(&selection->unused, optarg);
    case 'l':
        selection->label = optarg;
        return STATUS_DONE;
    case 'u':
        selection->user = optarg;
        return STATUS_DONE;
    case OPTION_BY:
        selection->created_by = optarg;
        return STATUS_DONE;
    case OPTION_NEWEST:
        return take_number(&request->newest, "--newest", optarg);
    case OPTION_BEFORE:
        return take_number(&selection->before, "--before", optarg);
    case OPTION_SORT:
        return take_column(&request->sort, span_of(optarg));
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

struct printing {
    const struct request *request;
    const struct rows *rows;
    int64_t now;
    struct sheet_column columns[ATTRIBUTES];
    struct sheet sheet;
};

static enum status print_array(const struct printing *printing)
{
    const struct rows *rows = printing->rows;
    struct record record;
    bool good = true;

    for (size_t i = 0; i < rows->count && good; i++) {
        const struct row *row = &rows->list[i];

        good = token_record(row->token, &record) && output_text(i == 0 ? "[\n" : ",\n") &&
               write_json(describe_json(&record, row->domain, printing->now));
    }
    good = good && output_text(rows->count == 0 ? "[]\n" : "\n]\n");
    return good ? STATUS_DONE : output_failed();
}

enum { SOON = 14 * 86400 }; /* to expire, in seconds */

static enum colour colour_of(const struct record *record, enum attribute column, int64_t now)
{
    static const enum colour states[STATES] = {
        [STATE_ACTIVE] = COLOUR_GREEN, [STATE_REVOKED] = COLOUR_RED, [STATE_EXPIRED] = COLOUR_YELLOW};
    enum state state = state_of(record, now);

    if (column == ATTRIBUTE_STATE)
        return states[state];
    return column == ATTRIBUTE_EXPIRES && state == STATE_ACTIVE && record->expires != TIME_NEVER &&
                   record->expires - now <= SOON
               ? COLOUR_YELLOW
               : COLOUR_NONE;
}

static void print_rows(struct sheet *sheet, void *context)
{
    const struct printing *printing = context;
    enum form form = sheet->terminal ? FORM_SHORT : FORM_PLAIN;
    char plain[ATTRIBUTES][PLAIN_SIZE];
    struct cell cells[ATTRIBUTES];
    struct record record;

    for (size_t i = 0; i < printing->rows->count; i++) {
        const struct row *row = &printing->rows->list[i];

        token_record(row->token, &record);
        for (size_t j = 0; j < sheet->count; j++) {
            enum attribute column = printing->request->columns[j];

            cells[j].plain = describe_plain(plain[j], &record, row->domain, column, printing->now, form);
            cells[j].text = cells[j].plain.length > 0
                                ? NULL
                                : describe(&record, row->domain, column, printing->now, form);
            cells[j].colour = sheet->colours ? colour_of(&record, column, printing->now) : COLOUR_NONE;
        }
        sheet_row(sheet, cells);
    }
}

/* What a person may miss. */
static enum status print_rest(const struct rows *rows)
{
    const size_t *hidden = rows->hidden;
    char *line;
    enum status status;

    if (rows->older > 0) {
        line =
            composed("%zu older: --before %" PRIu64, rows->older, rows->list[rows->count - 1].token->serial);
        status = output_line(line);
        free(line);
        if (status != STATUS_DONE)
            return status;
    }
    if (hidden[STATE_REVOKED] + hidden[STATE_EXPIRED] == 0)
        return rows->count > 0 ? STATUS_DONE : output_line("no tokens");
    if (hidden[STATE_EXPIRED] == 0)
        line = composed("not shown: %zu revoked (see --all)", hidden[STATE_REVOKED]);
    else if (hidden[STATE_REVOKED] == 0)
        line = composed("not shown: %zu expired (see --all)", hidden[STATE_EXPIRED]);
    else
        line = composed("not shown: %zu revoked, %zu expired (see --all)", hidden[STATE_REVOKED],
                        hidden[STATE_EXPIRED]);
    status = output_line(line);
    free(line);
    return status;
}

static bool may_wrap(enum attribute column)
{
    return column == ATTRIBUTE_LABEL || column == ATTRIBUTE_SCOPES || column == ATTRIBUTE_FROM ||
           column == ATTRIBUTE_USER || column == ATTRIBUTE_REASON;
}

static enum status print_table(struct printing *printing, bool optional)
{
    const struct request *request = printing->request;
    struct sheet *sheet = &printing->sheet;
    enum status status;

    sheet->no_headings = request->no_headings;
    sheet->count = request->column_count;
    sheet->columns = printing->columns;
    for (size_t i = 0; i < sheet->count; i++) {
        struct sheet_column *column = &printing->columns[i];
        const char *name = attribute_names[request->columns[i]];

        for (size_t j = 0; name[j]; j++)
            column->heading[j] = (char)(name[j] >= 'a' && name[j] <= 'z' ? name[j] - 'a' + 'A' : name[j]);
        column->right = request->columns[i] == ATTRIBUTE_SERIAL || request->columns[i] == ATTRIBUTE_SUCCESSOR;
        column->wraps = may_wrap(request->columns[i]);
        column->optional = optional;
    }
    status = sheet_print(sheet, print_rows, printing);
    return status == STATUS_DONE && sheet->terminal && !request->no_headings ? print_rest(printing->rows)
                                                                             : status;
}

static enum status print(struct request *request, const struct rows *rows)
{
    struct printing printing = {.request = request, .rows = rows, .now = (int64_t)time(NULL)};
    bool chosen = request->column_count > 0;

    if (request->given.json)
        return print_array(&printing);
    if (!chosen && request->all_domains)
        request->columns[request->column_count++] = ATTRIBUTE_DOMAIN;
    for (size_t i = 0; i < sizeof(default_columns) / sizeof(default_columns[0]) && !chosen; i++)
        request->columns[request->column_count++] = default_columns[i];
    return print_table(&printing, !chosen);
}

/* The tokens of one domain. */
struct group {
    const struct domain *domain;
    struct tokens tokens;
};

static bool shows_by(const struct request *request)
{
    bool shows = request->given.json || request->sort == ATTRIBUTE_BY;

    for (size_t i = 0; i < request->column_count; i++)
        shows = shows || request->columns[i] == ATTRIBUTE_BY;
    return shows;
}

/* A rotation that was killed in between leaves a token that nobody will replace. */
static void say_half_rotated(const struct group *group)
{
    const struct tokens *tokens = &group->tokens;
    const char *domain = group->domain->name;
    int64_t now = (int64_t)time(NULL);

    for (const struct token *token = tokens->list; token < tokens->list + tokens->count; token++)
        if (token_half_rotated(token, now))
            say("token %" PRIu64 " (id %.12s) of domain %s works as before: its rotation was interrupted: "
                "run `toktab -d %s rotate %.12s`, which ends it",
                token->serial, token->id, domain, domain, token->id);
}

/* The tokens of the session's domain, or with -A of all that the caller may see. A domain without a store has
 * none. A store that cannot be read is reported; the others are listed all the same. Returns the last
 * failure. */
static enum status read_groups(struct session *session, struct group *groups, const struct request *request,
                               struct rows *rows)
{
    const struct config *config = &session->config;
    const struct domain *only = session->domain;
    enum status status, worst = STATUS_DONE;

    for (size_t i = 0; i < config->count; i++) {
        struct group *group = &groups[i];

        session->domain = group->domain = &config->domains[i];
        if (request->all_domains ? !session_wants(session, group->domain) : group->domain != only)
            continue;
        if (!tokens_exist(session)) {
            session_awaits_store(session);
            continue;
        }
        status = tokens_read(&group->tokens, session, !shows_by(request));
        if (status == STATUS_DONE)
            status = rows_add(rows, &request->selection, &group->tokens, session);
        worst = status == STATUS_DONE ? worst : status;
    }
    return worst;
}

static enum status list(struct session *session, struct request *request)
{
    size_t count = session->config.count;
    struct group *groups = must_have(calloc(count, sizeof(*groups)));
    struct rows rows = {0};
    enum status worst = read_groups(session, groups, request, &rows), status = worst;

    if (request->sort != ATTRIBUTES)
        rows_sort(&rows, request->sort);
    if (request->newest > 0)
        rows_keep_newest(&rows, request->newest);
    if (worst == STATUS_DONE || request->all_domains) {
        status = print(request, &rows);
        for (size_t i = 0; i < count; i++)
            say_half_rotated(&groups[i]);
    }
    if (status == STATUS_DONE && worst == STATUS_DONE && rows.unknown > 0)
        worst = fail(STATUS_MISSING,
                     "--by: who created %zu more token%s is not known: a compaction has kept only "
                     "the last change of %s",
                     rows.unknown, plural(rows.unknown), rows.unknown == 1 ? "it" : "each");
    if (status == STATUS_DONE && worst == STATUS_DONE && request->selection.expiring >= 0 && rows.count > 0)
        status = STATUS_NO;
    for (size_t i = 0; i < count; i++)
        tokens_free(&groups[i].tokens);
    free(groups);
    rows_free(&rows);
    return status == STATUS_DONE ? worst : status;
}

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {.selection = {.expiring = -1, .unused = -1}, .sort = ATTRIBUTES};
    enum status status = options_parse(argc, argv, &options, &request, &session->where, &request.given);

    if (status != STATUS_DONE || request.given.help)
        return status;
    if (request.all_domains && session->where.domain)
        return fail(STATUS_USAGE, "-A and -d exclude each other");
    if (request.all_domains && (request.newest > 0 || request.selection.before > 0))
        return fail(STATUS_USAGE,
                    "-A excludes --newest and --before, for each domain has serials of its own");
    if (request.newest > 0 && request.sort != ATTRIBUTES)
        return fail(STATUS_USAGE, "--newest and --sort exclude each other");
    status = request.all_domains ? session_open_all(session) : session_open(session);
    return status == STATUS_DONE ? list(session, &request) : status;
}

const struct command command_list = {"list", "list tokens", help, run};
