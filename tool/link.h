/* How a line is linked to the one before by its chain, also where that is damaged. Pure. */
#ifndef LINK_H
#define LINK_H

#include "record.h"

/* Is a line, whose columns and start are given, the next behind one of this chain? chain: receives its own.
 */
bool link_follows(const unsigned char before[CHAIN_SIZE], const struct line *line, const char *text,
                  unsigned char chain[CHAIN_SIZE]);

/* The chain that a damaged line with its LF shows at its end. */
bool link_shown(const char *text, size_t length, unsigned char chain[CHAIN_SIZE]);

/* The chain that it must have had behind one of this chain, which it replaces, if no other column is damaged.
 */
bool link_computed(const char *text, size_t length, unsigned char chain[CHAIN_SIZE]);

#endif
