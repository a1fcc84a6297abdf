/*
 * Lets readers use what a refresher may replace: which of two generations is current, and who is inside.
 *
 * The rule for freeing. Readers enter the current generation, read, and leave; they wait for nothing, and do
 * nothing in between that could wait. The refresher, who holds the lock, makes the new generation in the idle
 * place, publishes it, and waits until the count of readers in the old one is 0; then it frees the old one,
 * and the place is idle again. So at most two generations exist. A reader counts itself in before it looks
 * again whether its generation is still current: if not, it has read nothing and tries the other. If so, the
 * refresher, who publishes before it counts, must see it.
 *
 * Counts are spread over cache lines, one for some of the threads each, so that readers do not fight for one.
 *
 * fork(). In the child only the forking thread lives on: a lock that another held and the counts of readers
 * who are gone would stay for ever. So the lock and the counts lie in memory that the kernel gives to the
 * child as zeros (MADV_WIPEONFORK), which is an unlocked mutex and nobody inside. `changing` does not lie
 * there: where it is set though the lock was free, a refresh was cut off by a fork.
 */
#ifndef GENERATIONS_H
#define GENERATIONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct generations_shared;

struct generations {
    struct generations_shared *shared;
    _Atomic int64_t
        *stamp; /* for whoever needs to know of a fork: in a child it is 0 until it is set there */
    _Atomic unsigned current; /* 0 or 1 */
    bool changing;            /* under the lock: the refresher is at work */
};

/* A reader's way out. */
struct pass {
    unsigned generation, stripe;
};

/* False with errno ENOMEM, or EINVAL where the kernel has no MADV_WIPEONFORK. */
bool generations_make(struct generations *generations);
void generations_free(struct generations *generations);

/* For readers, any number at once. */
struct pass generations_enter(struct generations *generations);
void generations_leave(struct generations *generations, struct pass pass);

/* For refreshers. generations_unlock() and generations_lock() also let no thread be cancelled in between. */
struct generations_hold {
    int cancel_state;
};
void generations_lock(struct generations *generations, struct generations_hold *hold);
bool generations_try_lock(struct generations *generations, struct generations_hold *hold);
void generations_unlock(struct generations *generations, struct generations_hold *hold);

/* Under the lock: the idle generation, which nobody is in; and make it the current one, then wait until
 * nobody is in the other. */
unsigned generations_idle(const struct generations *generations);
void generations_publish_idle(struct generations *generations);

#endif
