#include "store/backward.h"

#include <stdlib.h>
#include <string.h>

#include "store/disk.h"
#include "terminal/say.h"

enum { BLOCK = 256 * 1024 };

void backward_make(struct backward *lines, int fd, uint64_t start, uint64_t end, struct span needle)
{
    *lines = (struct backward){
        .fd = fd, .start = start, .end = end, .needle = needle, .buffer = must_have(malloc(BLOCK))};
}

void backward_free(struct backward *lines)
{
    free(lines->buffer);
}

/* Read the block before, less the end of a line with which it begins: the next block has all of that line. */
static bool fill(struct backward *lines)
{
    uint64_t left = lines->end - lines->start;
    size_t size = left < BLOCK ? (size_t)left : BLOCK;
    const char *lf;

    if (!read_all(lines->fd, lines->buffer, size, lines->end - size))
        return false;
    lf = size < left ? memchr(lines->buffer, '\n', size - 1) : NULL;
    lines->first = lf ? (size_t)(lf - lines->buffer) + 1 : 0;
    lines->last = size;
    lines->end -= size - lines->first;
    if (!memmem(lines->buffer + lines->first, size - lines->first, lines->needle.at, lines->needle.length))
        lines->last = lines->first;
    return true;
}

enum lines_got backward_next(struct backward *lines, const char **text, size_t *length)
{
    const char *lf;

    while (lines->first == lines->last) {
        if (lines->end == lines->start)
            return LINES_END;
        if (!fill(lines))
            return LINES_ERROR;
    }
    lf = memrchr(lines->buffer + lines->first, '\n', lines->last - lines->first - 1);
    *text = lf ? lf + 1 : lines->buffer + lines->first;
    *length = (size_t)(lines->buffer + lines->last - *text);
    lines->last -= *length;
    return LINES_LINE;
}
