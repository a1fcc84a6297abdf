#include "generations.h"

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

struct generations_shared {
    pthread_mutex_t lock;
    struct count inside[GENERATIONS][STRIPES];
    _Alignas(64) _Atomic int64_t stamp;
};

static const pthread_mutex_t unlocked = PTHREAD_MUTEX_INITIALIZER;

bool generations_make(struct generations *generations)
{
    struct generations_shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED)
        return false;
    if (madvise(shared, sizeof(*shared), MADV_WIPEONFORK) < 0) {
        int error = errno;

        munmap(shared, sizeof(*shared));
        errno = error;
        return false;
    }
    shared->lock = unlocked; /* all zeros, as after a fork */
    generations->shared = shared;
    generations->stamp = &shared->stamp;
    atomic_init(&generations->current, 0);
    generations->changing = false;
    return true;
}

void generations_free(struct generations *generations)
{
    if (generations->shared)
        munmap(generations->shared, sizeof(*generations->shared));
    generations->shared = NULL;
}

static unsigned stripe_of_thread(void)
{
    /* threads' descriptors are at least a page apart */
    return (unsigned)((uint32_t)((uintptr_t)pthread_self() >> 12) * UINT32_C(0x9e3779b9) >> 28);
}

struct pass generations_enter(struct generations *generations)
{
    unsigned stripe = stripe_of_thread(), generation = atomic_load(&generations->current);

    for (;;) {
        unsigned now;

        atomic_fetch_add(&generations->shared->inside[generation][stripe].readers, 1);
        now = atomic_load(&generations->current);
        if (now == generation)
            return (struct pass){generation, stripe};
        atomic_fetch_sub(&generations->shared->inside[generation][stripe].readers, 1);
        generation = now;
    }
}

void generations_leave(struct generations *generations, struct pass pass)
{
    atomic_fetch_sub_explicit(&generations->shared->inside[pass.generation][pass.stripe].readers, 1,
                              memory_order_release);
}

void generations_lock(struct generations *generations, struct generations_hold *hold)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &hold->cancel_state);
    pthread_mutex_lock(&generations->shared->lock);
}

bool generations_try_lock(struct generations *generations, struct generations_hold *hold)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &hold->cancel_state);
    if (pthread_mutex_trylock(&generations->shared->lock) == 0)
        return true;
    pthread_setcancelstate(hold->cancel_state, NULL);
    return false;
}

void generations_unlock(struct generations *generations, struct generations_hold *hold)
{
    pthread_mutex_unlock(&generations->shared->lock);
    pthread_setcancelstate(hold->cancel_state, NULL);
}

unsigned generations_idle(const struct generations *generations)
{
    return 1 - atomic_load_explicit(&generations->current, memory_order_relaxed);
}

/* A reader leaves at once, unless it lost its processor: perhaps to us, if we have a real-time priority. */
static void pause_for(unsigned round)
{
    static const struct timespec moment = {.tv_nsec = 50000};

    if (round < YIELDS)
        sched_yield();
    else
        nanosleep(&moment, NULL);
}

void generations_publish_idle(struct generations *generations)
{
    unsigned old = atomic_load_explicit(&generations->current, memory_order_relaxed);

    atomic_store(&generations->current, 1 - old);
    for (unsigned i = 0; i < STRIPES; i++)
        for (unsigned round = 0; atomic_load(&generations->shared->inside[old][i].readers) != 0; round++)
            pause_for(round);
}
