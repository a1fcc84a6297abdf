#include "store/idset.h"

#include <stdlib.h>
#include <string.h>

#include "pages.h"
#include "terminal/say.h"

/* All zeros: empty, for no id has a NUL. */
struct idset_entry {
    uint32_t id[ID_LENGTH / 4], origin;
};

enum { ROOM_MIN = 64 };

static size_t place_of(const struct idset *set, const uint32_t id[])
{
    uint64_t first = (uint64_t)id[1] << 32 | id[0];
    uint64_t hash = (first ^ (uint64_t)id[2] << 17) * UINT64_C(0x9e3779b97f4a7c15);

    return (size_t)((hash >> 32) * set->room >> 32);
}

static struct idset_entry *entry_of(const struct idset *set, const uint32_t id[])
{
    size_t i = place_of(set, id);

    while (set->entries[i].id[0] != 0 && memcmp(set->entries[i].id, id, ID_LENGTH) != 0)
        i = i + 1 < set->room ? i + 1 : 0;
    return &set->entries[i];
}

static struct idset_entry *allocate(size_t count)
{
    return memset(must_have(pages_allocate(count * sizeof(struct idset_entry))), 0,
                  count * sizeof(struct idset_entry));
}

void idset_make(struct idset *set, size_t tokens)
{
    set->room = tokens / 3 * 4 + ROOM_MIN;
    set->count = 0;
    set->entries = allocate(set->room);
    crypto_random_bytes(set->key, sizeof(set->key));
}

void idset_free(struct idset *set)
{
    free(set->entries);
}

static void grow(struct idset *set)
{
    struct idset grown = *set;

    grown.room = 2 * set->room;
    grown.entries = allocate(grown.room);
    for (size_t i = 0; i < set->room; i++)
        if (set->entries[i].id[0] != 0)
            *entry_of(&grown, set->entries[i].id) = set->entries[i];
    free(set->entries);
    *set = grown;
}

enum idset_seen idset_see(struct idset *set, const char id[ID_LENGTH], const void *origin, size_t size)
{
    struct idset_entry seen = {.origin = (uint32_t)crypto_short_sum(set->key, origin, size)}, *entry;

    memcpy(seen.id, id, ID_LENGTH);
    if (set->count >= set->room / 4 * 3)
        grow(set);
    entry = entry_of(set, seen.id);
    if (entry->id[0] != 0)
        return entry->origin == seen.origin ? IDSET_SAME : IDSET_CHANGED;
    *entry = seen;
    set->count++;
    return IDSET_NEW;
}

void idset_prefetch(const struct idset *set, const char id[ID_LENGTH])
{
    uint32_t words[ID_LENGTH / 4];

    memcpy(words, id, ID_LENGTH);
    __builtin_prefetch(&set->entries[place_of(set, words)]);
}
