/* Reads a file line by line from its end, in constant memory. */
#ifndef BACKWARD_H
#define BACKWARD_H

#include "store/lines.h"
#include "text.h"

struct backward {
    int fd;
    uint64_t start, end; /* of what was not yet read */
    struct span needle;
    char *buffer;
    size_t first, last; /* the bytes not yet given out: whole lines, but for one that is too long */
};

/* Read the lines between two offsets; the one that ends at end comes first. needle: lines without these bytes
 * may be left out; length 0: none is. It must stay valid. backward_free() leaves the descriptor open. */
void backward_make(struct backward *lines, int fd, uint64_t start, uint64_t end, struct span needle);
void backward_free(struct backward *lines);

/* The line before, with its LF. LINES_LINE, LINES_END, or LINES_ERROR with errno, also when the file has
 * become shorter. Of a line that is longer than LINE_SIZE_MAX any part may come, or none: what comes of it is
 * too long, or has no LF. The text stays valid until the next call. */
enum lines_got backward_next(struct backward *lines, const char **text, size_t *length);

#endif
