#include "reader.h"

#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "follow.h"

enum {
    LOOK_INTERVAL = 1000, /* milliseconds between two looks at the path */
    CLOCK_TRUST = 300,    /* seconds by which a time in the store may be ahead of the clock and still count */
};

static int64_t monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Tell the admin, once for each trouble, and when it is over. */
static void report(struct reader *reader, bool good, const struct fault *fault)
{
    const struct place *place = &reader->place;

    if (good && reader->fault.text[0] != '\0')
        notice_say(reader->notice, LOG_NOTICE, "store %s/%s is good again", place->directory, place->name);
    else if (!good && strcmp(fault->text, reader->fault.text) != 0)
        notice_say(reader->notice, LOG_ALERT, "store %s/%s: %s", place->directory, place->name, fault->text);
    if (good)
        reader->fault.text[0] = '\0';
    else
        reader->fault = *fault;
}

/* Under the lock. */
static void refresh(struct reader *reader)
{
    int64_t now = monotonic();
    bool interrupted = reader->gate.changing, good;
    struct fault fault = {0};

    reader->gate.changing = true;
    atomic_store_explicit(&reader->looked, now, memory_order_relaxed);
    good = follow(reader, interrupted, &fault);
    if (good) {
        atomic_store_explicit(&reader->good, now, memory_order_relaxed);
        atomic_store_explicit(&reader->standing, STANDING_GOOD, memory_order_release);
    } else if (reader->standing != STANDING_NONE) {
        atomic_store_explicit(&reader->standing, STANDING_TROUBLE, memory_order_release);
    }
    report(reader, good, &fault);
    reader->gate.changing =
        interrupted && !good; /* what a fork cut off is not made good before all was read anew */
}

/* Is all as it was when the store was last read? */
static bool unchanged(struct reader *reader)
{
    struct stat status;
    struct identity identity;

    if (atomic_load_explicit(&reader->standing, memory_order_acquire) != STANDING_GOOD ||
        fstat(atomic_load_explicit(&reader->fd, memory_order_relaxed), &status) < 0)
        return false;
    identity = identity_of(&status);
    return seen_equals(&reader->seen, &identity);
}

/* Nothing has happened to the file, but perhaps to the path: one thread looks once a second, the others do
 * not wait. */
static void look_at_path(struct reader *reader, int64_t looked, int64_t now)
{
    struct gate_hold hold;

    if (!atomic_compare_exchange_strong(&reader->looked, &looked, now) ||
        !gate_try_lock(&reader->gate, &hold))
        return;
    refresh(reader);
    gate_unlock(&reader->gate, &hold);
}

enum standing reader_look(struct reader *reader)
{
    struct gate_hold hold;
    int64_t now = monotonic();

    if (unchanged(reader)) {
        int64_t looked = atomic_load_explicit(&reader->looked, memory_order_relaxed);

        if (now - looked >= LOOK_INTERVAL)
            look_at_path(reader, looked, now);
        else if (now != atomic_load_explicit(&reader->good, memory_order_relaxed))
            atomic_store_explicit(&reader->good, now, memory_order_relaxed);
    } else {
        gate_lock(&reader->gate, &hold);
        if (reader->gate.changing || !unchanged(reader)) /* else another thread has just done it */
            refresh(reader);
        gate_unlock(&reader->gate, &hold);
    }
    return (enum standing)atomic_load_explicit(&reader->standing, memory_order_acquire);
}

bool reader_still_trusted(struct reader *reader)
{
    return monotonic() - atomic_load_explicit(&reader->good, memory_order_relaxed) <
           reader->stale_limit * 1000;
}

int64_t reader_clock(struct reader *reader)
{
    int64_t line = atomic_load_explicit(&reader->newest_line, memory_order_relaxed);
    int64_t clock = atomic_load_explicit(&reader->newest_clock, memory_order_relaxed);
    struct timespec real;
    int64_t now, latest;

    clock_gettime(CLOCK_REALTIME_COARSE, &real);
    now = latest = real.tv_sec;
    if (now > clock || clock - now > CLOCK_TRUST)
        atomic_store_explicit(&reader->newest_clock, now, memory_order_relaxed);
    if (clock - now <= CLOCK_TRUST && clock > latest)
        latest = clock;
    if (line - now <= CLOCK_TRUST && line > latest)
        latest = line;
    return latest;
}

bool reader_open(struct reader *reader, const char *directory, const char *domain, int64_t stale_limit,
                 const struct notice *notice)
{
    struct gate_hold hold;

    memset(reader, 0, sizeof(*reader));
    place_of_store(&reader->place, directory, domain);
    reader->domain = domain;
    reader->stale_limit = stale_limit;
    reader->notice = notice;
    atomic_init(&reader->fd, -1);
    if (!gate_make(&reader->gate))
        return false;
    if (!index_make(&reader->generation[0], 0)) {
        gate_free(&reader->gate);
        return false;
    }
    gate_lock(&reader->gate, &hold);
    refresh(reader);
    gate_unlock(&reader->gate, &hold);
    return true;
}

void reader_close(struct reader *reader)
{
    struct stat status;

    if (reader_holds_fd(reader, &status))
        close(reader->fd);
    index_free(&reader->generation[0]);
    index_free(&reader->generation[1]);
    gate_free(&reader->gate);
}
