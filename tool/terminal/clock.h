/* The clock for waiting. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

#define SECOND INT64_C(1000000000) /* nanoseconds */
#define MILLISECOND INT64_C(1000000)

/* Nanoseconds of CLOCK_MONOTONIC, which nobody can set. */
int64_t clock_now(void);

#endif
