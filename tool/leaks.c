#include "leaks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "describe.h"
#include "output.h"
#include "progress.h"
#include "tokens.h"

struct store {
    const struct domain *domain;
    struct tokens tokens;
};

static void remember(struct leaks *leaks, enum status status)
{
    if (leaks->status == STATUS_DONE)
        leaks->status = status;
}

/* A domain whose store was never made has no tokens. */
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
    leaks->store_count++;
}

void leaks_make(struct leaks *leaks, struct session *session, bool json)
{
    const struct config *config = &session->config;

    *leaks = (struct leaks){.session = session, .now = (int64_t)time(NULL)};
    leaks->array = json ? must_have(json_array()) : NULL;
    leaks->stores = must_have(calloc(config->count, sizeof(*leaks->stores)));
    for (size_t i = 0; i < config->count; i++)
        if (session_wants(session, &config->domains[i]))
            add_store(leaks, &config->domains[i]);
}

void leaks_free(struct leaks *leaks)
{
    for (size_t i = 0; i < leaks->store_count; i++)
        tokens_free(&leaks->stores[i].tokens);
    for (size_t i = 0; i < leaks->active_count; i++)
        free(leaks->active[i].place);
    free(leaks->stores);
    free(leaks->active);
    json_decref(leaks->array);
}

/* Any store may know it, whatever its prefix: a domain may have had another one. */
static const struct store *store_of(const struct leaks *leaks, const char *token, size_t length,
                                    struct record *record)
{
    const char *id = token + length - TOKEN_BODY;
    unsigned char hash[HASH_SIZE];

    crypto_hash_token(hash, token, length, id);
    for (size_t i = 0; i < leaks->store_count; i++) {
        struct token found;

        if (tokens_find(&leaks->stores[i].tokens, id, &found) && token_record(&found, record) &&
            crypto_equal(record->hash, hash, HASH_SIZE))
            return &leaks->stores[i];
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

static void add_active(struct leaks *leaks, const struct domain *domain, const char *id, uint64_t line)
{
    struct leak *leak;

    for (size_t i = 0; i < leaks->active_count; i++)
        if (leaks->active[i].domain == domain && memcmp(leaks->active[i].id, id, ID_LENGTH) == 0)
            return;
    leaks->active = must_have(realloc(leaks->active, (leaks->active_count + 1) * sizeof(*leaks->active)));
    leak = &leaks->active[leaks->active_count++];
    leak->domain = domain;
    memcpy(leak->id, id, ID_LENGTH + 1);
    leak->place = composed("%s, line %" PRIu64, leaks->file, line);
}

/* record: NULL: no store knows it */
static void report(struct leaks *leaks, const char *state, const char *id, const struct domain *domain,
                   const struct record *record, uint64_t line)
{
    char *text, *label;

    if (leaks->array) {
        json_array_append_new(
            leaks->array,
            must_have(json_pack("{s:s, s:I, s:s, s:s, s:o}", "file", leaks->file, "line", (json_int_t)line,
                                "id", id, "state", state, "record",
                                record ? describe_json(record, domain->name, leaks->now) : json_null())));
        return;
    }
    if (record) {
        label = unescaped_shown(record->label);
        text = composed("%s:%" PRIu64 ": %s token %" PRIu64 " (id %s) of %s: \"%s\"\n", leaks->file, line,
                        state, record->serial, id, domain->name, label);
        free(label);
    } else {
        text = composed("%s:%" PRIu64 ": %s token (id %s)\n", leaks->file, line, state, id);
    }
    progress_clear();
    if (!output_text(text))
        remember(leaks, output_failed());
    free(text);
}

void leaks_note(void *context, const char *token, size_t length, uint64_t line)
{
    struct leaks *leaks = context;
    struct record record;
    const struct store *store = store_of(leaks, token, length, &record);
    char id[ID_LENGTH + 1];

    memcpy(id, token + length - TOKEN_BODY, ID_LENGTH);
    id[ID_LENGTH] = '\0';
    if (store) {
        enum state state = state_of(&record, leaks->now);

        if (state == STATE_ACTIVE)
            add_active(leaks, store->domain, id, line);
        report(leaks, state_name(state), id, store->domain, &record, line);
    } else if (has_known_prefix(leaks, token, length)) {
        report(leaks, "unknown", id, NULL, NULL, line);
    }
}
