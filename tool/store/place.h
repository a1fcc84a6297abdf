/* Where in a store does another host's log end, of which only the HEAD is known? */
#ifndef PLACE_H
#define PLACE_H

#include "chain.h"
#include "store/head.h"

enum place {
    PLACE_HERE,   /* what that host lacks begins at *offset; 0: it needs the whole file */
    PLACE_END,    /* the same, at the end of a last line that lacks its LF */
    PLACE_BEYOND, /* after this log's end: there is nothing to send, yet */
    PLACE_FORK,   /* nowhere: this log has another line there */
    PLACE_DAMAGE, /* it cannot be told: this log has no sound line there */
    PLACE_ERROR,  /* it cannot be told: errno */
};

/* chain: after the header of the store open on fd; with PLACE_HERE and PLACE_END it moves to that line,
 * unless the whole file is needed. offset: after the header, too. head: NULL: that host has no store. */
enum place place_find(struct chain *chain, int fd, const struct expected_head *head, uint64_t *offset);

#endif
