/* Reads a file line by line in constant memory. */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lines {
    int fd;
    uint64_t offset; /* of the next line */
    char *buffer;
    size_t start, end; /* of the bytes not yet given out */
    bool skipping;     /* inside a line that was too long */
};

enum lines_got {
    LINES_LINE,
    LINES_END,
    LINES_TORN,     /* the file ends without an LF: the rest is given out, at each call */
    LINES_TOO_LONG, /* no LF within LINE_SIZE_MAX: the first bytes are given out, the line is skipped */
    LINES_ERROR,    /* errno of pread(2) */
};

/* Read from an offset on. lines_free() leaves the descriptor open. */
void lines_make(struct lines *lines, int fd, uint64_t offset);
void lines_free(struct lines *lines);

/* The next line with its LF. The text stays valid until the next call. */
enum lines_got lines_next(struct lines *lines, const char **text, size_t *length);

#endif
