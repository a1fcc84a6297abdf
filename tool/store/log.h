/*
 * The one writer of stores: the tip of a log, and what is appended to it, toktab-store(5).
 *
 * The writer MUST hold the lock from before it looks at the store until it has done. It MUST NOT acknowledge
 * a line before the disk has it, nor sooner than two milliseconds after that, in which the looks end that
 * began before (reader.h). It MUST NOT change a byte of a whole line. What a killed writer or a power cut
 * left MUST be cut off before a line is appended, never written over. It MUST NOT cut off what proves itself:
 * readers may have taken it. It MUST NOT print, ask or look up names while it holds the lock: another admin
 * is waiting, perhaps to revoke.
 */
#ifndef LOG_H
#define LOG_H

#include <signal.h>
#include <sys/stat.h>

#include "store/tip.h"
#include "storefile.h"
#include "terminal/say.h"

struct log {
    struct storefile storefile;
    const char *domain;
    int directory, lock, file; /* descriptors; -1: none */
    sigset_t signals;          /* that were blocked before */
    bool name_synced;          /* the disk has the name of file */
    uint64_t synced;           /* offset up to which the disk has the file; 0: not known */
    int64_t durable; /* when the last thing was, on the monotonic clock, in ns; 0: nothing was done */
};

enum appended {
    APPENDED,           /* it is in the file; log_sync() makes it durable */
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

/* Release the lock. If anything was made durable, wait until no look from before holds: what was done may be
 * acknowledged then. */
void log_end(struct log *log);

/* Where the log ends: STATUS_DAMAGED if its header and last lines do not prove it. */
enum status log_tip(struct log *log, struct tip *tip, struct fault *fault);

/*
 * Append a line with its LF to the log that has this tip. keep_reserve: fail rather than use up the space
 * that is kept for revocations. With APPEND_UNKNOWN and APPEND_UNAVAILABLE errno says why.
 */
enum appended log_append(struct log *log, const struct tip *expected, const char *line, size_t length,
                         bool keep_reserve);

/* Have the disk hold all that was appended, and the file's name. False with errno: after that nothing is
 * known, and reading back proves nothing, for it reads the page cache. */
bool log_sync(struct log *log);

/* The same of all up to the tip, also what another process has appended and did not live to sync. */
bool log_sync_tip(struct log *log, const struct tip *tip);

/* What was done otherwise is durable now: a file was renamed. */
void log_note_durable(struct log *log);

#endif
