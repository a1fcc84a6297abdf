/* Finds tokens in any text by shape and checksum. It knows no domains and no stores. Pure. */
#ifndef FINDER_H
#define FINDER_H

#include <stdbool.h>

#include "token.h"

enum { FINDER_KEEP = TOKEN_MAX }; /* the most bytes of a buffer to look at again */

/* How far a text has been searched, piece by piece. All zeros: at its beginning. */
struct finder {
    uint64_t lines; /* newlines before buffer[from] */
    size_t from;    /* bytes of the buffer already searched */
};

uint64_t newlines_in(const char *text, size_t size);

/* token: length bytes, without a NUL; line: counted from 1. */
typedef void finder_visit(void *context, const char *token, size_t length, uint64_t line);

/*
 * Search the next piece. buffer: the bytes that the last call asked to keep, then new ones, size bytes in
 * all. Calls visit for each whole token. Returns how many bytes at the end of the buffer the next one must
 * begin with: at most FINDER_KEEP.
 */
size_t finder_look(struct finder *finder, const char *buffer, size_t size, finder_visit *visit,
                   void *context);

bool holds_token(const char *text);

/* Write "*" over the secret of each token in the text; ids stay readable. */
void hide_secrets(char *text);

#endif
