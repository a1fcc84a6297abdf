/* Brings a reader up to the present state of its store. */
#ifndef FOLLOW_H
#define FOLLOW_H

#include "reader.h"

/*
 * Under the lock of the reader's generations: bring the index up to the present state of the store, in the
 * order that toktab-store(5) explains. may_do_without_open: if the host has no descriptor left, looking at
 * the path is enough. Returns true if the index now agrees with the store. False with fault, and with errno
 * if the store cannot be opened; then the index holds the last good state.
 */
bool follow(struct reader *reader, bool may_do_without_open, struct fault *fault);

/* A fork() interrupted an earlier follow(): abandon it, and read everything again. */
void follow_recover(struct reader *reader);

/* Is the reader's descriptor still its own? A host that daemonizes may have closed it and used its number
 * again. If so, status is that of the held file. */
bool reader_holds_fd(struct reader *reader, struct stat *status);

#endif
