/*
 * The tokens of a store in memory: lines as they stand in the file, found by id.
 *
 * An arena keeps the lines; it only grows. A table of slots of 8 bytes says where the line of an id is; a
 * slot is overwritten in place when a newer line comes. One thread changes an index while any number read it:
 * a line is in the arena before its slot is set (release), and readers load the slot first (acquire). Making
 * and freeing an index, and index_grow(), want it alone.
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
    size_t mask;  /* number of slots - 1 */
    size_t count; /* slots in use: tokens */
    size_t dead;  /* bytes of the arena that no slot leads to any more */
    size_t bytes; /* of the arena in use */
    struct chunk chunks[CHUNKS_MAX];
    unsigned chunk_count;
};

/* An empty index for about that many tokens. False with errno ENOMEM. */
bool index_make(struct index *index, size_t tokens);
void index_free(struct index *index);

/* Room at the arena's end, for at least least bytes, better for wish; *size says for how many. It stays room
 * until index_keep() takes its front. NULL with errno ENOMEM. */
char *index_room(struct index *index, size_t least, size_t wish, size_t *size);
void index_keep(struct index *index, size_t length);

/* May that many tokens be put without index_grow()? */
bool index_holds(const struct index *index, size_t tokens);
bool index_grow(struct index *index);

/* Take a kept line into the table. id: the id's place in it; length: from there to behind the LF. A line that
 * would bring a revoked token back is passed over. Wants index_holds(index, 1). */
void index_put(struct index *index, const char *id, size_t length);

/* The token's line, from the id on; NULL if there is none. */
const char *index_find(const struct index *index, const char id[ID_LENGTH]);

/* Call visit with each token's line, from the id on, in no order. */
void index_each(const struct index *index, void (*visit)(void *context, const char *id), void *context);

/* Fetch the memory that index_find() will want first. */
void index_prefetch(const struct index *index, const char id[ID_LENGTH]);

/* Is this line here only because it was revoked in an index that this one was copied from? */
bool index_is_kept_dead(const char *id);

/* Copy tokens into another index. Those that `to` has already stay, but for this: what is revoked in `from`
 * is revoked in `to` afterwards. False with errno ENOMEM. */
bool index_copy_all(struct index *to, const struct index *from);
bool index_copy_revoked(struct index *to, const struct index *from);

#endif
