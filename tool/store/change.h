/* One change of a store: the line that says it, by whom and when. */
#ifndef CHANGE_H
#define CHANGE_H

#include "caller/session.h"
#include "store/log.h"
#include "store/refs.h"

/* Bytes that a token's line leaves free, so that a line of the same token still holds when, by whom and why
 * it was revoked. */
enum { REVOCATION_SIZE = 512 };

/* The line of a record with its LF, for the log with this origin; chain receives its chain. Returns its
 * length, or 0 if it would be too long. A revocation does not fail for want of room: it leaves rights out of
 * the record, which a dead token needs no more. */
size_t change_format(char text[LINE_SIZE_MAX], struct record *record, const unsigned char origin[CHAIN_SIZE],
                     unsigned char chain[CHAIN_SIZE]);

/* None of these but change_end() prints: fault is for after it. */

/* What refs->list[i] is now: under the lock its line is read again, since somebody may have changed it.
 * record points into refs. STATUS_NOT_FOUND, STATUS_DAMAGED, STATUS_IO. */
enum status change_read(struct log *log, struct refs *refs, size_t i, struct record *record,
                        struct fault *fault);

/*
 * Append a record to the log. It is complete but for n, prior, before, chain and by, which are filled in; and
 * where serial is 0, the record creates a token, which gets its serial, and its time as created. ends: the
 * change takes from a token's life, for which there is room in a line and on a full disk where for others
 * there is none.
 *
 * Returns STATUS_DONE when it is in the file: change_sync() makes it durable. STATUS_USAGE for a line that
 * would be too long, STATUS_DAMAGED, STATUS_IO, STATUS_LOCKED.
 */
enum status change_append(struct log *log, const struct session *session, struct record *record, bool ends,
                          struct fault *fault);

/* Have the disk hold what was appended. STATUS_IO: nobody can vouch for it. */
enum status change_sync(struct log *log, struct fault *fault);

/* Both. */
enum status change_make(struct log *log, const struct session *session, struct record *record, bool ends,
                        struct fault *fault);

/* It is so already, since somebody else has changed it: that is only true when the disk has it. STATUS_IO,
 * STATUS_DAMAGED. */
enum status change_confirm(struct log *log, struct fault *fault);

/* As log_end(). Then, without the lock, what else belongs to a store that has changed is seen to. */
void change_end(struct log *log, const struct session *session);

#endif
