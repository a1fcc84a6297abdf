#include "link.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "chain.h"

bool link_follows(const unsigned char before[CHAIN_SIZE], const struct line *line, const char *text,
                  unsigned char chain[CHAIN_SIZE])
{
    unsigned char given[CHAIN_SIZE];

    memcpy(chain, before, CHAIN_SIZE);
    chain_add(chain, text, (size_t)(line->column[COLUMN_CHAIN].at - text));
    return hex_decode(given, line->column[COLUMN_CHAIN].at, CHAIN_SIZE) &&
           memcmp(chain, given, CHAIN_SIZE) == 0;
}

bool link_follows_as(const unsigned char before[CHAIN_SIZE], uint64_t n, const char *text, size_t length)
{
    const char *bar = memchr(text, '|', length);
    char numbered[LINE_SIZE_MAX + 24];
    unsigned char chain[CHAIN_SIZE];
    struct line line;
    size_t rest;
    int number;

    if (!bar || length > LINE_SIZE_MAX)
        return false;
    rest = length - (size_t)(bar - text);
    number = sprintf(numbered, "%" PRIu64, n);
    memcpy(numbered + number, bar, rest);
    return line_split(&line, numbered, (size_t)number + rest) && link_follows(before, &line, numbered, chain);
}

bool link_shown(const char *text, size_t length, unsigned char chain[CHAIN_SIZE])
{
    return length > CHAIN_HEX && hex_decode(chain, text + length - 1 - CHAIN_HEX, CHAIN_SIZE);
}

bool link_computed(const char *text, size_t length, unsigned char chain[CHAIN_SIZE])
{
    if (length <= CHAIN_HEX + 1)
        return false;
    chain_add(chain, text, length - 1 - CHAIN_HEX);
    return true;
}

bool links_lead_to(const struct links *links, const struct line *line, const char *text)
{
    unsigned char chain[CHAIN_SIZE];

    return (links->has_shown && link_follows(links->shown, line, text, chain)) ||
           (links->has_computed && link_follows(links->computed, line, text, chain));
}

void links_move(struct links *links, const char *text, size_t length)
{
    memcpy(links->computed, links->shown, CHAIN_SIZE);
    links->has_computed = links->has_shown && link_computed(text, length, links->computed);
    links->has_shown = link_shown(text, length, links->shown);
}
