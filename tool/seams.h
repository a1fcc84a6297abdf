/*
 * Where in a damaged snapshot another piece of the log may stand, such as a block that a disk has kept of the
 * file before. Its lines follow on each other, but an older line of a token is among them that has been
 * revoked since. Pure.
 *
 * Such a piece begins and ends in the middle of a line, which then is of two pieces: a seam. A damaged line
 * is one, unless it is one line from its number to its chain; and so is a line that leads to one of another
 * number.
 */
#ifndef SEAMS_H
#define SEAMS_H

#include "gather.h"

/* Lines by their place in the snapshot; from > to: none. */
struct stretch {
    size_t from, to;
};

/* From the first seam to the last, with all lines that are linked to them by the chain. */
struct stretch seams_find(const struct header *header, struct text snapshot);

#endif
