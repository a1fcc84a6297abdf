/*
 * The tokens that a file has had so far, in 16 bytes each: the id, and a checksum of the token's origin,
 * which is what never changes in its lines.
 *
 * The checksum has 32 bits, and a key that is new in each set: nobody can prepare a line that passes for
 * another.
 */
#ifndef IDSET_H
#define IDSET_H

#include "crypto.h"

struct idset_entry;

struct idset {
    struct idset_entry *entries;
    size_t room, count; /* count: tokens */
    unsigned char key[SHORT_KEY_SIZE];
};

enum idset_seen { IDSET_NEW, IDSET_SAME, IDSET_CHANGED };

/* Make an empty set for about so many tokens. The tool exits if it is out of memory. */
void idset_make(struct idset *set, size_t tokens);
void idset_free(struct idset *set);

/* Was the id here before, with the same origin? If it is new, it is kept. */
enum idset_seen idset_see(struct idset *set, const char id[ID_LENGTH], const void *origin, size_t size);

/* Prefetch the memory that idset_see() needs. */
void idset_prefetch(const struct idset *set, const char id[ID_LENGTH]);

#endif
