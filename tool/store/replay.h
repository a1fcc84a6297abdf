/*
 * Compacts this host's store at the point where another host's was compacted, so that both files are the
 * same.
 *
 * The snapshot is a function of the log and of what the P line says, and the P line's hash is its digest. So
 * the new file MUST end with that very P line, or it is not put in place.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include "caller/session.h"
#include "chain.h"
#include "fault.h"
#include "store/log.h"

struct replay {
    const struct session *session;
    struct span line; /* the P line, proved; with its LF */
    uint64_t epoch;
    struct position before; /* where the log ends, before that line */
    struct position at;     /* of that line */
};

/* STATUS_NO: the log no longer ends there; STATUS_NOT_FOUND: our snapshot is another than that of the P line;
 * STATUS_DAMAGED: our store is damaged. In these cases, and in others with fault, nothing was done. */
enum status replay_point(const struct replay *replay, struct fault *fault);

/* The same under this lock. log->file is what is in place then; -1, with STATUS_IO: that cannot be opened,
 * and nothing more can be done. */
enum status replay_point_locked(const struct replay *replay, struct log *log, struct fault *fault);

#endif
