/*
 * The one writer of stores: the tip of a log, and what is appended to it, toktab-store(5).
 *
 * The writer MUST hold the lock from before it looks at the store until it has done. It MUST NOT say that a
 * line is there before the disk has it. It MUST NOT change a byte of a whole line. It MUST NOT leave half a
 * line when it fails. It MUST NOT print, ask or look up names while it holds the lock: another admin is
 * waiting, perhaps to revoke.
 */
#ifndef LOG_H
#define LOG_H

#include <signal.h>
#include <sys/stat.h>

#include "place.h"
#include "say.h"
#include "tip.h"

struct log {
    struct place place;
    const char *domain;
    int directory, lock, file; /* descriptors; -1: none */
    sigset_t signals;          /* that were blocked before */
};

enum appended {
    APPENDED,           /* it is on the disk */
    APPEND_CONFLICT,    /* the log's tip is another: nothing was done */
    APPEND_UNKNOWN,     /* it may be there or not: the disk failed */
    APPEND_UNAVAILABLE, /* nothing was done */
};

/* None of these prints: fault receives the message, which is for after log_end(). */

/*
 * Take the lock of a domain's store and open it. make: if there is no store, make one. Returns STATUS_DONE,
 * and the caller ends with log_end(); else nothing is held.
 */
enum status log_begin(struct log *log, const char *directory, const char *domain, bool make,
                      struct fault *fault);
void log_end(struct log *log);

/* Where the log ends: STATUS_DAMAGED if its header and last lines do not prove it. */
enum status log_tip(struct log *log, struct tip *tip, struct fault *fault);

/*
 * Append a line with its LF to the log that has this tip. keep_reserve: fail rather than use up the space
 * that is kept for revocations. With APPEND_UNKNOWN and APPEND_UNAVAILABLE errno says why.
 */
enum appended log_append(struct log *log, const struct tip *expected, const char *line, size_t length,
                         bool keep_reserve);

/* Have the disk hold all up to the tip, also what another process has appended and did not live to sync. */
bool log_sync(struct log *log, const struct tip *tip);

#endif
