#include "load.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
    STEP = 256 * 1024, /* bytes read at once: they stay in the cache until they are hashed */
    CHUNK_MOST = 64 * 1024 * 1024,
    TAIL_ROOM = 64 * 1024, /* for what will be appended */
    LINE_SIZE_LEAST = 128, /* of a line with its LF in which each column is as short as it can be */
};

static ssize_t read_at(int fd, void *bytes, size_t size, uint64_t offset)
{
    ssize_t got;

    do
        got = pread(fd, bytes, size, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got;
}

size_t load_lines_most(uint64_t bytes)
{
    return (size_t)(bytes / LINE_SIZE_LEAST + 1);
}

bool load_header(struct progress *progress, int fd, const char *domain, struct fault *fault)
{
    char text[LINE_SIZE_MAX];
    ssize_t got = read_at(fd, text, sizeof(text), 0);
    const char *end = got > 0 ? memchr(text, '\n', (size_t)got) : NULL;
    const char *wrong;

    if (got < 0)
        return fault_set_passing(fault, "it cannot be read: %s", strerror(errno));
    wrong = end ? walk_start(&progress->walk, domain, text, (size_t)(end - text) + 1)
                : "this is not a toktab store";
    progress->offset = end ? (uint64_t)(end - text) + 1 : 0;
    progress->lines = 1;
    return !wrong || fault_set(fault, "line 1: %s", wrong);
}

static bool wrong_line(struct fault *fault, const struct progress *progress, const char *what)
{
    return fault_set(fault, "line %" PRIu64 " (byte %" PRIu64 "): %s", progress->lines + 1, progress->offset,
                     what);
}

static bool passes_waypoint(const struct progress *progress, const struct waypoint *waypoint)
{
    return waypoint->n == 0 || waypoint->n != progress->walk.n || progress->walk.bytes_left > 0 ||
           memcmp(waypoint->chain, progress->walk.chain, CHAIN_SIZE) == 0;
}

/* A line that the walk has proved, for which there is room. */
static void take_line(struct progress *progress, const struct line *line, const char *end,
                      struct index *index)
{
    const struct span *id = &line->column[COLUMN_ID];
    int64_t time;

    if (time_parse(line->column[COLUMN_TIME], &time) && time != TIME_NEVER && time > progress->newest)
        progress->newest = time;
    if (memcmp(id->at, record_no_id, ID_LENGTH) != 0)
        index_put(index, id->at, (size_t)(end - id->at));
}

/* May a line be put? It needs a slot only if its token is new. */
static bool has_room(struct index *index, bool grow, const char *text, size_t length)
{
    struct line line;

    if (index_holds(index, 1) || (grow && index_grow(index)))
        return true;
    return line_split(&line, text, length) &&
           (memcmp(line.column[COLUMN_ID].at, record_no_id, ID_LENGTH) == 0 ||
            index_find(index, line.column[COLUMN_ID].at));
}

/* Take the whole lines of bytes that were read to the arena's end. *taken: how far. */
static bool take_lines(struct progress *progress, const char *bytes, size_t size, size_t *taken,
                       struct index *index, bool grow, const struct waypoint *waypoint, struct fault *fault)
{
    const char *at = bytes, *end;
    bool good = true;

    while (good && (end = memchr(at, '\n', size - (size_t)(at - bytes))) != NULL) {
        size_t length = (size_t)(++end - at);
        const char *wrong = NULL, *bar = memchr(at, '|', length);
        struct line line;

        if (bar && end - bar > ID_LENGTH)
            index_prefetch(index, bar + 1); /* comes while the chain is hashed */

        if (!has_room(index, grow, at, length)) {
            good = fault_set_passing(fault, "no memory to read it");
        } else if ((wrong = walk_line(&progress->walk, &line, at, length)) != NULL) {
            good = wrong_line(fault, progress, wrong);
        } else if (!passes_waypoint(progress, waypoint)) {
            good = fault_set(
                fault, "it is not the store that was read before: line n=%" PRIu64 " of its log is another",
                waypoint->n);
        } else {
            take_line(progress, &line, end, index);
            progress->offset += length;
            progress->lines++;
            at = end;
        }
    }
    *taken = (size_t)(at - bytes);
    if (good && size - *taken >= LINE_SIZE_MAX)
        good = wrong_line(fault, progress, "the line is too long");
    return good;
}

static bool reached_waypoint(const struct progress *progress, const struct waypoint *waypoint,
                             struct fault *fault)
{
    if (progress->walk.n >= waypoint->n)
        return true;
    return fault_set(fault,
                     "it is older than what was read before: its log ends at n=%" PRIu64 ", not %" PRIu64,
                     progress->walk.n, waypoint->n);
}

bool load_lines(struct progress *progress, int fd, uint64_t size, struct index *index, bool grow,
                const struct waypoint *waypoint, struct fault *fault)
{
    size_t room, taken;

    if (!passes_waypoint(progress, waypoint))
        return fault_set(fault, "it is not the store that was read before: its log has parted from that");
    while (progress->offset < size) {
        uint64_t rest = size - progress->offset;
        char *bytes = index_room(index, LINE_SIZE_MAX,
                                 rest < CHUNK_MOST ? (size_t)rest + TAIL_ROOM : CHUNK_MOST, &room);
        size_t wish = room < STEP ? room : STEP;
        ssize_t got;

        if (!bytes)
            return fault_set_passing(fault, "no memory to read it");
        got = read_at(fd, bytes, wish < rest ? wish : (size_t)rest, progress->offset);
        if (got < 0)
            return fault_set_passing(fault, "it cannot be read: %s", strerror(errno));
        if (got == 0)
            break;
        if (!take_lines(progress, bytes, (size_t)got, &taken, index, grow, waypoint, fault)) {
            index_keep(index, taken);
            return false;
        }
        index_keep(index, taken);
        if ((uint64_t)got == rest)
            break; /* what is left is a line without an end, which a writer is writing or has not finished */
        if (taken == 0 && (size_t)got < LINE_SIZE_MAX)
            break;
    }
    return reached_waypoint(progress, waypoint, fault);
}
