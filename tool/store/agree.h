/*
 * Asks of a whole file that a source has sent what no line tells by itself: whether the programs that read
 * stores would take it, and whether it stands for this host's log although it begins after that log's end.
 *
 * What would bring a revoked token back MUST be refused. incoming.h has judged each line: in a file of this
 * host's epoch, the lines of the snapshot up to this host's last one are this host's own.
 */
#ifndef AGREE_H
#define AGREE_H

#include "fault.h"
#include "terminal/say.h"

struct agree {
    const char *domain;
    int store, file; /* descriptors: of this host's store; -1: none; and of a whole file */
    bool same_epoch; /* else only what is revoked is compared */
};

/* Both are for apart(). context: struct agree. They need some 25 bytes a line, and while they sort twice as
 * many. STATUS_IO: a file cannot be read, or there is no memory. */

/* STATUS_DAMAGED: programs would refuse the file (load.h). */
enum status agree_snapshot(const void *context, struct fault *fault);

/* STATUS_NO: the file does not stand for this host's log; STATUS_DAMAGED: that cannot be told, because this
 * host's own store is damaged. */
enum status agree(const void *context, struct fault *fault);

#endif
