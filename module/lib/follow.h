/* How a reader gets from what it has read to what its store is now. */
#ifndef FOLLOW_H
#define FOLLOW_H

#include "reader.h"

/*
 * Under the lock of the reader's gate: bring its index up to the store's present state, in the order that
 * toktab-store(5) gives reasons for. may_do_without_open: where the host has no descriptor left, it is enough
 * to look at the path. Returns true if the index is now what the store says; false with fault, and errno
 * where the store could not be opened; then it is what the store last said.
 */
bool follow(struct reader *reader, bool may_do_without_open, struct fault *fault);

/* An earlier follow() was cut off by fork(): give up what it had begun, and have all read anew. */
void follow_recover(struct reader *reader);

/* Is the reader's descriptor still its own? A host that daemonizes may have closed it, and be using its
 * number for something else. Then status is of the file that is held. */
bool reader_holds_fd(struct reader *reader, struct stat *status);

#endif
