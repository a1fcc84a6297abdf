/* Finds the lines of a store by their numbers, in constant memory: a file is sorted by them. Proves nothing.
 */
#ifndef NUMBERED_H
#define NUMBERED_H

#include "store/lines.h"
#include "text.h"

struct numbered {
    struct lines lines;
    uint64_t start;  /* offset after the header; 0: not known yet */
    struct span at;  /* the line that was read last; at.at is NULL: none */
    uint64_t n;      /* its number */
    uint64_t offset; /* after it */
};

enum found {
    FOUND_LINE,  /* numbered->at, valid until the next call; numbered->offset */
    FOUND_NONE,  /* the file has no whole line of that number */
    FOUND_ERROR, /* errno, or EINVAL: where the line should be are bytes that are no line */
};

/* fd: of the store, which stays open. The caller calls numbered_free(). */
void numbered_make(struct numbered *numbered, int fd);
void numbered_free(struct numbered *numbered);

/* Find line n. Fast for numbers in rising order, too. */
enum found numbered_find(struct numbered *numbered, uint64_t n);

#endif
