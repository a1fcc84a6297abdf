#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"
#include "store/tokens.h"
#include "storefile.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "terminal/sheet.h"
#include "token/describe.h"

static const char help[] = "Usage: toktab [-c CONF] [-d DOMAIN] domains [--json]\n"
                           "\n"
                           "Lists the configured domains, or the one given by -d: the prefix of its tokens,\n"
                           "how many tokens it has and how many are active, its admins besides root, what\n"
                           "you may do there (change, read or nothing), and where its store is. Domain\n"
                           "admins see only the domains that name them.\n"
                           "\n"
                           "      --json   print a JSON array\n";

static const struct option longs[] = {
    {"json", no_argument, NULL, OPTION_JSON}, {"help", no_argument, NULL, OPTION_HELP}, {0}};

enum heading {
    HEADING_NAME,
    HEADING_PREFIX,
    HEADING_TOKENS,
    HEADING_ACTIVE,
    HEADING_ADMINS,
    HEADING_MAY,
    HEADING_STORE,
};

static const struct sheet_column columns[] = {
    [HEADING_NAME] = {.heading = "NAME"},
    [HEADING_PREFIX] = {.heading = "PREFIX"},
    [HEADING_TOKENS] = {.heading = "TOKENS", .right = true},
    [HEADING_ACTIVE] = {.heading = "ACTIVE", .right = true},
    [HEADING_ADMINS] = {.heading = "ADMINS"},
    [HEADING_MAY] = {.heading = "MAY"},
    [HEADING_STORE] = {.heading = "STORE"},
};

enum { HEADINGS = sizeof(columns) / sizeof(columns[0]) };

struct found {
    const struct domain *domain;
    char store[PATH_MAX];
    bool counted; /* false: the store cannot be read */
    size_t tokens, active;
    const char *may;
};

/* What owners and modes let the process do. The caller is known to be allowed. */
static const char *rights(const char *directory, const char *store)
{
    struct stat status;

    if (stat(directory, &status) == 0 && (geteuid() == 0 || status.st_uid == geteuid()))
        return "change";
    return access(store, R_OK) == 0 || errno == ENOENT ? "read" : "nothing";
}

static void count(struct found *found, const struct tokens *tokens)
{
    int64_t now = (int64_t)time(NULL);
    struct record record;

    found->tokens = tokens->count;
    for (size_t i = 0; i < tokens->count; i++)
        found->active += token_record(&tokens->list[i], &record) && state_of(&record, now) == STATE_ACTIVE;
    found->counted = true;
}

/* A store that cannot be read is reported and its status returned, but the others are still shown. */
static enum status look(struct found *found, const struct session *session)
{
    enum status status = STATUS_DONE;
    struct tokens tokens;

    *found = (struct found){.domain = session->domain};
    if (snprintf(found->store, sizeof(found->store), "%s/%s.tokens", session->config.store_dir,
                 session->domain->name) >= PATH_MAX)
        return fail(STATUS_NOT_FOUND, "domain \"%s\": the path of its store is too long",
                    session->domain->name);
    found->may = rights(session->config.store_dir, found->store);
    if (!tokens_exist(session)) {
        found->counted = true; /* the first token will create it */
        return STATUS_DONE;
    }
    if (strcmp(found->may, "nothing") == 0)
        return STATUS_DONE;
    status = tokens_read(&tokens, session);
    if (status == STATUS_DONE)
        count(found, &tokens);
    tokens_free(&tokens);
    return status;
}

static json_t *number_json(const struct found *found, size_t number)
{
    return found->counted ? json_integer((json_int_t)number) : json_null();
}

static json_t *names_json(struct span list)
{
    json_t *array = must_have(json_array());
    struct span name;

    while (span_next_item(&list, &name))
        json_array_append_new(array, must_have(json_stringn(name.at, name.length)));
    return array;
}

static json_t *found_json(const struct found *found)
{
    const struct domain *domain = found->domain;

    return must_have(json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:s}", "name", domain->name, "prefix",
                               domain->prefix, "store", found->store, "tokens",
                               number_json(found, found->tokens), "active", number_json(found, found->active),
                               "admins", names_json(span_of(domain->admins)), "may", found->may));
}

static enum status print_array(const struct found *found, size_t number)
{
    json_t *array = must_have(json_array());

    for (size_t i = 0; i < number; i++)
        json_array_append_new(array, found_json(&found[i]));
    return print_json(array);
}

static char *count_text(const struct found *found, size_t value)
{
    return found->counted ? composed("%zu", value) : must_have(strdup("-"));
}

struct printing {
    const struct found *found;
    size_t number;
};

static enum status print_row(struct sheet *sheet, const struct found *found)
{
    const struct domain *domain = found->domain;
    struct cell cells[HEADINGS] = {
        [HEADING_NAME].text = must_have(strdup(domain->name)),
        [HEADING_PREFIX].text = must_have(strdup(domain->prefix)),
        [HEADING_TOKENS].text = count_text(found, found->tokens),
        [HEADING_ACTIVE].text = count_text(found, found->active),
        [HEADING_ADMINS].text =
            domain->admins[0] ? showable(span_of(domain->admins)) : must_have(strdup("-")),
        [HEADING_MAY].text = must_have(strdup(found->may)),
        [HEADING_STORE].text = showable(span_of(found->store)),
    };

    return sheet_row(sheet, cells);
}

static enum status print_rows(struct sheet *sheet, void *context)
{
    const struct printing *printing = context;
    enum status status = STATUS_DONE;

    for (size_t i = 0; i < printing->number && status == STATUS_DONE; i++)
        status = print_row(sheet, &printing->found[i]);
    return status;
}

static enum status print_table(const struct found *found, size_t number)
{
    struct printing printing = {found, number};
    struct sheet sheet = {.columns = columns, .count = HEADINGS, .terminal = isatty(STDOUT_FILENO)};

    return sheet_print(&sheet, print_rows, &printing);
}

static enum status look_and_print(struct session *session, bool json)
{
    const struct config *config = &session->config;
    struct found *found = must_have(calloc(config->count, sizeof(*found)));
    enum status worst = STATUS_DONE, status;
    size_t number = 0;

    for (size_t i = 0; i < config->count; i++) {
        session->domain = &config->domains[i];
        if (!session_wants(session, session->domain))
            continue;
        status = look(&found[number++], session);
        worst = status == STATUS_DONE ? worst : status;
    }
    if (number == 0 && session->domain_name)
        status = fail(STATUS_NOT_FOUND, "no domain \"%.15s%s\" that you may administer", session->domain_name,
                      cut_mark(session->domain_name));
    else
        status = json ? print_array(found, number) : print_table(found, number);
    free(found);
    return status == STATUS_DONE ? worst : status;
}

static const struct options options = {.shorts = "", .longs = longs, .help = help};

static enum status run(struct session *session, int argc, char **argv)
{
    struct given given = {0};
    enum status status = options_parse(argc, argv, &options, NULL, &given);

    if (status != STATUS_DONE || given.help)
        return status;
    status = session_open_all(session);
    return status == STATUS_DONE ? look_and_print(session, given.json) : status;
}

const struct command command_domains = {"domains", "list the domains and what you may do there", help, run};
