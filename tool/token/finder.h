/* Tokens in any text, by shape and checksum: whose prefix they have, and whether any store knows them, is for
 * others to say. Pure. */
#ifndef FINDER_H
#define FINDER_H

#include <stdbool.h>

#include "token.h"

enum { FINDER_KEEP = TOKEN_MAX }; /* bytes of a buffer that may have to be looked at again */

/* Through a text of any size in pieces. All zeros: at its beginning. */
struct finder {
    uint64_t lines; /* that have ended before buffer[from] */
    size_t from;    /* what of the buffer has been looked at */
};

/* token: length bytes, not ended; line: counted from 1. */
typedef void finder_visit(void *context, const char *token, size_t length, uint64_t line);

/*
 * Look through the next piece. buffer: what the last call wanted kept, and what follows on it, size bytes in
 * all. Calls visit for each token that is whole. Returns how many bytes from the end of the buffer have to
 * stand at the start of the next: at most FINDER_KEEP.
 */
size_t finder_look(struct finder *finder, const char *buffer, size_t size, finder_visit *visit,
                   void *context);

#endif
