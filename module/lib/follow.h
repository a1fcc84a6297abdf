/* How a reader gets from what it has read to what its store is now. */
#ifndef FOLLOW_H
#define FOLLOW_H

#include "reader.h"

/*
 * Under the lock of the reader's gate: bring its index up to the store's present state, in the order that
 * toktab-store(5) gives reasons for. interrupted: an earlier call was cut off by fork(), and what it had
 * begun is to be given up. Returns true if the index is now what the store says; false with fault, where it
 * is what the store last said.
 */
bool follow(struct reader *reader, bool interrupted, struct fault *fault);

/* Is the reader's descriptor still its own? A host that daemonizes may have closed it, and be using its
 * number for something else. Then status is of the file that is held. */
bool reader_holds_fd(struct reader *reader, struct stat *status);

#endif
