/* How a line is linked to the one before by its chain, also where that is damaged. Pure. */
#ifndef LINK_H
#define LINK_H

#include "record.h"

/* Is a line, whose columns and start are given, the next behind one of this chain? chain: receives its own.
 */
bool link_follows(const unsigned char before[CHAIN_SIZE], const struct line *line, const char *text,
                  unsigned char chain[CHAIN_SIZE]);

/* Would a line with its LF be the next behind one of this chain if it had this number? */
bool link_follows_as(const unsigned char before[CHAIN_SIZE], uint64_t n, const char *text, size_t length);

/* The chain that a damaged line with its LF shows at its end. */
bool link_shown(const char *text, size_t length, unsigned char chain[CHAIN_SIZE]);

/* The chain that it must have had behind one of this chain, which it replaces, if no other column is damaged.
 */
bool link_computed(const char *text, size_t length, unsigned char chain[CHAIN_SIZE]);

/* Chains that the next line of a damaged snapshot may follow on: what the line before shows, and what it must
 * have had. */
struct links {
    unsigned char shown[CHAIN_SIZE], computed[CHAIN_SIZE];
    bool has_shown, has_computed;
};

bool links_lead_to(const struct links *links, const struct line *line, const char *text);
void links_move(struct links *links, const char *text, size_t length);

#endif
