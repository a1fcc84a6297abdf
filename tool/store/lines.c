#include "store/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record.h"
#include "terminal/say.h"

enum { BUFFER_SIZE = 256 * 1024 };

void lines_make(struct lines *lines, int fd, uint64_t offset)
{
    *lines = (struct lines){.fd = fd, .offset = offset, .buffer = must_have(malloc(BUFFER_SIZE))};
}

void lines_free(struct lines *lines)
{
    free(lines->buffer);
}

/* Read more bytes into the buffer. Returns how many; 0 at the end, -1 with errno. */
static ssize_t fill(struct lines *lines)
{
    size_t kept = lines->end - lines->start;
    ssize_t got;

    memmove(lines->buffer, lines->buffer + lines->start, kept);
    lines->start = 0;
    lines->end = kept;
    do
        got = pread(lines->fd, lines->buffer + kept, BUFFER_SIZE - kept, (off_t)(lines->offset + kept));
    while (got < 0 && errno == EINTR);
    lines->end += got > 0 ? (size_t)got : 0;
    return got;
}

static const char *find_end(const struct lines *lines)
{
    return memchr(lines->buffer + lines->start, '\n', lines->end - lines->start);
}

static void pass_over(struct lines *lines, size_t length)
{
    lines->start += length;
    lines->offset += length;
}

/* Skip the rest of a line that was too long. Not before the next call, for the text given out must stay in
 * place. LINES_LINE: done. */
static enum lines_got end_skipping(struct lines *lines)
{
    while (lines->skipping) {
        ssize_t got = lines->end > lines->start ? 1 : fill(lines);
        const char *end = find_end(lines);

        if (got <= 0)
            return got < 0 ? LINES_ERROR : LINES_END;
        pass_over(lines,
                  end ? (size_t)(end - (lines->buffer + lines->start)) + 1 : lines->end - lines->start);
        lines->skipping = !end;
    }
    return LINES_LINE;
}

enum lines_got lines_next(struct lines *lines, const char **text, size_t *length)
{
    enum lines_got skipped = end_skipping(lines);
    const char *end = find_end(lines);
    ssize_t got = 1;

    if (skipped != LINES_LINE)
        return skipped;
    while (!end && got > 0 && lines->end - lines->start < LINE_SIZE_MAX) {
        got = fill(lines);
        end = find_end(lines);
    }
    if (got < 0)
        return LINES_ERROR;
    *text = lines->buffer + lines->start;
    *length = end ? (size_t)(end - *text) + 1 : lines->end - lines->start;
    if (*length > LINE_SIZE_MAX || (!end && *length == LINE_SIZE_MAX)) {
        lines->skipping = !end;
        pass_over(lines, *length);
        return LINES_TOO_LONG;
    }
    if (!end)
        return *length > 0 ? LINES_TORN : LINES_END;
    pass_over(lines, *length);
    return LINES_LINE;
}
