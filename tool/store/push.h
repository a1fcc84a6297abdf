/* Brings an engine up to this host's log: one that is new, that lost its last lines, or of a lower epoch. */
#ifndef PUSH_H
#define PUSH_H

#include "caller/session.h"
#include "store/head.h"

struct push {
    char head[HEAD_SIZE];   /* this host's */
    char before[HEAD_SIZE]; /* the engine's, before; "": it had none */
    uint64_t lines;         /* that it lacked */
};

/*
 * Append to the engine of the session's domain what it lacks of this host's log, byte for byte. It must have
 * nothing that this host lacks; unasked: but in an older epoch, which is lost. STATUS_NO: it has; nothing was
 * done. STATUS_MISSING: it cannot be asked, or took only some. Other failures are about this host's store.
 * All set fault.
 */
enum status push(struct push *push, const struct session *session, bool unasked, struct fault *fault);

#endif
