/* Proves a store mostly before its lock is taken, so that others wait less. */
#ifndef PROVE_AHEAD_H
#define PROVE_AHEAD_H

#include "caller/session.h"
#include "store/log.h"
#include "store/prove.h"

/* A command that makes tokens proves stores of up to that many lines: no host admits anybody from a damaged
 * one. For a larger one the writer looks at the tip, as for any change: to prove it would take too long. */
#define PROVE_AHEAD_LINES 10000

/* A store that is being proved. Its descriptor stays open, so that no other file can get its inode number. */
struct prove_ahead {
    struct proof proof;
    uint64_t most_lines; /* a larger store is not proved */
    int fd;
    bool begun;
};

/* Without the lock: prove what the session's store has now. most_lines: UINT64_MAX: however large it is. A
 * failure does not count here: somebody may be writing. The caller calls prove_ahead_end(). */
void prove_ahead_begin(struct prove_ahead *proving, const struct session *session, uint64_t most_lines);

/* Under the lock: prove what was added since, or everything if the file was replaced. STATUS_DAMAGED and
 * STATUS_IO set fault. After STATUS_DONE, proving->begun tells whether the store was proved. */
enum status prove_ahead_finish(struct prove_ahead *proving, const struct log *log, struct fault *fault);
void prove_ahead_end(struct prove_ahead *proving);

#endif
