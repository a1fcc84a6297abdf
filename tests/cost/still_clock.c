/*
 * Loaded before libc: the clock by which looks at a store are timed stands still, or goes CLOCK_STEP
 * nanoseconds further each time that it is read. So what is counted does not depend on how fast the machine
 * is.
 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static _Atomic long reads;
    static long step = -1;
    long at;

    if (clock != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, clock, now);
    if (step < 0)
        step = getenv("CLOCK_STEP") ? atol(getenv("CLOCK_STEP")) : 0;
    at = step * atomic_fetch_add(&reads, 1);
    *now = (struct timespec){1000 + at / 1000000000, at % 1000000000};
    return 0;
}
