/*
 * Appends many lines at once, all or none: to a copy of the store, which takes the store's place when it is
 * whole. Epoch and base stay, and so does every byte up to the last line: hosts read on behind it.
 */
#ifndef EXTEND_H
#define EXTEND_H

#include "caller/session.h"
#include "store/log.h"
#include "store/newfile.h"

struct extension {
    struct newfile file;
    struct tip tip; /* moves with each line */
    const char *by;
};

/* Under the lock, and none of them prints. After STATUS_DONE the caller calls extend_install() or
 * newfile_abandon(). */
enum status extend_begin(struct extension *extension, struct log *log, const struct session *session,
                         struct fault *fault);

/* Add the line of a new token. Fills in n, serial, prior, before and by of the record. STATUS_USAGE if the
 * line would be too long. */
enum status extend_add(struct extension *extension, const struct log *log, struct record *record,
                       struct fault *fault);

/* May a line of this record be too long, whatever its numbers are? by as extend_begin() sets it. */
bool extend_too_long(const struct record *record);

/* Make the file durable and put it in the store's place. */
enum status extend_install(struct extension *extension, struct log *log, struct fault *fault);

#endif
