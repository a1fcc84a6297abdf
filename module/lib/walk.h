/* Walks through a store from its header on and proves line after line, toktab-store(5). Pure. */
#ifndef WALK_H
#define WALK_H

#include "header.h"
#include "record.h"

struct walk {
    struct header header;
    uint64_t n;                      /* of the last line that was proved */
    unsigned char chain[CHAIN_SIZE]; /* chain(n), once the snapshot is passed */
    uint64_t lines_left, bytes_left; /* of the snapshot */
    struct digest digest;            /* of the snapshot so far */
    bool point_due;                  /* the next line must be the P line of this file */
};

/* Each returns NULL, or what is wrong, as a constant text. After a fault in the log the walk stays where it
 * was. */

/* text: the header line with its LF, of the store of that domain */
const char *walk_start(struct walk *walk, const char *domain, const char *text, size_t length);

/* Of a reader that has the log up to base already: on behind the snapshot. The header was accepted by
 * walk_start(). */
void walk_skip_snapshot(struct walk *walk);

/* text: a whole line with its LF; line: receives its columns */
const char *walk_line(struct walk *walk, struct line *line, const char *text, size_t length);

/* May the file end here? */
const char *walk_end(const struct walk *walk);

#endif
