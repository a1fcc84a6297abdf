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

void leaks_make(struct leaks *leaks, struct session *session, bool json)
{
    const struct config *config = &session->config;

    *leaks = (struct leaks){.session = session, .now = (int64_t)time(NULL), .json = json};
    leaks->stores = must_have(calloc(config->count, sizeof(*leaks->stores)));
    for (size_t i = 0; i < config->count; i++) {
        struct store *store = &leaks->stores[leaks->store_count];
        enum status status;

        if (!session_wants(session, &config->domains[i]))
            continue;
        session->domain = store->domain = &config->domains[i];
        if (!tokens_exist(session)) { /* before its first token a domain has no store */
            if (session_awaits_store(session))
                remember(leaks, STATUS_NOT_FOUND);
            continue;
        }
        status = tokens_read(&store->tokens, session, false);
        if (status == STATUS_DONE) {
            store->noted = must_have(calloc(store->tokens.count + 1, sizeof(*store->noted)));
            leaks->store_count++;
        } else {
            tokens_free(&store->tokens);
            remember(leaks, status);
        }
    }
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
    const struct record *record = find->record;
    char *text, *label;

    if (leaks->unprintable)
        return;
    progress_clear();
    if (leaks->json) {
        remember_printed(
            leaks, output_text(leaks->printed == 0 ? "[\n" : ",\n") &&
                       write_json(must_have(json_pack(
                           "{s:s, s:I, s:s, s:s, s:o}", "file", leaks->file, "line", (json_int_t)find->line,
                           "id", find->id, "state", find->state, "record",
                           record ? describe_json(record, find->domain->name, leaks->now) : json_null()))));
    } else {
        label = record ? unescaped_shown(record->label) : NULL;
        text = record ? composed("%s:%" PRIu64 ": %s token %" PRIu64 " (id %s) of %s: \"%s\"\n", leaks->file,
                                 find->line, find->state, record->serial, find->id, find->domain->name, label)
                      : composed("%s:%" PRIu64 ": %s token (id %s)\n", leaks->file, find->line, find->state,
                                 find->id);
        remember_printed(leaks, output_text(text));
        free(text);
        free(label);
    }
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
