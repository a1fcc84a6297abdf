/* The lock that a writer holds: one file for each store, locked by flock(2), which dies with its holder. */
#ifndef LOCK_H
#define LOCK_H

#include <sys/stat.h>

#include "fault.h"
#include "terminal/say.h"

enum { LOCK_SECONDS = 10 };

/*
 * Wait at most LOCK_SECONDS for DOMAIN.lock below the directory, which directory_status describes, and take
 * it. The file is made with mode 0600: whoever could open it could hold it, and keep others from revoking.
 * Returns STATUS_DONE with a descriptor for lock_release(); else -1 and fault, which says who holds it.
 */
enum status lock_take(int *lock, int directory, const char *domain, const struct stat *directory_status,
                      struct fault *fault);

/* lock: -1: nothing is held. */
void lock_release(int lock);

#endif
