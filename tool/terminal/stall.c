#include "terminal/stall.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "terminal/say.h"

enum {
    PATIENCE = 5,         /* seconds */
    WORK = 50 * 1000000,  /* nanoseconds of processor time in which something was done */
    THREAD_STACK = 65536, /* bytes, whatever RLIMIT_STACK is */
};

/* The text is made beforehand: who waits may hold whatever lock malloc(3) wants. */
static struct {
    pthread_t thread;
    bool runs;
    sem_t over;
    char *text;
} watch;

static _Atomic int64_t alive; /* the last sign of life, on the monotonic clock */

static int64_t worked(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void *speak_when_stalled(void *unused)
{
    int64_t before, last, until, busy = 0;
    struct timespec then;

    (void)unused;
    for (;;) {
        last = atomic_load(&alive);
        until = (last > busy ? last : busy) + PATIENCE * SECOND;
        if (until <= clock_now())
            break;
        before = worked();
        then = (struct timespec){.tv_sec = (time_t)(until / SECOND), .tv_nsec = (long)(until % SECOND)};
        if (sem_clockwait(&watch.over, CLOCK_MONOTONIC, &then) == 0)
            return NULL;
        if (worked() - before > WORK)
            busy = clock_now();
    }
    while (write(STDERR_FILENO, watch.text, strlen(watch.text)) < 0 && errno == EINTR)
        continue;
    return NULL;
}

void stall_watch(const struct storefile *storefile)
{
    char *path = composed("%s/%s", storefile->directory, storefile->name), *shown = showable(span_of(path));
    sigset_t all, before;
    pthread_attr_t attributes;

    watch.text =
        composed("toktab: %s: the file system has not answered for %d seconds; until it does, nothing is "
                 "acknowledged: as root, see with `fuser -v %s` which process holds the file up, and "
                 "end that process\n",
                 shown, PATIENCE, shown);
    free(shown);
    free(path);
    sem_init(&watch.over, 0, 0);
    stall_alive(clock_now());
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK);
    sigfillset(&all); /* signals are for the thread that holds them off */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    watch.runs = pthread_create(&watch.thread, &attributes, speak_when_stalled, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

void stall_alive(int64_t when)
{
    atomic_store(&alive, when);
}

void stall_over(void)
{
    int error = errno;

    if (!watch.text)
        return;
    sem_post(&watch.over);
    if (watch.runs)
        pthread_join(watch.thread, NULL);
    sem_destroy(&watch.over);
    free(watch.text);
    watch.text = NULL;
    errno = error;
}
