/*
 * The tokens of a store in memory: the lines of the file, found by id.
 *
 * An arena holds the lines, and LINE_READ_PAST bytes behind them; it only grows. load.h keeps lines without
 * their chains, others keep them whole. A table of 8-byte slots says where the line of an id is; a newer line
 * overwrites the slot in place. One thread may change an index while any number of threads read it: a line is
 * in the arena before its slot is set (release), and readers load the slot first (acquire). While an index is
 * made, freed or grown by index_grow(), no other thread may use it.
 */
#ifndef INDEX_H
#define INDEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto.h"

enum { CHUNKS_MAX = 255 };

struct chunk {
    char *bytes;
    size_t size, used;
};

struct index {
    _Atomic uint64_t *slots;
    size_t slot_count;
    size_t count; /* slots in use: tokens */
    size_t dead;  /* bytes of the arena that no slot points to any more */
    size_t bytes; /* of the arena in use */
    struct chunk chunks[CHUNKS_MAX];
    unsigned chunk_count;
};

/* Make an empty index for about so many tokens. False with errno ENOMEM. */
bool index_make(struct index *index, size_t tokens);
void index_free(struct index *index);

/* Get free space at the end of the arena: at least `least` bytes, better `wish`; *size: how many. It stays
 * free until index_keep() takes the front of it. NULL with errno ENOMEM. */
char *index_room(struct index *index, size_t least, size_t wish, size_t *size);
void index_keep(struct index *index, size_t length);

/* Is there room for so many tokens without index_grow()? */
bool index_holds(const struct index *index, size_t tokens);
bool index_grow(struct index *index);

/* Put a kept line into the table. id: the id in it; length: from there to the LF, included. Ignores a line
 * that would bring a revoked token back. Needs index_holds(index, 1). */
void index_put(struct index *index, const char *id, size_t length);

/* The token's line, from the id on; NULL: not found. */
const char *index_find(const struct index *index, const char id[ID_LENGTH]);

/* Call visit with each token's line, from the id on, in no order. */
void index_each(const struct index *index, void (*visit)(void *context, const char *id), void *context);

/* Prefetch the memory that index_find() needs first. */
void index_prefetch(const struct index *index, const char id[ID_LENGTH]);

/* Was this line copied from an older index, only because it is revoked there? */
bool index_is_kept_dead(const char *id);

/* Does an index have each token of another one, except those kept dead there? */
bool index_has_all(const struct index *index, const struct index *other);

/* Copy tokens into another index. Tokens in `to` stay as they are, except that whatever is revoked in `from`
 * is then revoked in `to` too. False with errno ENOMEM. */
bool index_copy_all(struct index *to, const struct index *from);
bool index_copy_revoked(struct index *to, const struct index *from);

#endif
