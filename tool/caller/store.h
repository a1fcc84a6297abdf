/* The store of a session, opened to be read and proved. */
#ifndef STORE_H
#define STORE_H

#include "place.h"
#include "session.h"

/* Open it, if it may be trusted. Returns a descriptor, and its place; or -1 with the status, printed. */
int store_open(struct place *place, const struct session *session, struct stat *status_of_file,
               enum status *status);

/* It could not be proved: prints why. Returns STATUS_DAMAGED, or STATUS_IO where that may pass. */
enum status store_unproved(const struct place *place, const struct fault *fault);

#endif
