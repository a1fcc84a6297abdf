#include "store/numbered.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "line.h"

enum {
    STEPS = 64,                /* lines to read on before the search starts anew */
    NEAR = 16 * LINE_SIZE_MAX, /* bytes that are read rather than halved */
};

void numbered_make(struct numbered *numbered, int fd)
{
    *numbered = (struct numbered){0};
    lines_make(&numbered->lines, fd, 0);
}

void numbered_free(struct numbered *numbered)
{
    lines_free(&numbered->lines);
}

static bool number_of(const char *text, size_t length, uint64_t *n)
{
    const char *bar = memchr(text, '|', length < 24 ? length : 24);

    return bar && decimal_parse((struct span){text, (size_t)(bar - text)}, n);
}

/* The first line that begins after an offset and has a number. False: there is none within two lines. */
static bool line_after(int fd, uint64_t offset, uint64_t *start, uint64_t *n)
{
    char bytes[2 * LINE_SIZE_MAX];
    ssize_t got = pread(fd, bytes, sizeof(bytes), (off_t)offset);
    const char *end = bytes + (got > 0 ? got : 0), *at = bytes, *lf;

    while ((lf = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at = lf + 1;
        if (number_of(at, (size_t)(end - at), n)) {
            *start = offset + (uint64_t)(at - bytes);
            return true;
        }
    }
    return false;
}

/* The start of a line of at most that number, not far before the one that is wanted. */
static uint64_t halve(const struct numbered *numbered, uint64_t n)
{
    uint64_t low = numbered->start, high, start, number;
    struct stat status;

    high = fstat(numbered->lines.fd, &status) == 0 ? (uint64_t)status.st_size : low;
    while (high > low && high - low > NEAR) {
        uint64_t middle = low + (high - low) / 2;

        if (line_after(numbered->lines.fd, middle, &start, &number) && start < high && number <= n)
            low = start;
        else
            high = middle;
    }
    return low;
}

static void read_from(struct numbered *numbered, uint64_t offset)
{
    numbered->lines.offset = offset;
    numbered->lines.start = numbered->lines.end = 0;
    numbered->lines.skipping = false;
    numbered->at.at = NULL;
}

/* False: the file cannot be read. */
static bool find_start(struct numbered *numbered)
{
    enum lines_got got;
    const char *header;
    size_t length;

    read_from(numbered, 0);
    got = lines_next(&numbered->lines, &header, &length);
    if (got == LINES_LINE)
        numbered->start = length;
    return got != LINES_ERROR;
}

/* Read the next line. */
static enum found step(struct numbered *numbered)
{
    const char *text;
    size_t length;

    switch (lines_next(&numbered->lines, &text, &length)) {
    case LINES_LINE:
        numbered->at = (struct span){text, length};
        numbered->offset = numbered->lines.offset;
        errno = EINVAL;
        return number_of(text, length, &numbered->n) ? FOUND_LINE : FOUND_ERROR;
    case LINES_END:
    case LINES_TORN:
        return FOUND_NONE;
    case LINES_TOO_LONG:
        errno = EINVAL;
        return FOUND_ERROR;
    case LINES_ERROR:
    default:
        return FOUND_ERROR;
    }
}

static enum found step_to(struct numbered *numbered, uint64_t n, unsigned most)
{
    enum found found = FOUND_LINE;

    while (found == FOUND_LINE && (!numbered->at.at || numbered->n < n) && most-- > 0)
        found = step(numbered);
    if (found != FOUND_LINE)
        numbered->at.at = NULL;
    return found;
}

enum found numbered_find(struct numbered *numbered, uint64_t n)
{
    enum found found = numbered->at.at && numbered->n <= n ? step_to(numbered, n, STEPS) : FOUND_NONE;

    if (found != FOUND_LINE || numbered->n < n) {
        if (numbered->start == 0 && !find_start(numbered))
            return FOUND_ERROR;
        read_from(numbered, halve(numbered, n));
        found = step_to(numbered, n, UINT_MAX);
    }
    return found == FOUND_LINE && numbered->n != n ? FOUND_NONE : found;
}
