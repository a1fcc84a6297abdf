/* The lock of a store's writer: one file per store, locked with flock(2), which ends with the process. */
#ifndef LOCK_H
#define LOCK_H

#include <sys/stat.h>

#include "fault.h"
#include "terminal/patience.h"
#include "terminal/say.h"

/*
 * Take DOMAIN.lock in the directory, which directory_status describes; wait at most LOCK_SECONDS. The file
 * gets mode 0600: anybody who could open it could hold it and block revocations. Returns STATUS_DONE and sets
 * *lock for lock_release(); else sets it to -1, and fault, which says who holds the lock.
 */
enum status lock_take(int *lock, int directory, const char *domain, const struct stat *directory_status,
                      struct fault *fault);

/* From now on all waits of this process for locks together end after LOCK_SECONDS. */
void lock_wait_once(void);

/* lock: -1: does nothing. */
void lock_release(int lock);

/* Before the lock is taken once more for the rest of many changes: let whoever waits for it have it. */
void lock_let_others(void);

#endif
