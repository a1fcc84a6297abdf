#include "token/leaks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/tokens.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "token/describe.h"

struct store {
    const struct domain *domain;
    struct tokens tokens;
    bool *noted; /* for each token: already among the active leaks? */
};

static void remember(struct leaks *leaks, enum status status)
{
    if (leaks->status == STATUS_DONE)
        leaks->status = status;
}

/* Before its first token a domain has no store. */
static void add_store(struct leaks *leaks, const struct domain *domain)
{
    struct store *store = &leaks->stores[leaks->store_count];
    enum status status;

    leaks->session->domain = domain;
    if (!tokens_exist(leaks->session))
        return;
    status = tokens_read(&store->tokens, leaks->session);
    if (status != STATUS_DONE) {
        tokens_free(&store->tokens);
        remember(leaks, status);
        return;
    }
    store->domain = domain;
    store->noted = must_have(calloc(store->tokens.count + 1, sizeof(*store->noted)));
    leaks->store_count++;
}

void leaks_make(struct leaks *leaks, struct session *session, bool json)
{
    const struct config *config = &session->config;

    *leaks = (struct leaks){.session = session, .now = (int64_t)time(NULL), .json = json};
    leaks->stores = must_have(calloc(config->count, sizeof(*leaks->stores)));
    for (size_t i = 0; i < config->count; i++)
        if (session_wants(session, &config->domains[i]))
            add_store(leaks, &config->domains[i]);
}

void leaks_free(struct leaks *leaks)
{
    for (size_t i = 0; i < leaks->store_count; i++) {
        tokens_free(&leaks->stores[i].tokens);
        free(leaks->stores[i].noted);
    }
    for (size_t i = 0; i < leaks->active_count; i++)
        free(leaks->active[i].place);
    free(leaks->stores);
    free(leaks->active);
}

/* Search every store, whatever the prefix: a domain may have changed its prefix. */
static const struct token *find_token(const struct leaks *leaks, const char *token, size_t length,
                                      const struct store **store, struct record *record)
{
    const char *id = token + length - TOKEN_BODY;
    unsigned char hash[HASH_SIZE];

    crypto_hash_token(hash, token, length, id);
    for (size_t i = 0; i < leaks->store_count; i++) {
        const struct token *found = tokens_find(&leaks->stores[i].tokens, id);

        *store = &leaks->stores[i];
        if (found && token_record(found, record) && crypto_equal(record->hash, hash, HASH_SIZE))
            return found;
    }
    return NULL;
}

static bool has_known_prefix(const struct leaks *leaks, const char *token, size_t length)
{
    const struct config *config = &leaks->session->config;
    size_t prefix = length - TOKEN_BODY - 1;

    for (size_t i = 0; i < config->count; i++)
        if (session_wants(leaks->session, &config->domains[i]) &&
            span_equals((struct span){token, prefix}, config->domains[i].prefix))
            return true;
    return false;
}

static void add_active(struct leaks *leaks, const struct store *store, const struct token *token,
                       uint64_t line)
{
    bool *noted = &store->noted[token - store->tokens.list];
    struct leak *leak;

    if (*noted)
        return;
    *noted = true;
    leaks->active = must_have(realloc(leaks->active, (leaks->active_count + 1) * sizeof(*leaks->active)));
    leak = &leaks->active[leaks->active_count++];
    leak->domain = store->domain;
    memcpy(leak->id, token->id, ID_LENGTH);
    leak->id[ID_LENGTH] = '\0';
    leak->place = composed("%s, line %" PRIu64, leaks->file, line);
}

/* A token in the text. If no store knows it, domain and record are NULL. */
struct find {
    const char *state;
    char id[ID_LENGTH + 1];
    const struct domain *domain;
    const struct record *record;
    uint64_t line;
};

static bool print_object(struct leaks *leaks, const struct find *find)
{
    json_t *record = find->record ? describe_json(find->record, find->domain->name, leaks->now) : json_null();

    return output_text(leaks->printed == 0 ? "[\n" : ",\n") &&
           write_json(must_have(json_pack("{s:s, s:I, s:s, s:s, s:o}", "file", leaks->file, "line",
                                          (json_int_t)find->line, "id", find->id, "state", find->state,
                                          "record", record)));
}

static bool print_line(const struct leaks *leaks, const struct find *find)
{
    char *text, *label;
    bool good;

    if (find->record) {
        label = unescaped_shown(find->record->label);
        text = composed("%s:%" PRIu64 ": %s token %" PRIu64 " (id %s) of %s: \"%s\"\n", leaks->file,
                        find->line, find->state, find->record->serial, find->id, find->domain->name, label);
        free(label);
    } else {
        text = composed("%s:%" PRIu64 ": %s token (id %s)\n", leaks->file, find->line, find->state, find->id);
    }
    good = output_text(text);
    free(text);
    return good;
}

static void remember_printed(struct leaks *leaks, bool good)
{
    if (good)
        return;
    leaks->unprintable = true;
    remember(leaks, output_failed());
}

/* If stdout fails the search goes on: working tokens are still to be revoked. */
static void report(struct leaks *leaks, const struct find *find)
{
    if (leaks->unprintable)
        return;
    progress_clear();
    remember_printed(leaks, leaks->json ? print_object(leaks, find) : print_line(leaks, find));
    leaks->printed++;
}

void leaks_end(struct leaks *leaks)
{
    if (leaks->json && !leaks->unprintable)
        remember_printed(leaks, output_text(leaks->printed == 0 ? "[]\n" : "\n]\n"));
}

void leaks_note(void *context, const char *token, size_t length, uint64_t line)
{
    struct leaks *leaks = context;
    struct find find = {.state = "unknown", .line = line};
    struct record record;
    const struct store *store;
    const struct token *found = find_token(leaks, token, length, &store, &record);

    memcpy(find.id, token + length - TOKEN_BODY, ID_LENGTH);
    if (found) {
        enum state state = state_of(&record, leaks->now);

        if (state == STATE_ACTIVE)
            add_active(leaks, store, found, line);
        find.state = state_name(state);
        find.domain = store->domain;
        find.record = &record;
        report(leaks, &find);
    } else if (has_known_prefix(leaks, token, length)) {
        report(leaks, &find);
    }
}
