/*
 * An engine: a helper program through which any host may write, toktab-engine(7).
 *
 * It takes a line only if its log ends where ours does, for all hosts. Nothing that it says is trusted: a
 * line that it says is there MUST prove itself and follow on ours before it is written here.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "caller/session.h"
#include "fault.h"

/* What became of a line, here or in an engine. */
enum appended {
    APPENDED,           /* in the file; log_sync() makes it durable. In an engine: there for good */
    APPEND_CONFLICT,    /* the log has another tip: nothing was done */
    APPEND_UNKNOWN,     /* the disk or the engine failed: the line may be there or not */
    APPEND_UNAVAILABLE, /* nothing was done */
};

struct engine;

/*
 * Ask the engine of the session's domain to append a line with its LF after this HEAD. The header of a file
 * begins its log ("": it must have none), or an epoch of it. Starts the program if *engine is NULL; the
 * caller calls engine_end().
 *
 * APPEND_CONFLICT: it has *there instead, valid until the next call. APPEND_UNKNOWN (it may get the line
 * later, too) and APPEND_UNAVAILABLE set fault. What to do about an unknown change the caller knows.
 */
enum appended engine_append(struct engine **engine, const struct session *session, const char *head,
                            const char *line, size_t length, struct span *there, struct fault *fault);

/* After APPEND_CONFLICT: has it another line after *there? If so, that is *there now. All of them come within
 * ANSWER_SECONDS. */
bool engine_more(struct engine **engine, struct span *there);

/* The words of its command for a verb, "lines" or "append". */
char **engine_command(const struct session *session, const char *verb);
void engine_command_free(char **argv);

/* Let the program end by itself, if it was started. */
void engine_end(struct engine **engine);

/* The same after a compaction, without the lock: it gets a minute to delete old lines first. */
void engine_end_slowly(struct engine **engine);

#endif
