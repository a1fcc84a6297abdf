#include "load.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
    STEP = 256 * 1024, /* bytes per read: they stay in the cache until they are hashed */
    CHUNK_MOST = 64 * 1024 * 1024 - LINE_READ_PAST, /* whole huge pages */
    TAIL_ROOM = 64 * 1024,                          /* for lines that will be appended */
    LINE_SIZE_LEAST = 160,                          /* bytes of the shortest possible line, with its LF */
};

ssize_t read_at(int fd, void *bytes, size_t size, uint64_t offset)
{
    size_t had = 0;

    while (had < size) {
        ssize_t got = pread(fd, (char *)bytes + had, size - had, (off_t)(offset + had));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        had += (size_t)got;
    }
    return (ssize_t)had;
}

size_t load_lines_most(uint64_t bytes)
{
    return (size_t)(bytes / LINE_SIZE_LEAST + 1);
}

static bool unreadable(struct fault *fault)
{
    return fault_set_passing(fault, "cannot read it: %s", strerror(errno));
}

static bool no_memory(struct fault *fault)
{
    return fault_set_passing(fault, "out of memory");
}

bool load_header(struct progress *progress, int fd, const char *domain, struct fault *fault)
{
    char text[LINE_SIZE_MAX];
    ssize_t got = read_at(fd, text, sizeof(text), 0);
    const char *end = got > 0 ? memchr(text, '\n', (size_t)got) : NULL;
    const char *wrong;

    if (got < 0)
        return unreadable(fault);
    wrong = end ? chain_begin(&progress->chain, domain, text, (size_t)(end - text) + 1)
                : "this is not a toktab store";
    progress->offset = end ? (uint64_t)(end - text) + 1 : 0;
    progress->lf_due = false;
    progress->lines = 1;
    return !wrong || fault_set(fault, "line 1: %s", wrong);
}

static bool wrong_line(const struct loading *loading, const char *what)
{
    return fault_set(loading->fault, "line %" PRIu64 " (byte %" PRIu64 "): %s", loading->progress->lines + 1,
                     loading->progress->offset, what);
}

static bool parted(const struct loading *loading)
{
    return fault_set(loading->fault,
                     "two hosts have written this store: its log differs from what was read before, at "
                     "line n=%" PRIu64 " or earlier (see FORKS in toktab-fleet(7))",
                     loading->known.at.n);
}

/*
 * A file that begins beyond the known position lacks the line where its log may have parted from the known
 * one, but its snapshot tells: a line up to that position must be the line known from the log, and the token
 * of a later line must be known unless it was created since. A token kept dead from another epoch has no line
 * in this log.
 */
static bool agrees_with_snapshot(const struct known *known, const struct line *line)
{
    const char *id = line->column[COLUMN_ID].at, *mine = index_find(known->index, id);
    size_t length = (size_t)(line->column[COLUMN_CHAIN].at - id);
    struct line my_line;
    uint64_t n, serial;

    if (!mine)
        return decimal_parse(line->column[COLUMN_SERIAL], &serial) && serial > known->at.n;
    /* the chain has gone on to base behind the last line, so it does not tell n */
    if ((decimal_parse(line->column[COLUMN_N], &n) && n > known->at.n) || index_is_kept_dead(mine))
        return true;
    line_split_accepted(&my_line, mine);
    return length == (size_t)(my_line.column[COLUMN_CHAIN].at - mine) && memcmp(id, mine, length) == 0;
}

/* Nor may such a snapshot lack a known token, if nothing was ever dropped from it. */
static bool lacks_known(const struct loading *loading)
{
    const struct header *header = &loading->progress->chain.header;

    return loading->known.at.n > 0 && header->base > loading->known.at.n && header->cutoff == TIME_NEVER &&
           !index_has_all(loading->index, loading->known.index);
}

static bool agrees(const struct known *known, const struct chain *chain, bool in_snapshot,
                   const struct line *line)
{
    if (known->at.n == 0)
        return true;
    if (in_snapshot && chain->header.base > known->at.n)
        return agrees_with_snapshot(known, line);
    return chain->bytes_left > 0 || chain->at.n != known->at.n || position_equal(&chain->at, &known->at);
}

/* Put a proved line into the index, which has room for it: all but the chain, for which nobody asks later.
 * to: where it is kept, not behind the line itself. Returns how many bytes it keeps. */
static size_t take_line(const struct loading *loading, const struct line *line, char *to)
{
    const char *id = line->column[COLUMN_ID].at, *from = line->column[COLUMN_N].at;
    size_t length = (size_t)(line->column[COLUMN_CHAIN].at - from), before = (size_t)(id - from);
    struct progress *progress = loading->progress;
    int64_t time;

    if (time_parse(line->column[COLUMN_TIME], &time) && time != TIME_NEVER && time > progress->newest)
        progress->newest = time;
    progress->lines++;
    if (memcmp(id, record_no_id, ID_LENGTH) == 0)
        return 0;
    memmove(to, from, length);
    to[length] = '\n';
    index_put(loading->index, to + before, length + 1 - before);
    return length + 1;
}

/* Can the index take a line? It needs a slot only if its token is new. */
static bool has_room(const struct loading *loading, const char *text, size_t length)
{
    struct index *index = loading->index;
    struct line line;

    if (index_holds(index, 1) || (loading->grow && index_grow(index)))
        return true;
    return line_split(&line, text, length) &&
           (memcmp(line.column[COLUMN_ID].at, record_no_id, ID_LENGTH) == 0 ||
            index_find(index, line.column[COLUMN_ID].at));
}

/* Prove a whole line in the free space at the end of the arena, and put it into the index. *kept: how many
 * bytes of that space are lines of the index now. */
static bool prove_and_take(const struct loading *loading, const char *text, size_t length, char *space,
                           size_t *kept)
{
    struct chain *chain = &loading->progress->chain;
    bool in_snapshot = chain->bytes_left > 0;
    size_t tokens = loading->index->count;
    struct line line;
    const char *wrong;

    if (!has_room(loading, text, length))
        return no_memory(loading->fault);
    wrong = chain_line(chain, &line, text, length);
    if (wrong)
        return wrong_line(loading, wrong);
    if (!agrees(&loading->known, chain, in_snapshot, &line))
        return parted(loading);
    *kept += take_line(loading, &line, space + *kept);
    if (in_snapshot && loading->index->count == tokens)
        return wrong_line(loading, "this id is in the snapshot twice");
    return true;
}

/* Take the whole lines of the bytes that were read to the end of the arena. *taken: how many bytes. */
static bool take_lines(const struct loading *loading, char *bytes, size_t size, size_t *taken)
{
    const char *at = bytes, *end;
    size_t kept = 0;
    bool good = true;

    while (good && (end = memchr(at, '\n', size - (size_t)(at - bytes))) != NULL) {
        size_t length = (size_t)(++end - at);
        const char *bar = memchr(at, '|', length);

        if (bar && end - bar > ID_LENGTH)
            index_prefetch(loading->index, bar + 1); /* the memory arrives while the line is hashed */
        good = prove_and_take(loading, at, length, bytes, &kept);
        if (good) {
            loading->progress->offset += length;
            at = end;
        }
    }
    index_keep(loading->index, kept);
    *taken = (size_t)(at - bytes);
    return good;
}

/* Read up to size, or to the first bad line. */
static bool read_lines(const struct loading *loading, uint64_t size)
{
    struct progress *progress = loading->progress;
    size_t room, taken;

    while (progress->offset < size) {
        uint64_t rest = size - progress->offset;
        char *bytes = index_room(loading->index, LINE_SIZE_MAX,
                                 rest < CHUNK_MOST ? (size_t)rest + TAIL_ROOM : CHUNK_MOST, &room);
        size_t wish = room < STEP ? room : STEP;
        ssize_t got;
        bool good;

        if (!bytes)
            return no_memory(loading->fault);
        got = read_at(loading->fd, bytes, wish < rest ? wish : (size_t)rest, progress->offset);
        if (got < 0)
            return unreadable(loading->fault);
        good = take_lines(loading, bytes, (size_t)got, &taken);
        if (!good || taken == 0)
            return good;
    }
    return true;
}

/* Take a line that only lacks its LF; the copy in the arena gets one. */
static bool take_unended(const struct loading *loading, const char *bytes, size_t length)
{
    size_t size, taken;
    char *room = index_room(loading->index, LINE_SIZE_MAX, LINE_SIZE_MAX, &size);

    if (!room)
        return no_memory(loading->fault);
    memcpy(room, bytes, length);
    room[length] = '\n';
    if (!take_lines(loading, room, length + 1, &taken))
        return false;
    loading->progress->offset--;
    loading->progress->lf_due = true;
    return true;
}

/* Judge what follows the last good line. good: all whole lines were good; otherwise fault says what is wrong
 * with the next one. */
static bool judge_rest(const struct loading *loading, uint64_t size, bool good)
{
    struct progress *progress = loading->progress;
    char bytes[REST_SIZE_MAX + 1];
    uint64_t rest = size - progress->offset;
    size_t length;
    ssize_t got =
        read_at(loading->fd, bytes, rest < sizeof(bytes) ? (size_t)rest : sizeof(bytes), progress->offset);

    if (got < 0)
        return unreadable(loading->fault);
    switch (chain_rest(&progress->chain, bytes, (size_t)got, progress->offset, &length)) {
    case REST_NONE:
    case REST_TORN:
    case REST_UNSYNCED:
        return true;
    case REST_LINE:
        return take_unended(loading, bytes, length);
    case REST_DAMAGE:
    default:
        return good && wrong_line(loading, progress->chain.bytes_left > 0 ? "the snapshot is cut short"
                                           : got > REST_SIZE_MAX          ? "the line is too long"
                                                                          : "its end is damaged");
    }
}

/* A writer may have added the LF that the last line lacked. Another byte in its place is the end of the file,
 * or damage. */
static bool pass_lf(const struct loading *loading, uint64_t size)
{
    struct progress *progress = loading->progress;
    char byte;
    ssize_t got;

    if (!progress->lf_due || progress->offset >= size)
        return true;
    got = read_at(loading->fd, &byte, 1, progress->offset);
    if (got < 0)
        return unreadable(loading->fault);
    if (got == 1 && byte != '\n')
        return size == progress->offset + 1 || wrong_line(loading, "the line before it does not end");
    progress->offset += (uint64_t)got;
    progress->lf_due = got == 0;
    return true;
}

static bool reached_known(const struct loading *loading)
{
    uint64_t n = loading->progress->chain.at.n;

    if (n >= loading->known.at.n)
        return !lacks_known(loading) || parted(loading);
    return fault_set(loading->fault,
                     "this is an older copy of the store: its log ends at n=%" PRIu64 ", not %" PRIu64, n,
                     loading->known.at.n);
}

bool load_lines(const struct loading *loading, uint64_t size)
{
    const struct progress *progress = loading->progress;
    const struct position *known = &loading->known.at;
    bool good;

    if (known->n == progress->chain.at.n && known->n > 0 && progress->chain.bytes_left == 0 &&
        !position_equal(known, &progress->chain.at))
        return parted(loading);
    if (!pass_lf(loading, size))
        return false;
    if (progress->lf_due)
        return reached_known(loading);
    good = read_lines(loading, size);
    if (!good && (loading->fault->passing || size - progress->offset > REST_SIZE_MAX))
        return false;
    if (progress->offset < size && !judge_rest(loading, size, good))
        return false;
    return reached_known(loading);
}
