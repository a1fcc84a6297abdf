/* One change of a store: the line that says it, by whom and when. */
#ifndef CHANGE_H
#define CHANGE_H

#include "log.h"
#include "session.h"

/*
 * Append a record to the log. It is complete but for n, chain and by, which are filled in; and where serial
 * is 0, the record creates a token, which gets its serial, and its time as created. Prints nothing: fault is
 * for after log_end().
 *
 * Returns STATUS_DONE when it is on the disk; STATUS_USAGE for a line that would be too long, STATUS_DAMAGED,
 * STATUS_IO.
 */
enum status change_append(struct log *log, const struct session *session, struct record *record,
                          struct fault *fault);

#endif
