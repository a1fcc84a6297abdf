#include "store/token_table.h"

#include <stdlib.h>
#include <string.h>

#include "pages.h"

/* A slot: 32 bits of the id's hash, and 32 bits of the token's place in the list, from 1. 0: empty. */
enum { TAG_SHIFT = 32 };

enum { TOKENS_MIN = 48, CHUNK = 64 * 1024 * 1024 - LINE_READ_PAST /* whole huge pages */ };

static uint64_t hash_of(const char *id)
{
    uint64_t start, hash;
    uint32_t end;

    memcpy(&start, id, sizeof(start));
    memcpy(&end, id + sizeof(start), sizeof(end));
    hash = (start ^ end * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);
    return hash ^ hash >> TAG_SHIFT;
}

static uint64_t slot_for(uint64_t hash, size_t place)
{
    return hash >> TAG_SHIFT << TAG_SHIFT | (place + 1);
}

static struct token *token_at(const struct tokens *tokens, uint64_t slot)
{
    return &tokens->list[(slot & UINT32_MAX) - 1];
}

static void make_slots(struct tokens *tokens, size_t count)
{
    size_t size = count * sizeof(*tokens->slots);

    tokens->slot_count = count;
    tokens->slots = memset(must_have(pages_allocate(size)), 0, size);
}

void token_table_make(struct tokens *tokens, size_t count, bool brief)
{
    *tokens = (struct tokens){.brief = brief, .room = count + TOKENS_MIN};
    tokens->list = must_have(pages_allocate(tokens->room * sizeof(*tokens->list)));
    make_slots(tokens, tokens->room / 3 * 4);
    must_have(index_make(&tokens->rest, 0) ? tokens->rest.slots : NULL);
}

void token_table_free(struct tokens *tokens)
{
    index_free(&tokens->rest);
    free(tokens->slots);
    free(tokens->list);
}

/* Where the search for an id begins: one of so many slots, which need not be a power of two. */
static size_t position_of(const struct tokens *tokens, uint64_t hash)
{
    return (size_t)((hash & UINT32_MAX) * tokens->slot_count >> 32);
}

void token_table_prefetch(const struct tokens *tokens, const char *id)
{
    __builtin_prefetch(&tokens->slots[position_of(tokens, hash_of(id))]);
}

/* The slot of an id, or the empty slot where it belongs. */
static uint64_t *slot_of(const struct tokens *tokens, const char *id, uint64_t hash)
{
    for (size_t i = position_of(tokens, hash);; i = i + 1 < tokens->slot_count ? i + 1 : 0) {
        uint64_t slot = tokens->slots[i];

        if (slot == 0 || (slot >> TAG_SHIFT == hash >> TAG_SHIFT &&
                          memcmp(token_at(tokens, slot)->id, id, ID_LENGTH) == 0))
            return &tokens->slots[i];
    }
}

struct token *token_table_find(const struct tokens *tokens, const char *id)
{
    uint64_t slot = tokens->slots ? *slot_of(tokens, id, hash_of(id)) : 0;

    return slot == 0 ? NULL : token_at(tokens, slot);
}

static void set_slots(struct tokens *tokens)
{
    for (size_t i = 0; i < tokens->count; i++) {
        uint64_t hash = hash_of(tokens->list[i].id);

        *slot_of(tokens, tokens->list[i].id, hash) = slot_for(hash, i);
    }
}

static void grow(struct tokens *tokens)
{
    tokens->room *= 2;
    tokens->list = must_have(reallocarray(tokens->list, tokens->room, sizeof(*tokens->list)));
    free(tokens->slots);
    make_slots(tokens, tokens->room / 3 * 4);
    set_slots(tokens);
}

static bool is_revoked(const struct line *line)
{
    return !span_equals(line->column[COLUMN_REVOKED], "-");
}

/* Copy hash, id and texts. Returns the id. */
static const char *keep(struct tokens *tokens, const struct record *record, struct span texts)
{
    size_t hash = tokens->brief ? 0 : HASH_SIZE, size = hash + ID_LENGTH + texts.length, room;
    size_t all = tokens->room * size;
    char *id = must_have(index_room(&tokens->rest, size, all < CHUNK ? all : CHUNK, &room));

    id = mempcpy(id, record->hash, hash);
    memcpy(mempcpy(id, record->id, ID_LENGTH), texts.at, texts.length);
    index_keep(&tokens->rest, size);
    return id;
}

static void fill(struct tokens *tokens, struct token *token, const struct line *line, uint64_t n)
{
    const struct span *texts = &line->column[TOKEN_TEXT], *last = &texts[TOKEN_TEXTS - 1];
    /* a brief token has an empty text in place of the first */
    const char *start = tokens->brief ? texts[1].at - 1 : texts->at;
    struct record record;
    bool valid = record_parse(&record, line);

    if (!valid) {
        record = (struct record){.revoked = is_revoked(line) ? 0 : TIME_NEVER};
        memcpy(record.id, line->column[COLUMN_ID].at, ID_LENGTH);
        if (!decimal_parse(line->column[COLUMN_SERIAL], &record.serial))
            record.serial = 0;
    }
    *token = (struct token){
        .serial = record.serial,
        .n = n,
        .created = record.created,
        .expires = record.expires,
        .revoked = record.revoked,
        .id = keep(tokens, &record, (struct span){start, (size_t)(last->at + last->length + 1 - start)}),
        .brief = tokens->brief,
        .invalid = !valid,
    };
    for (size_t i = tokens->brief; i < TOKEN_TEXTS; i++)
        token->length[i] = (uint16_t)texts[i].length;
}

void token_table_take(struct tokens *tokens, const struct line *line, uint64_t n)
{
    const char *id = line->column[COLUMN_ID].at;
    uint64_t hash = hash_of(id), *slot;

    if (memcmp(id, record_no_id, ID_LENGTH) == 0)
        return;
    if (tokens->count == tokens->room)
        grow(tokens);
    slot = slot_of(tokens, id, hash);
    if (*slot == 0)
        *slot = slot_for(hash, tokens->count++);
    else if (token_at(tokens, *slot)->revoked != TIME_NEVER && !is_revoked(line))
        return;
    fill(tokens, token_at(tokens, *slot), line, n);
}

/* By id too: two tokens may have one serial in a bad store, which only `toktab check` refuses. */
static int by_serial(const void *a, const void *b)
{
    const struct token *first = a, *second = b;

    if (first->serial != second->serial)
        return first->serial < second->serial ? -1 : 1;
    return memcmp(first->id, second->id, ID_LENGTH);
}

void token_table_sort(struct tokens *tokens)
{
    size_t i = 1;

    while (i < tokens->count && tokens->list[i - 1].serial < tokens->list[i].serial)
        i++;
    if (i >= tokens->count) /* as in any store that was never compacted */
        return;
    qsort(tokens->list, tokens->count, sizeof(*tokens->list), by_serial);
    memset(tokens->slots, 0, tokens->slot_count * sizeof(*tokens->slots));
    set_slots(tokens);
}
