/*
 * Lets a refresher replace the index while others read it: which of two generations is current, and who reads
 * it.
 *
 * The rule for freeing. Readers enter the current generation, read, and leave; they never wait in between.
 * The refresher, which holds the lock, makes the new generation in the idle slot, publishes it, and waits
 * until the old one has no readers; then it frees the old one, and its slot is idle again. So at most two
 * generations exist. A reader first counts itself in, then checks that its generation is still current. If it
 * is not, the reader has read nothing, and tries the other one. If it is, the refresher, which publishes
 * before it counts, sees the reader.
 *
 * The counts are spread over cache lines, each for some of the threads, so that readers do not contend.
 *
 * fork(). In the child only the forking thread lives on: a lock that another thread held, and the counts of
 * its readers, would stay for ever. So the lock and the counts are in memory that the kernel zeroes in the
 * child (MADV_WIPEONFORK), which means an unlocked mutex and no readers. `changing` is not there: if it is
 * set while the lock is free, a fork interrupted a refresh.
 */
#ifndef GENERATIONS_H
#define GENERATIONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct generations_shared;

struct generations {
    struct generations_shared *shared;
    _Atomic int64_t *stamp;   /* shows a fork: in a child it is 0 until the child sets it */
    _Atomic unsigned current; /* 0 or 1 */
    bool changing;            /* under the lock: the refresher is at work */
};

/* What a reader needs to leave. */
struct pass {
    unsigned generation, stripe;
};

/* False with errno ENOMEM, or EINVAL if the kernel has no MADV_WIPEONFORK. */
bool generations_make(struct generations *generations);
void generations_free(struct generations *generations);

/* For readers, any number at once. */
struct pass generations_enter(struct generations *generations);
void generations_leave(struct generations *generations, struct pass pass);

/* For refreshers. While a thread holds the lock, it cannot be cancelled. */
struct generations_hold {
    int cancel_state;
};
void generations_lock(struct generations *generations, struct generations_hold *hold);
bool generations_try_lock(struct generations *generations, struct generations_hold *hold);
void generations_unlock(struct generations *generations, struct generations_hold *hold);

/* Under the lock: the idle generation, which has no readers; and make it the current one, then wait until the
 * other has no readers. */
unsigned generations_idle(const struct generations *generations);
void generations_publish_idle(struct generations *generations);

#endif
