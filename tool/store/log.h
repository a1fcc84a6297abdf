/*
 * The one writer of stores: finds the tip of a log and appends to it, toktab-store(5).
 *
 * The writer MUST hold the lock from before it reads the store until it is done. It MUST NOT acknowledge a
 * line until two milliseconds after the disk has it, when looks that began earlier have ended (reader.h). It
 * MUST NOT change a byte of a whole line. It MUST cut off what a killed writer or a power cut left before it
 * appends a line, and never overwrite it. It MUST NOT cut off bytes that prove themselves: readers may have
 * applied them. It MUST NOT print, ask or look up names while it holds the lock: another admin may be waiting
 * to revoke.
 */
#ifndef LOG_H
#define LOG_H

#include <signal.h>
#include <sys/stat.h>

#include "caller/session.h"
#include "freshness.h"
#include "store/engine.h"
#include "store/journal.h"
#include "store/tip.h"
#include "storefile.h"
#include "terminal/say.h"

struct log {
    const struct session *session;
    struct storefile storefile;
    const char *domain;
    int directory, lock, file; /* descriptors; -1: none */
    sigset_t signals;          /* blocked before log_begin() */
    struct engine *engine;     /* engine.h; NULL: it was not asked */
    unsigned faster;           /* lines of other hosts that came before ours */
    int64_t locked;            /* since when it is locked, on the monotonic clock, in ns */
    int64_t repeating;         /* of that, what it took to repeat other hosts' compactions */
    struct journal journal;    /* what was appended */
    bool doubt;       /* a change that failed may have been made all the same, here or in the engine */
    bool name_synced; /* the file's name is durable */
    uint64_t synced;  /* the file is durable up to this offset; 0: not known */
    int64_t
        durable; /* when the last change became durable, on the monotonic clock, in ns; 0: no change yet */
};

/* None of these prints but log_end(). The caller prints fault after it. */

enum log_purpose {
    LOG_CHANGE,   /* the store must exist */
    LOG_CREATION, /* it is made if it is missing */
    LOG_FOLLOW,   /* also on a follower; if it is missing, log->file is -1 */
};

/*
 * Lock and open the store of the session's domain. On a follower only LOG_FOLLOW succeeds, writer.h. After
 * STATUS_DONE the caller calls log_end(); after anything else nothing is locked or open.
 */
enum status log_begin(struct log *log, const struct session *session, enum log_purpose purpose,
                      struct fault *fault);

/* Release the lock, then write the changes to the system's log; signals that came meanwhile wait for that
 * too. If anything became durable, wait until earlier looks no longer count. After that the change may be
 * acknowledged. */
void log_end(struct log *log);

/* Many changes are made under one lock, until this is true: then it is the turn of others, and the rest is
 * made under another one (lock_let_others()). A slow disk or engine decides how many those are. */
bool log_held_long(const struct log *log);

/* After log_begin(): this process has made the file and its name durable when the file looked like this. If
 * it still does, it is not synced again before a line is appended. */
void log_know_synced(struct log *log, const struct identity *synced);

/* Find where the log ends. STATUS_DAMAGED if its header or last lines do not prove themselves. */
enum status log_tip(struct log *log, struct tip *tip, struct fault *fault);

/*
 * Append a line with its LF, if the log still has this tip. keep_reserve: fail rather than use the space
 * reserved for revocations. APPEND_UNKNOWN and APPEND_UNAVAILABLE set errno.
 */
enum appended log_append(struct log *log, const struct tip *expected, const char *line, size_t length,
                         bool keep_reserve);

/* Is, or can be made, the reserve for revocations kept if that many bytes more are appended to the tip? False
 * with errno. */
bool log_has_room(const struct log *log, const struct tip *tip, size_t length);

/* Make durable everything appended, and the file's name. False with errno: then nothing is certain, and
 * reading back proves nothing, for it reads the page cache. */
bool log_sync(struct log *log);

/* Leave only whole lines: complete the last one with its LF, and cut off what a killed writer or a power cut
 * left after it. False with errno. */
bool log_clear_rest(struct log *log, struct tip *tip);

/* Make durable everything up to the tip, including lines whose writer died before it synced them. */
bool log_sync_tip(struct log *log, const struct tip *tip);

/* Call after another change became durable: a rename. */
void log_note_durable(struct log *log);

#endif
