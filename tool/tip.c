#include "tip.h"

#include <string.h>

#include "chain.h"

static const char no_whole_line[] = "its end is not that of a store";

/* The line of text that ends at end, which is behind an LF; NULL if it begins before text does. */
static const char *line_before(const char *text, const char *end)
{
    const char *lf = end - 1 > text ? memrchr(text, '\n', (size_t)(end - 1 - text)) : NULL;

    return lf ? lf + 1 : NULL;
}

static bool chain_of(const struct line *line, unsigned char chain[CHAIN_SIZE])
{
    return hex_decode(chain, line->column[COLUMN_CHAIN].at, CHAIN_SIZE);
}

/* chain(n-1), from the line before the last, or from the header if the last is the first of the log. */
static bool find_chain_before(unsigned char chain[CHAIN_SIZE], const struct header *header, uint64_t n,
                              const char *tail, const char *last)
{
    const char *before = line_before(tail, last);
    struct line line;
    uint64_t n_before;

    if (n == header->base + 1) {
        memcpy(chain, header->basechain, CHAIN_SIZE);
        return true;
    }
    return before && line_split(&line, before, (size_t)(last - before)) &&
           decimal_parse(line.column[COLUMN_N], &n_before) && n_before == n - 1 && chain_of(&line, chain);
}

/* The last line, which ends at end, must follow on the one before. */
static bool find_last(struct tip *tip, const struct header *header, const char *tail, const char *end)
{
    const char *last = line_before(tail, end);
    unsigned char chain[CHAIN_SIZE];
    struct line line;

    if (!last || !line_split(&line, last, (size_t)(end - last)) ||
        !decimal_parse(line.column[COLUMN_N], &tip->n) || tip->n <= header->base ||
        !find_chain_before(chain, header, tip->n, tail, last))
        return false;
    chain_add(chain, last, (size_t)(line.column[COLUMN_CHAIN].at - last));
    return chain_of(&line, tip->chain) && memcmp(chain, tip->chain, CHAIN_SIZE) == 0;
}

const char *tip_find(struct tip *tip, const char *head, size_t head_size, const char *tail, size_t tail_size,
                     uint64_t from)
{
    struct header header;
    const char *head_end = memchr(head, '\n', head_size), *end = memrchr(tail, '\n', tail_size), *fault;
    uint64_t log_start;

    if (!head_end || !end)
        return no_whole_line;
    fault = header_parse(&header, head, (size_t)(head_end - head) + 1);
    if (fault)
        return fault;
    end++;
    log_start = (uint64_t)(head_end - head) + 1 + header.bytes;
    tip->epoch = header.epoch;
    strcpy(tip->domain, header.domain);
    strcpy(tip->storeid, header.storeid);
    tip->end = from + (uint64_t)(end - tail);
    if (tip->end < log_start || tail_size - (size_t)(end - tail) >= LINE_SIZE_MAX)
        return no_whole_line;
    if (tip->end == log_start && header.base == 0) {
        tip->n = 0;
        tip->fresh = true;
        memcpy(tip->chain, header.basechain, CHAIN_SIZE);
        return NULL;
    }
    if (!find_last(tip, &header, tail, end))
        return "its last line does not follow on the one before";
    tip->fresh = tip->n == header.base + 1 && header.base > 0;
    return NULL;
}
