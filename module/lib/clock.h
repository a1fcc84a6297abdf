/* The clock for waiting, and how far the clock of the day is believed. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

#define SECOND INT64_C(1000000000) /* nanoseconds */
#define MILLISECOND INT64_C(1000000)

/* Nanoseconds of CLOCK_MONOTONIC, which nobody can set. */
static inline int64_t clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

enum { CLOCK_TRUST = 300 }; /* seconds */

/* Now, or a later time that was seen, unless that is too far ahead to be believed: a clock that was set back
 * a little re-admits nothing (toktab-store(5)). Seconds since the epoch. */
static inline int64_t clock_latest(int64_t now, int64_t seen)
{
    return seen > now && seen - now <= CLOCK_TRUST ? seen : now;
}

#endif
