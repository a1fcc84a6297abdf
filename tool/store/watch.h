/*
 * Waits until a file changes, by inotify(7). A user may have 128 of them by default, and the user of a forced
 * command needs one for each follower: where none can be had, the file is looked at every 20 ms.
 */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* Watch an open file for appends, truncation, and for losing its name. Returns a descriptor, or -1. */
int watch_file(int fd);

/* Wait until the watched file may have changed, or at most until that moment of the monotonic clock. input: a
 * descriptor; -1: none. False: it has ended. */
bool watch_wait(int watch, int input, int64_t until);

#endif
