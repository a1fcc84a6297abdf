/* A file's lines, one after the other, in constant memory. */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lines {
    int fd;
    uint64_t offset; /* of the next line */
    char *buffer;
    size_t start, end; /* of what is in it and not yet given out */
    bool skipping;     /* within a line that was too long */
};

enum lines_got {
    LINES_LINE,
    LINES_END,      /* nothing more */
    LINES_TORN,     /* an unterminated line, which is given out, and again by the next call */
    LINES_TOO_LONG, /* no LF within LINE_SIZE_MAX: its first bytes are given out, all of it is passed over */
    LINES_ERROR,    /* errno of pread(2) */
};

/* From an offset on. lines_free() leaves the descriptor open. */
void lines_make(struct lines *lines, int fd, uint64_t offset);
void lines_free(struct lines *lines);

/* The next line with its LF; it stays where it is until the next call. */
enum lines_got lines_next(struct lines *lines, const char **text, size_t *length);

#endif
