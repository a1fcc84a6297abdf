#include "walk.h"

#include <string.h>

#include "chain.h"

static void begin_log(struct walk *walk)
{
    walk->n = walk->header.base;
    memcpy(walk->chain, walk->header.basechain, CHAIN_SIZE);
    walk->point_due = walk->header.base > 0;
}

static const char *end_snapshot(struct walk *walk)
{
    unsigned char digest[HASH_SIZE];

    crypto_digest_end(&walk->digest, digest, HASH_SIZE);
    if (walk->lines_left > 0 || memcmp(digest, walk->header.digest, HASH_SIZE) != 0)
        return "the snapshot is not what its digest in the header vouches for";
    begin_log(walk);
    return NULL;
}

const char *walk_start(struct walk *walk, const char *domain, const char *text, size_t length)
{
    const struct header *header = &walk->header;
    const char *fault = header_parse(&walk->header, text, length);

    if (fault)
        return fault;
    if (strcmp(header->domain, domain) != 0)
        return "it is the store of another domain";
    walk->n = 0;
    walk->lines_left = header->lines;
    walk->bytes_left = header->bytes;
    walk->point_due = false;
    crypto_digest_start(&walk->digest, HASH_SIZE);
    return walk->bytes_left == 0 ? end_snapshot(walk) : NULL;
}

void walk_skip_snapshot(struct walk *walk)
{
    walk->lines_left = walk->bytes_left = 0;
    begin_log(walk);
}

static const char *snapshot_line(struct walk *walk, const struct line *line, const char *text, size_t length)
{
    uint64_t n;

    if (walk->lines_left == 0 || length > walk->bytes_left)
        return "the snapshot is not as long as the header says";
    if (!decimal_parse(line->column[COLUMN_N], &n) || n <= walk->n || n > walk->header.base ||
        line->column[COLUMN_OP].at[0] == OPERATION_POINT)
        return "the line has no place in the snapshot";
    walk->n = n;
    walk->lines_left--;
    walk->bytes_left -= length;
    crypto_digest_add(&walk->digest, text, length);
    return walk->bytes_left == 0 ? end_snapshot(walk) : NULL;
}

/* The P line of this file vouches for its snapshot. */
static bool point_suits(const struct header *header, const struct line *line)
{
    unsigned char digest[HASH_SIZE];
    int64_t cutoff;

    return line->column[COLUMN_OP].at[0] == OPERATION_POINT &&
           hex_decode(digest, line->column[COLUMN_HASH].at, HASH_SIZE) &&
           memcmp(digest, header->digest, HASH_SIZE) == 0 &&
           time_parse(line->column[COLUMN_EXPIRES], &cutoff) && cutoff == header->cutoff;
}

const char *walk_line(struct walk *walk, struct line *line, const char *text, size_t length)
{
    unsigned char chain[CHAIN_SIZE], given[CHAIN_SIZE];
    uint64_t n;

    if (!line_split(line, text, length))
        return "the line has not the shape of one";
    if (walk->bytes_left > 0)
        return snapshot_line(walk, line, text, length);
    if (!decimal_parse(line->column[COLUMN_N], &n) || n != walk->n + 1)
        return "the line has not the next number";
    memcpy(chain, walk->chain, CHAIN_SIZE);
    chain_add(chain, text, (size_t)(line->column[COLUMN_CHAIN].at - text));
    if (!hex_decode(given, line->column[COLUMN_CHAIN].at, CHAIN_SIZE) ||
        memcmp(chain, given, CHAIN_SIZE) != 0)
        return "the chain breaks";
    if (walk->point_due && !point_suits(&walk->header, line))
        return "the line of the compaction is missing or does not fit the snapshot";
    walk->point_due = false;
    walk->n = n;
    memcpy(walk->chain, chain, CHAIN_SIZE);
    return NULL;
}

const char *walk_end(const struct walk *walk)
{
    if (walk->bytes_left > 0)
        return "the snapshot is cut short";
    if (walk->point_due)
        return "the line of the compaction is missing";
    return NULL;
}
