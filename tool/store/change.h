/* One change of a store: its line, with who made it and when. */
#ifndef CHANGE_H
#define CHANGE_H

#include "caller/session.h"
#include "store/log.h"
#include "store/refs.h"

/* Only change_end() prints. The caller prints fault after it. */

/* Read the record of refs->list[i] again under the lock, since somebody may have changed it. record points
 * into refs. STATUS_NOT_FOUND, STATUS_DAMAGED, STATUS_IO. */
enum status change_read(struct log *log, struct refs *refs, size_t i, struct record *record,
                        struct fault *fault);

/*
 * Append a record to the log. Fills in n, prior, before, chain and by; if serial is 0, the record creates a
 * token, and serial and created are filled in too. ends: the change shortens a token's life, so it may use
 * the room that lines and the disk reserve for that.
 *
 * Returns STATUS_DONE when the line is in the file; change_sync() makes it durable. STATUS_USAGE if the line
 * would be too long, STATUS_DAMAGED, STATUS_IO, STATUS_LOCKED; where changes go through an engine, propose.h,
 * also STATUS_MISSING and STATUS_AGAIN.
 */
enum status change_append(struct log *log, const struct session *session, struct record *record, bool ends,
                          struct fault *fault);

/* Make durable what was appended. STATUS_IO: it may be lost. */
enum status change_sync(struct log *log, struct fault *fault);

/* change_append(), then change_sync(). */
enum status change_make(struct log *log, const struct session *session, struct record *record, bool ends,
                        struct fault *fault);

/* Before saying "already so": make durable the earlier change, whose writer may not have synced it.
 * STATUS_IO, STATUS_DAMAGED. */
enum status change_confirm(struct log *log, struct fault *fault);

/* log_end(), and make the directory for last use if it is missing. */
void change_end(struct log *log, const struct session *session);

#endif
