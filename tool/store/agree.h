/*
 * Does a file that begins after the end of this host's log stand for that log? No chain tells: the lines that
 * would are only in its snapshot, as far as later ones did not take their place.
 *
 * It MUST refuse what would bring a revoked token back, and what the programs that read the store would
 * refuse (load.h).
 */
#ifndef AGREE_H
#define AGREE_H

#include "fault.h"
#include "terminal/say.h"

struct agree {
    const char *domain;
    int store, file; /* descriptors: of this host's store, and of a whole file */
    bool same_epoch; /* else only what is revoked is compared */
};

/* context: struct agree. Reads both into memory. STATUS_NO: they do not agree; STATUS_DAMAGED: what programs
 * would refuse is this host's own store, or if the epoch is another the file; STATUS_IO. For apart(). */
enum status agree(const void *context, struct fault *fault);

#endif
