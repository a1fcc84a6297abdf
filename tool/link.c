#include "link.h"

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
