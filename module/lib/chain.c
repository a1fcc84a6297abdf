#include "chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SECTOR = 512 }; /* bytes that a disk writes or loses as a unit */

bool position_equal(const struct position *a, const struct position *b)
{
    return a->n == b->n && memcmp(a->chain, b->chain, CHAIN_SIZE) == 0;
}

/* The line up to and with the "|" before its last column. */
static size_t proved_length(const struct line *line, const char *text)
{
    return (size_t)(line->column[COLUMN_CHAIN].at - text);
}

bool chain_proves(const unsigned char origin[CHAIN_SIZE], const struct line *line, const char *text,
                  struct position *position)
{
    crypto_sum_line(position->chain, text, proved_length(line, text), origin);
    position->n = line->n;
    return hex_equals(line->column[COLUMN_CHAIN].at, position->chain, CHAIN_SIZE) && line->n > 0;
}

bool chain_sealed(const unsigned char basechain[CHAIN_SIZE], const struct line *line, const char *text,
                  unsigned char seal[CHAIN_SIZE], uint64_t *n)
{
    crypto_sum_seal(seal, text, proved_length(line, text), basechain);
    *n = line->n;
    return hex_equals(line->column[COLUMN_CHAIN].at, seal, CHAIN_SIZE) && line->n > 0;
}

static size_t finish(char text[LINE_SIZE_MAX], size_t length, const unsigned char sum[CHAIN_SIZE])
{
    hex_encode(text + length, sum, CHAIN_SIZE);
    text[length + CHAIN_HEX] = '\n';
    return length + CHAIN_HEX + 1;
}

size_t chain_finish(char text[LINE_SIZE_MAX], size_t length, const unsigned char origin[CHAIN_SIZE],
                    unsigned char chain[CHAIN_SIZE])
{
    crypto_sum_line(chain, text, length, origin);
    return finish(text, length, chain);
}

size_t chain_finish_sealed(char text[LINE_SIZE_MAX], size_t length, const unsigned char basechain[CHAIN_SIZE],
                           unsigned char seal[CHAIN_SIZE])
{
    crypto_sum_seal(seal, text, length, basechain);
    return finish(text, length, seal);
}

static void begin_log(struct chain *chain)
{
    chain->at.n = chain->header.base;
    memcpy(chain->at.chain, chain->header.basechain, CHAIN_SIZE);
    chain->serial = 0;
    chain->point_due = chain->header.base > 0;
}

static const char *end_snapshot(struct chain *chain)
{
    unsigned char digest[HASH_SIZE];

    crypto_digest_end(&chain->digest, digest, HASH_SIZE);
    if (chain->lines_left > 0 || memcmp(digest, chain->header.digest, HASH_SIZE) != 0)
        return "the snapshot does not match its checksum in the header";
    begin_log(chain);
    return NULL;
}

const char *chain_begin(struct chain *chain, const char *domain, const char *text, size_t length)
{
    const struct header *header = &chain->header;
    const char *fault = header_parse(&chain->header, text, length);

    if (fault)
        return fault;
    if (strcmp(header->domain, domain) != 0)
        return "this is the store of another domain";
    header_origin(chain->origin, header);
    chain->at.n = chain->serial = 0;
    chain->lines_left = header->lines;
    chain->bytes_left = header->bytes;
    chain->point_due = false;
    crypto_digest_start(&chain->digest, HASH_SIZE);
    return chain->bytes_left == 0 ? end_snapshot(chain) : NULL;
}

void chain_skip_snapshot(struct chain *chain)
{
    chain->lines_left = chain->bytes_left = 0;
    begin_log(chain);
}

static const char *snapshot_line(struct chain *chain, const struct line *line, const char *text,
                                 size_t length)
{
    unsigned char seal[CHAIN_SIZE];
    uint64_t n;

    if (chain->lines_left == 0 || length > chain->bytes_left)
        return "the snapshot is longer than the header says";
    if (!chain_sealed(chain->header.basechain, line, text, seal, &n))
        return "the line does not match its seal";
    if (n <= chain->at.n || n > chain->header.base || line->column[COLUMN_OP].at[0] == OPERATION_POINT)
        return "the line does not belong in the snapshot";
    chain->at.n = n;
    chain->lines_left--;
    chain->bytes_left -= length;
    crypto_digest_add(&chain->digest, seal, CHAIN_SIZE);
    return chain->bytes_left == 0 ? end_snapshot(chain) : NULL;
}

/* Does the P line match the header's snapshot? */
static bool point_suits(const struct header *header, const struct line *line)
{
    unsigned char digest[HASH_SIZE];
    int64_t cutoff;

    return line->column[COLUMN_OP].at[0] == OPERATION_POINT &&
           hex_decode(digest, line->column[COLUMN_HASH].at, HASH_SIZE) &&
           memcmp(digest, header->digest, HASH_SIZE) == 0 &&
           time_parse(line->column[COLUMN_EXPIRES], &cutoff) && cutoff == header->cutoff;
}

/* Does the line say that it follows this position? */
static bool is_behind(const struct line *line, const struct position *position)
{
    const struct span *before = &line->column[COLUMN_BEFORE];

    return before->length == CHAIN_HEX && hex_equals(before->at, position->chain, CHAIN_SIZE);
}

static void stand_at(struct chain *chain, const struct line *line, const struct position *position)
{
    chain->point_due = false;
    chain->at = *position;
    if (!decimal_parse(line->column[COLUMN_SERIAL], &chain->serial))
        chain->serial = 0;
}

static const char *log_line(struct chain *chain, const struct line *line, const char *text)
{
    struct position position;

    if (!chain_proves(chain->origin, line, text, &position))
        return "the line does not match its checksum";
    if (position.n != chain->at.n + 1)
        return "the line number is not the next one";
    if (!is_behind(line, &chain->at))
        return "the line does not follow the one before it";
    if (chain->point_due && !point_suits(&chain->header, line))
        return "the line of the compaction is missing or does not fit the snapshot";
    stand_at(chain, line, &position);
    return NULL;
}

bool chain_resume(struct chain *chain, const struct line *line, const char *text)
{
    struct position position;

    if (!chain_proves(chain->origin, line, text, &position) || position.n <= chain->header.base)
        return false;
    stand_at(chain, line, &position);
    return true;
}

const char *chain_line(struct chain *chain, struct line *line, const char *text, size_t length)
{
    if (!line_split(line, text, length))
        return "the line does not have 20 columns";
    return chain->bytes_left > 0 ? snapshot_line(chain, line, text, length) : log_line(chain, line, text);
}

const char *chain_end(const struct chain *chain)
{
    if (chain->bytes_left > 0)
        return "the snapshot is cut short";
    if (chain->point_due)
        return "the line of the compaction is missing";
    return NULL;
}

/* Make a line with an LF from the rest without its last `extra` bytes. */
static bool as_line(char text[LINE_SIZE_MAX + 1], const char *bytes, size_t length, size_t extra,
                    struct line *line)
{
    if (length <= extra || length - extra >= LINE_SIZE_MAX || memchr(bytes, '\n', length - extra))
        return false;
    memcpy(text, bytes, length - extra);
    text[length - extra] = '\n';
    return line_split(line, text, length - extra + 1);
}

/* Do the bytes begin with a line that proves itself, whatever its number, with or without its LF? */
static bool is_proved(const struct chain *chain, const char *bytes, size_t length)
{
    char text[LINE_SIZE_MAX + 1];
    struct position position;
    struct line line;

    for (size_t extra = 0; extra <= 1; extra++)
        if (as_line(text, bytes, length, extra, &line) && chain_proves(chain->origin, &line, text, &position))
            return true;
    return false;
}

/* Is there such a line at the start of the bytes, or after an LF or a NUL? */
static bool holds_proved_line(const struct chain *chain, const char *bytes, size_t length)
{
    for (const char *lf; length > 0; length -= (size_t)(lf - bytes), bytes = lf) {
        const char *end = memchr(bytes, '\n', length), *nul;

        lf = end ? end + 1 : bytes + length;
        end = end ? end : bytes + length;
        nul = memrchr(bytes, '\0', (size_t)(end - bytes));
        if (is_proved(chain, bytes, (size_t)(end - bytes)) ||
            (nul && is_proved(chain, nul + 1, (size_t)(end - nul) - 1)))
            return true;
    }
    return false;
}

/* Are there 20 columns, the last one at least as long as a chain? */
static bool has_all_columns(const char *bytes, size_t length)
{
    const char *end = bytes + length, *at = bytes;

    for (int i = 0; i < COLUMN_CHAIN; i++) {
        at = memchr(at, '|', (size_t)(end - at));
        if (!at)
            return false;
        at++;
    }
    return end - at >= CHAIN_HEX || memchr(at, '|', (size_t)(end - at));
}

/* Is it the start of the next line, with only bytes that a line can have? */
static bool is_torn(const struct chain *chain, const char *bytes, size_t length)
{
    char number[24];
    size_t known = (size_t)snprintf(number, sizeof(number), "%" PRIu64 "|", chain->at.n + 1);

    if (length >= LINE_SIZE_MAX || memcmp(bytes, number, length < known ? length : known) != 0)
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f)
            return false;
    return !has_all_columns(bytes, length);
}

/*
 * The bytes before the first NUL reached the disk: the start of the next line, or nothing. A power cut loses
 * whole sectors. Noise on the disk does not look like that, and neither does a single NUL in an otherwise
 * whole line, which one flipped bit makes of a space.
 */
static bool is_unsynced(const struct chain *chain, const char *bytes, size_t length, uint64_t offset)
{
    const char *nul = memchr(bytes, '\0', length), *end = bytes + length, *more = nul;

    if (!nul || length >= LINE_SIZE_MAX || !is_torn(chain, bytes, (size_t)(nul - bytes)))
        return false;
    while (more < end && (*more == '\0' || *more == '\n'))
        more++;
    if (more < end && (offset + (uint64_t)(more - bytes)) % SECTOR != 0)
        return false;
    if (!memchr(nul + 1, '\0', (size_t)(end - nul - 1)) && has_all_columns(bytes, length))
        return false;
    return !holds_proved_line(chain, bytes, length);
}

enum rest chain_rest(const struct chain *chain, const char *bytes, size_t length, uint64_t offset,
                     size_t *line_length)
{
    char text[LINE_SIZE_MAX + 1];
    struct line line;

    if (length == 0)
        return REST_NONE;
    if (length > REST_SIZE_MAX || chain->bytes_left > 0)
        return REST_DAMAGE;
    for (size_t extra = 0; extra <= 1; extra++) {
        struct chain next = *chain;

        if (as_line(text, bytes, length, extra, &line) && !log_line(&next, &line, text)) {
            *line_length = length - extra;
            return REST_LINE;
        }
    }
    if (is_unsynced(chain, bytes, length, offset))
        return REST_UNSYNCED;
    return is_torn(chain, bytes, length) ? REST_TORN : REST_DAMAGE;
}
