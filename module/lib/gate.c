#include "gate.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>

enum { GENERATIONS = 2, STRIPES = 16, YIELDS = 100 };

struct count {
    _Alignas(64) _Atomic unsigned readers;
};

struct gate_shared {
    pthread_mutex_t lock;
    struct count inside[GENERATIONS][STRIPES];
    _Alignas(64) _Atomic int64_t stamp;
};

static const pthread_mutex_t unlocked = PTHREAD_MUTEX_INITIALIZER;

bool gate_make(struct gate *gate)
{
    struct gate_shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED)
        return false;
    if (madvise(shared, sizeof(*shared), MADV_WIPEONFORK) < 0) {
        int error = errno;

        munmap(shared, sizeof(*shared));
        errno = error;
        return false;
    }
    shared->lock = unlocked; /* which is all zeros */
    gate->shared = shared;
    gate->stamp = &shared->stamp;
    atomic_init(&gate->current, 0);
    gate->changing = false;
    return true;
}

void gate_free(struct gate *gate)
{
    if (gate->shared)
        munmap(gate->shared, sizeof(*gate->shared));
    gate->shared = NULL;
}

static unsigned stripe_of_thread(void)
{
    /* threads' descriptors lie at least a page apart */
    return (unsigned)((uint32_t)((uintptr_t)pthread_self() >> 12) * UINT32_C(0x9e3779b9) >> 28);
}

struct pass gate_enter(struct gate *gate)
{
    unsigned stripe = stripe_of_thread(), generation = atomic_load(&gate->current);

    for (;;) {
        unsigned now;

        atomic_fetch_add(&gate->shared->inside[generation][stripe].readers, 1);
        now = atomic_load(&gate->current);
        if (now == generation)
            return (struct pass){generation, stripe};
        atomic_fetch_sub(&gate->shared->inside[generation][stripe].readers, 1);
        generation = now;
    }
}

void gate_leave(struct gate *gate, struct pass pass)
{
    atomic_fetch_sub_explicit(&gate->shared->inside[pass.generation][pass.stripe].readers, 1,
                              memory_order_release);
}

void gate_lock(struct gate *gate, struct gate_hold *hold)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &hold->cancel_state);
    pthread_mutex_lock(&gate->shared->lock);
}

bool gate_try_lock(struct gate *gate, struct gate_hold *hold)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &hold->cancel_state);
    if (pthread_mutex_trylock(&gate->shared->lock) == 0)
        return true;
    pthread_setcancelstate(hold->cancel_state, NULL);
    return false;
}

void gate_unlock(struct gate *gate, struct gate_hold *hold)
{
    pthread_mutex_unlock(&gate->shared->lock);
    pthread_setcancelstate(hold->cancel_state, NULL);
}

unsigned gate_idle(const struct gate *gate)
{
    return 1 - atomic_load_explicit(&gate->current, memory_order_relaxed);
}

/* A reader is out in no time, unless it lost its processor: perhaps to us, if we have a real-time priority.
 */
static void pause_for(unsigned round)
{
    static const struct timespec moment = {.tv_nsec = 50000};

    if (round < YIELDS)
        sched_yield();
    else
        nanosleep(&moment, NULL);
}

void gate_publish_idle(struct gate *gate)
{
    unsigned old = atomic_load_explicit(&gate->current, memory_order_relaxed);

    atomic_store(&gate->current, 1 - old);
    for (unsigned i = 0; i < STRIPES; i++)
        for (unsigned round = 0; atomic_load(&gate->shared->inside[old][i].readers) != 0; round++)
            pause_for(round);
}
