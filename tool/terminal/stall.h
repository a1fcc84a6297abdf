/*
 * Tells whoever waits that the file system does not answer.
 *
 * A member of the stores' group can hold a store's inode inside the kernel, by a read of its own that never
 * ends (SECURITY.md). No signal interrupts whoever then waits for that inode, so another thread speaks.
 */
#ifndef STALL_H
#define STALL_H

#include <stdint.h>

#include "storefile.h"

/* From here until stall_over(): if the process does nothing for five seconds, say so on stderr, once. Do not
 * nest. Without a thread (RLIMIT_NPROC) nothing is said. */
void stall_watch(const struct storefile *storefile);

/* The file system answered at that time of the monotonic clock; or, if it is yet to come, until then it is
 * another program that is waited for. The five seconds begin anew. */
void stall_alive(int64_t when);

/* Keeps errno. */
void stall_over(void);

#endif
