/* The clock for waiting. */
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

#endif
