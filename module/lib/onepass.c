#include "onepass.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

enum {
    STEP = 256 * 1024,                 /* bytes per read: they stay in the cache until they are looked at */
    HASHED_AT_END = 2 * LINE_SIZE_MAX, /* the last line begins there, and a rest that is no damage */
};

/* A copy of a column, which outlives the buffer. */
struct digits {
    char text[CHAIN_HEX];
    size_t length;
};

struct pass {
    struct onepass *onepass;
    const char *id;

    /* of the token, once a line of it was found */
    struct digits serial;
    const char *hash; /* HASH_HEX digits */

    struct progress progress; /* its chain moves only over lines that are hashed: see prove() */
    uint64_t size, snapshot_end;

    /* of the last line of the log */
    uint64_t n;
    struct digits chain, changed; /* changed: the serial */
};

static void copy_column(struct digits *digits, struct span column)
{
    digits->length = column.length <= sizeof(digits->text) ? column.length : 0;
    memcpy(digits->text, column.at, digits->length);
}

static bool is_column(const struct digits *digits, struct span column)
{
    return column.length == digits->length && memcmp(column.at, digits->text, digits->length) == 0;
}

/* Let the chain stand at the last line. */
static bool catch_up(struct pass *pass)
{
    struct position *at = &pass->progress.chain.at;

    at->n = pass->n;
    return pass->chain.length == CHAIN_HEX && hex_decode(at->chain, pass->chain.text, CHAIN_SIZE);
}

static bool prove(struct pass *pass, const char *text, size_t length)
{
    struct line line;

    return catch_up(pass) && !chain_line(&pass->progress.chain, &line, text, length);
}

static void begin_log(struct pass *pass)
{
    const struct header *header = &pass->progress.chain.header;

    chain_skip_snapshot(&pass->progress.chain);
    pass->n = header->base;
    hex_encode(pass->chain.text, header->basechain, CHAIN_SIZE);
    pass->chain.length = CHAIN_HEX;
    pass->changed = (struct digits){.text = "0", .length = 1};
}

/* Take a proved line of the token. Revoked absorbs, as in index_put(). */
static void keep(struct pass *pass, const struct line *line, const char *text, size_t length)
{
    struct onepass *onepass = pass->onepass;
    const char *id = line->column[COLUMN_ID].at;

    if (onepass->found && line_revoked(onepass->found) && !line_revoked(id))
        return;
    memcpy(onepass->text, text, length);
    onepass->found = onepass->text + (id - text);
    pass->hash = onepass->text + (line->column[COLUMN_HASH].at - text);
    copy_column(&pass->serial, line->column[COLUMN_SERIAL]);
}

static bool is_of_token(const struct pass *pass, const struct line *line)
{
    return memcmp(line->column[COLUMN_ID].at, pass->id, ID_LENGTH) == 0;
}

/* Has it the serial or the hash of the token, whatever id stands there? */
static bool resembles(const struct pass *pass, const struct line *line)
{
    return is_column(&pass->serial, line->column[COLUMN_SERIAL]) ||
           (pass->hash && memcmp(pass->hash, line->column[COLUMN_HASH].at, HASH_HEX) == 0);
}

static bool snapshot_line(struct pass *pass, const struct line *line, const char *text, size_t length)
{
    const struct header *header = &pass->progress.chain.header;
    unsigned char seal[CHAIN_SIZE];
    struct line whole;
    uint64_t n;

    if (!is_of_token(pass, line))
        return true;
    if (pass->onepass->found || !line_split(&whole, text, length) ||
        !chain_sealed(header->basechain, &whole, text, seal, &n) || n > header->base)
        return false;
    keep(pass, line, text, length);
    return true;
}

/* at_end: one of the last lines of the file */
static bool log_line(struct pass *pass, const struct line *line, const char *text, size_t length, bool at_end)
{
    const struct span *column = line->column;
    bool is_point = pass->progress.chain.point_due, ours = is_of_token(pass, line);
    uint64_t n;

    if (!decimal_parse(column[COLUMN_N], &n) || n != pass->n + 1 ||
        !is_column(&pass->chain, column[COLUMN_BEFORE]) ||
        !(is_point || is_column(&pass->changed, column[COLUMN_PRIOR])))
        return false;
    if ((ours || at_end || is_point || resembles(pass, line)) && !prove(pass, text, length))
        return false;
    if (ours && !pass->onepass->found && !span_same(column[COLUMN_SERIAL], column[COLUMN_N]))
        return false; /* an earlier line of it should be here */
    if (ours)
        keep(pass, line, text, length);
    pass->n = n;
    copy_column(&pass->chain, column[COLUMN_CHAIN]);
    copy_column(&pass->changed, column[COLUMN_SERIAL]);
    return true;
}

static bool take_line(struct pass *pass, const char *text, size_t length)
{
    uint64_t start = pass->progress.offset;
    struct line line;

    if (!line_split_ends(&line, text, length))
        return false;
    pass->progress.offset += length;
    if (start >= pass->snapshot_end)
        return log_line(pass, &line, text, length, start + HASHED_AT_END >= pass->size);
    if (!snapshot_line(pass, &line, text, length) || pass->progress.offset > pass->snapshot_end)
        return false;
    if (pass->progress.offset == pass->snapshot_end)
        begin_log(pass);
    return true;
}

/* Take the whole lines; *length becomes what remains. False: a doubt. */
static bool take_lines(struct pass *pass, char *bytes, size_t *length)
{
    const char *at = bytes, *rest = bytes + *length, *end;

    for (; (end = memchr(at, '\n', (size_t)(rest - at))) != NULL; at = end + 1)
        if (!take_line(pass, at, (size_t)(end + 1 - at)))
            return false;
    *length = (size_t)(rest - at);
    memmove(bytes, at, *length);
    return true;
}

/* Read on to the size that the file had. */
static bool read_lines(struct pass *pass, int fd, char *bytes)
{
    size_t length = 0, ignored;
    enum rest rest;

    while (pass->progress.offset + length < pass->size) {
        uint64_t left = pass->size - pass->progress.offset - length;
        ssize_t got = pread(fd, bytes + length, left < STEP ? (size_t)left : STEP,
                            (off_t)(pass->progress.offset + length));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        length += (size_t)got;
        if (!take_lines(pass, bytes, &length) || length >= LINE_SIZE_MAX)
            return false;
    }
    if (pass->progress.offset < pass->snapshot_end || !catch_up(pass) || chain_end(&pass->progress.chain))
        return false;
    rest = chain_rest(&pass->progress.chain, bytes, length, pass->progress.offset, &ignored);
    return rest == REST_NONE || rest == REST_TORN || rest == REST_UNSYNCED;
}

static bool read_store(struct pass *pass, int fd, const char *domain)
{
    char *bytes = malloc(STEP + LINE_SIZE_MAX);
    struct fault ignored;
    bool good = bytes && load_header(&pass->progress, fd, domain, &ignored);

    if (good) {
        memcpy(pass->onepass->storeid, pass->progress.chain.header.storeid, STOREID_HEX + 1);
        pass->snapshot_end = pass->progress.offset + pass->progress.chain.header.bytes;
        if (pass->snapshot_end == pass->progress.offset)
            begin_log(pass);
        good = read_lines(pass, fd, bytes);
    }
    free(bytes);
    return good;
}

bool onepass_find(struct onepass *onepass, const struct storefile *storefile, const char *domain,
                  const char id[ID_LENGTH])
{
    struct pass pass = {.onepass = onepass, .id = id};
    struct fault ignored;
    struct stat status;
    struct identity identity;
    int fd = storefile_open(storefile, O_RDONLY, &status, &ignored);
    bool good;

    if (fd < 0)
        return false;
    identity = identity_of(&status);
    good = identity_equal(&onepass->identity, &identity) && memcmp(onepass->id, id, ID_LENGTH) == 0;
    if (!good) {
        memset(&onepass->identity, 0, sizeof(onepass->identity));
        memcpy(onepass->id, id, ID_LENGTH);
        onepass->found = NULL;
        pass.size = identity.size;
        good = read_store(&pass, fd, domain);
        if (good &&
            pass.progress.offset == pass.size) /* else a rest may become a line without any other sign */
            onepass->identity = identity;
    }
    close(fd);
    return good;
}
