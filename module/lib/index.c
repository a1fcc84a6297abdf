#include "index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pages.h"
#include "record.h"

/* A slot: 20 bits of the id's hash, 8 bits that number a chunk, 36 bits of the id's place in it. 0 is an
 * empty slot: no id stands at the very start of a chunk, since a line begins with its number. */
enum { TAG_SHIFT = 44, CHUNK_SHIFT = 36 };

#define PLACE_MASK ((UINT64_C(1) << CHUNK_SHIFT) - 1)

/* Positions come from 32 bits of a hash. */
#define SLOTS_MAX (UINT64_C(1) << 32)

enum { SLOTS_MIN = 64, CHUNK_MIN = 64 * 1024, CACHE_LINE = 64, AHEAD = 16 };

/* Ids are random already; this spreads those of other writers too. */
static uint64_t hash_of(const char id[ID_LENGTH])
{
    uint64_t a, hash;
    uint32_t b;

    memcpy(&a, id, sizeof(a));
    memcpy(&b, id + sizeof(a), sizeof(b));
    hash =
        (a ^ UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9) + b * UINT64_C(0x94d049bb133111eb);
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 29;
}

/* Where the search for an id begins: one of so many slots, which need not be a power of two. The tag is of
 * other bits. */
static size_t position_of(uint64_t hash, size_t slot_count)
{
    return (size_t)((hash & UINT32_MAX) * slot_count >> 32);
}

static const char *line_at(const struct index *index, uint64_t slot)
{
    return index->chunks[(slot >> CHUNK_SHIFT) & 0xff].bytes + (slot & PLACE_MASK);
}

static _Atomic uint64_t *allocate_slots(size_t count)
{
    void *slots = NULL;

    if (count <= SLOTS_MAX)
        slots = pages_allocate(count * sizeof(uint64_t));
    else
        errno = ENOMEM;
    return slots ? memset(slots, 0, count * sizeof(uint64_t)) : NULL;
}

bool index_make(struct index *index, size_t tokens)
{
    size_t slots = tokens / 3 * 4 + SLOTS_MIN;

    memset(index, 0, sizeof(*index));
    index->slots = allocate_slots(slots);
    index->slot_count = slots;
    return index->slots != NULL;
}

void index_free(struct index *index)
{
    for (unsigned i = 0; i < index->chunk_count; i++)
        free(index->chunks[i].bytes);
    free(index->slots);
    memset(index, 0, sizeof(*index));
}

static struct chunk *last_chunk(struct index *index)
{
    return index->chunk_count > 0 ? &index->chunks[index->chunk_count - 1] : NULL;
}

/* Each new chunk is at least an eighth of the arena, so that CHUNKS_MAX chunks are enough for any store. */
static bool add_chunk(struct index *index, size_t least, size_t wish)
{
    struct chunk *chunk = &index->chunks[index->chunk_count];
    uint64_t size = wish > index->bytes / 8 ? wish : index->bytes / 8;

    if (size < CHUNK_MIN)
        size = CHUNK_MIN;
    if (index->chunk_count == CHUNKS_MAX || size > PLACE_MASK) {
        errno = ENOMEM;
        return false;
    }
    chunk->bytes = pages_allocate((size_t)size + LINE_READ_PAST);
    if (!chunk->bytes) { /* the next line may be a revocation: take what memory there is */
        size = least > CHUNK_MIN ? least : CHUNK_MIN;
        chunk->bytes = malloc((size_t)size + LINE_READ_PAST);
    }
    if (!chunk->bytes)
        return false;
    chunk->size = (size_t)size;
    chunk->used = 0;
    index->chunk_count++;
    return true;
}

char *index_room(struct index *index, size_t least, size_t wish, size_t *size)
{
    struct chunk *chunk = last_chunk(index);

    if (!chunk || chunk->size - chunk->used < least) {
        if (!add_chunk(index, least, wish))
            return NULL;
        chunk = last_chunk(index);
    }
    *size = chunk->size - chunk->used;
    return chunk->bytes + chunk->used;
}

void index_keep(struct index *index, size_t length)
{
    last_chunk(index)->used += length;
    index->bytes += length;
}

bool index_holds(const struct index *index, size_t tokens)
{
    return index->count + tokens <= index->slot_count / 4 * 3;
}

/* The slot of an id, or the empty slot where it belongs. */
static _Atomic uint64_t *slot_of(const struct index *index, const char id[ID_LENGTH], uint64_t hash)
{
    for (size_t i = position_of(hash, index->slot_count);; i = i + 1 < index->slot_count ? i + 1 : 0) {
        uint64_t slot = atomic_load_explicit(&index->slots[i], memory_order_acquire);

        if (slot == 0)
            return &index->slots[i];
        if (slot >> TAG_SHIFT == hash >> TAG_SHIFT) {
            const char *line = line_at(index, slot);

            /* the rest of the line comes at the same time as its start */
            __builtin_prefetch(line + CACHE_LINE);
            __builtin_prefetch(line + 2 * CACHE_LINE);
            if (memcmp(line, id, ID_LENGTH) == 0)
                return &index->slots[i];
        }
    }
}

bool index_grow(struct index *index)
{
    struct index grown = *index;

    grown.slot_count = index->slot_count * 2;
    grown.slots = allocate_slots(grown.slot_count);
    if (!grown.slots)
        return false;
    for (size_t i = 0; i < index->slot_count; i++) {
        uint64_t slot = atomic_load_explicit(&index->slots[i], memory_order_relaxed);
        const char *id;

        if (slot == 0)
            continue;
        id = line_at(index, slot);
        atomic_store_explicit(slot_of(&grown, id, hash_of(id)), slot, memory_order_relaxed);
    }
    free(index->slots);
    *index = grown;
    return true;
}

static size_t length_of(const char *id)
{
    return (size_t)((const char *)memchr(id, '\n', LINE_SIZE_MAX) - id) + 1;
}

void index_put(struct index *index, const char *id, size_t length)
{
    uint64_t hash = hash_of(id);
    _Atomic uint64_t *slot = slot_of(index, id, hash);
    uint64_t old = atomic_load_explicit(slot, memory_order_relaxed);
    uint64_t chunk = index->chunk_count - 1;
    uint64_t place = (uint64_t)(id - index->chunks[chunk].bytes);

    if (old != 0 && line_revoked(line_at(index, old)) && !line_revoked(id)) {
        index->dead += length;
        return;
    }
    if (old != 0)
        index->dead += length_of(line_at(index, old));
    else
        index->count++;
    atomic_store_explicit(slot, hash >> TAG_SHIFT << TAG_SHIFT | chunk << CHUNK_SHIFT | place,
                          memory_order_release);
}

const char *index_find(const struct index *index, const char id[ID_LENGTH])
{
    uint64_t slot = atomic_load_explicit(slot_of(index, id, hash_of(id)), memory_order_acquire);

    return slot == 0 ? NULL : line_at(index, slot);
}

void index_prefetch(const struct index *index, const char id[ID_LENGTH])
{
    __builtin_prefetch(&index->slots[position_of(hash_of(id), index->slot_count)]);
}

enum { KEPT_DEAD = '#' }; /* in place of the "|" before the id */

bool index_is_kept_dead(const char *id)
{
    return id[-1] == KEPT_DEAD;
}

/* A copied line lacks its number; the mark in its place keeps an id from the start of a chunk. */
static bool copy_line(struct index *to, const char *id, char mark)
{
    size_t length = length_of(id), size;
    char *room = index_room(to, length + 1, length + 1, &size);

    if (!room || (!index_holds(to, 1) && !index_grow(to)))
        return false;
    room[0] = mark;
    memcpy(room + 1, id, length);
    index_keep(to, length + 1);
    index_put(to, room + 1, length);
    return true;
}

void index_each(const struct index *index, void (*visit)(void *context, const char *id), void *context)
{
    for (size_t i = 0; i < index->slot_count; i++) {
        uint64_t slot = atomic_load_explicit(&index->slots[i], memory_order_acquire), ahead = 0;

        if (i + AHEAD < index->slot_count)
            ahead = atomic_load_explicit(&index->slots[i + AHEAD], memory_order_acquire);
        if (ahead != 0)
            __builtin_prefetch(line_at(index, ahead) + CACHE_LINE); /* where most of them read first */
        if (slot != 0)
            visit(context, line_at(index, slot));
    }
}

bool index_has_all(const struct index *index, const struct index *other)
{
    for (size_t i = 0; i < other->slot_count; i++) {
        uint64_t slot = atomic_load_explicit(&other->slots[i], memory_order_relaxed);
        const char *id = slot ? line_at(other, slot) : NULL;

        if (id && !index_is_kept_dead(id) && !index_find(index, id))
            return false;
    }
    return true;
}

/* Where lines are copied to, and whether there was memory for all so far. */
struct copy {
    struct index *to;
    bool good;
};

static void copy_one(void *context, const char *id)
{
    struct copy *copy = context;

    copy->good = copy->good && copy_line(copy->to, id, id[-1]);
}

static void copy_one_if_revoked(void *context, const char *id)
{
    struct copy *copy = context;
    const char *there = line_revoked(id) ? index_find(copy->to, id) : NULL;

    if (line_revoked(id) && !(there && line_revoked(there)))
        copy->good = copy->good && copy_line(copy->to, id, KEPT_DEAD);
}

bool index_copy_all(struct index *to, const struct index *from)
{
    struct copy copy = {to, true};

    index_each(from, copy_one, &copy);
    return copy.good;
}

bool index_copy_revoked(struct index *to, const struct index *from)
{
    struct copy copy = {to, true};

    index_each(from, copy_one_if_revoked, &copy);
    return copy.good;
}
