#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"
#include "duration.h"
#include "store/tokens.h"
#include "storefile.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "terminal/sheet.h"
#include "token/describe.h"

static const char help[] = "Usage: toktab [-c CONF] [-d DOMAIN] domains [--json]\n"
                           "\n"
                           "Lists the configured domains, or the one given by -d: the prefix of its tokens,\n"
                           "the scopes they may have, how long they live by default and at most, how many\n"
                           "tokens there are and how many are active, the admins besides root, what you may\n"
                           "do there (change, read or nothing), and where the store is. Domain admins see\n"
                           "only the domains that name them.\n"
                           "\n"
                           "      --json   print a JSON array\n";

static const struct option longs[] = {
    {"json", no_argument, NULL, OPTION_JSON}, {"help", no_argument, NULL, OPTION_HELP}, {0}};

enum heading {
    HEADING_NAME,
    HEADING_PREFIX,
    HEADING_SCOPES,
    HEADING_LIFETIME,
    HEADING_MAX_LIFETIME,
    HEADING_TOKENS,
    HEADING_ACTIVE,
    HEADING_ADMINS,
    HEADING_MAY,
    HEADING_STORE,
};

static const struct sheet_column columns[] = {
    [HEADING_NAME] = {.heading = "NAME"},
    [HEADING_PREFIX] = {.heading = "PREFIX"},
    [HEADING_SCOPES] = {.heading = "SCOPES", .wraps = true},
    [HEADING_LIFETIME] = {.heading = "LIFETIME"},
    [HEADING_MAX_LIFETIME] = {.heading = "MAX_LIFETIME"},
    [HEADING_TOKENS] = {.heading = "TOKENS", .right = true},
    [HEADING_ACTIVE] = {.heading = "ACTIVE", .right = true},
    [HEADING_ADMINS] = {.heading = "ADMINS", .wraps = true},
    [HEADING_MAY] = {.heading = "MAY"},
    [HEADING_STORE] = {.heading = "STORE", .wraps = true},
};

enum { HEADINGS = sizeof(columns) / sizeof(columns[0]) };

struct found {
    const struct domain *domain;
    char store[PATH_MAX];
    bool counted; /* false: the store cannot be read */
    size_t tokens, active;
    const char *may;
};

/* What owners and modes let the process do; NULL with errno: nobody can tell. The caller is known to be
 * allowed. */
static const char *rights(const char *directory, const char *store)
{
    struct stat status;
    bool there = stat(directory, &status) == 0;

    if (there && (geteuid() == 0 || status.st_uid == geteuid()))
        return "change";
    if ((there || errno == ENOENT) && (access(store, R_OK) == 0 || errno == ENOENT))
        return "read";
    return errno == EACCES ? "nothing" : NULL;
}

/* A store that cannot be read is reported and its status returned, but the others are still shown. */
static enum status look(struct found *found, const struct session *session)
{
    int64_t now = (int64_t)time(NULL);
    struct record record;
    struct tokens tokens;
    enum status status;
    struct fault fault;

    *found = (struct found){.domain = session->domain};
    if (snprintf(found->store, sizeof(found->store), "%s/%s.tokens", session->config.store_dir,
                 session->domain->name) >= PATH_MAX)
        return fail(STATUS_NOT_FOUND, "domain \"%s\": the path of its store is too long",
                    session->domain->name);
    found->may = rights(session->config.store_dir, found->store);
    if (!found->may) {
        found->may = "nothing";
        return fail(STATUS_IO, "%s: cannot be examined: %s", session->config.store_dir, strerror(errno));
    }
    if (strcmp(found->may, "change") == 0 && session_may_write(session, &fault) != STATUS_DONE)
        found->may = "read";
    if (!tokens_exist(session)) {
        found->counted = !session_awaits_store(session); /* or the first token will create it */
        return STATUS_DONE;
    }
    if (strcmp(found->may, "nothing") == 0)
        return STATUS_DONE;
    status = tokens_read_lines(&tokens, session);
    if (status == STATUS_DONE) {
        found->counted = true;
        found->tokens = tokens.count;
        for (size_t i = 0; i < tokens.count; i++)
            found->active += token_record(&tokens.list[i], &record) && state_of(&record, now) == STATE_ACTIVE;
    }
    tokens_free(&tokens);
    return status;
}

static json_t *number_json(const struct found *found, size_t number)
{
    return found->counted ? json_integer((json_int_t)number) : json_null();
}

static json_t *list_json(const char *text)
{
    json_t *array = must_have(json_array());
    struct span list = span_of(text), item;

    while (span_next_item(&list, &item))
        json_append(array, json_stringn(item.at, item.length));
    return array;
}

/* As the configuration has it: "90d"; "" for none. */
static const char *lifetime_text(char text[DURATION_TEXT_SIZE], int64_t lifetime)
{
    text[0] = '\0';
    if (lifetime > 0)
        duration_format(text, lifetime);
    return text;
}

static json_t *lifetime_json(int64_t lifetime)
{
    char text[DURATION_TEXT_SIZE];

    return lifetime > 0 ? must_have(json_string(lifetime_text(text, lifetime))) : json_null();
}

static enum status print_array(const struct found *found, size_t number)
{
    json_t *array = must_have(json_array());

    for (const struct found *one = found; one < found + number; one++) {
        const struct domain *domain = one->domain;

        json_append(array, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "name",
                                     domain->name, "prefix", domain->prefix, "store", one->store, "scopes",
                                     list_json(domain->scopes), "default_lifetime",
                                     lifetime_json(domain->default_lifetime), "max_lifetime",
                                     lifetime_json(domain->max_lifetime), "tokens",
                                     number_json(one, one->tokens), "active", number_json(one, one->active),
                                     "admins", list_json(domain->admins), "may", one->may));
    }
    return print_json(array);
}

static char *dash_or(const char *text)
{
    return text[0] ? showable(span_of(text)) : must_have(strdup("-"));
}

static char *count_text(const struct found *found, size_t value)
{
    return found->counted ? composed("%zu", value) : must_have(strdup("-"));
}

struct printing {
    const struct found *found;
    size_t number;
};

static void print_rows(struct sheet *sheet, void *context)
{
    const struct printing *printing = context;

    for (size_t i = 0; i < printing->number; i++) {
        const struct found *found = &printing->found[i];
        const struct domain *domain = found->domain;
        char usual[DURATION_TEXT_SIZE], most[DURATION_TEXT_SIZE];
        struct cell cells[HEADINGS] = {
            [HEADING_NAME].text = must_have(strdup(domain->name)),
            [HEADING_PREFIX].text = must_have(strdup(domain->prefix)),
            [HEADING_SCOPES].text = dash_or(domain->scopes),
            [HEADING_LIFETIME].text = dash_or(lifetime_text(usual, domain->default_lifetime)),
            [HEADING_MAX_LIFETIME].text = dash_or(lifetime_text(most, domain->max_lifetime)),
            [HEADING_TOKENS].text = count_text(found, found->tokens),
            [HEADING_ACTIVE].text = count_text(found, found->active),
            [HEADING_ADMINS].text = dash_or(domain->admins),
            [HEADING_MAY].text = must_have(strdup(found->may)),
            [HEADING_STORE].text = showable(span_of(found->store)),
        };

        sheet_row(sheet, cells);
    }
}

static const struct options options = {.shorts = "", .longs = longs, .help = help};

static enum status run(struct session *session, int argc, char **argv)
{
    const struct config *config = &session->config;
    struct sheet sheet = {.columns = columns, .count = HEADINGS};
    struct printing printing = {0};
    struct given given = {0};
    struct found *found;
    enum status worst = STATUS_DONE,
                status = options_parse(argc, argv, &options, NULL, &session->where, &given);

    if (status != STATUS_DONE || given.help)
        return status;
    status = session_open_all(session);
    if (status != STATUS_DONE)
        return status;
    printing.found = found = must_have(calloc(config->count, sizeof(*found)));
    for (size_t i = 0; i < config->count; i++) {
        session->domain = &config->domains[i];
        if (!session_wants(session, session->domain))
            continue;
        status = look(&found[printing.number++], session);
        worst = status == STATUS_DONE ? worst : status;
    }
    if (printing.number == 0 && session->where.domain)
        status = session_unknown_domain(session);
    else if (given.json)
        status = print_array(found, printing.number);
    else
        status = sheet_print(&sheet, print_rows, &printing);
    free(found);
    return status == STATUS_DONE ? worst : status;
}

const struct command command_domains = {"domains", "list the domains and what you may do there", help, run};
