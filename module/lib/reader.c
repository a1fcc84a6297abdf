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

/* What a refresh has to tell the admin, once for each trouble, and when it is over; "": nothing. */
struct news {
    int priority;
    struct fault text;
};

static struct news take_news(struct reader *reader, bool good, const struct fault *fault)
{
    struct news news = {.priority = LOG_ALERT};

    if (good && reader->fault.text[0] != '\0') {
        news.priority = LOG_NOTICE;
        fault_set(&news.text, "it is good again");
    } else if (!good && strcmp(fault->text, reader->fault.text) != 0) {
        news.text = *fault;
    }
    if (good)
        reader->fault.text[0] = '\0';
    else
        reader->fault = *fault;
    return news;
}

/* Without the lock: a host's log may block, or wait for a thread that waits for the lock. */
static void tell(const struct reader *reader, const struct news *news)
{
    if (news->text.text[0] != '\0')
        notice_say(reader->notice, news->priority, "store %s/%s: %s", reader->place.directory,
                   reader->place.name, news->text.text);
}

/* Under the lock. */
static struct news refresh(struct reader *reader)
{
    int64_t now = monotonic();
    struct fault fault = {0};
    bool good;

    if (reader->gate.changing)
        follow_recover(reader);
    reader->gate.changing = true;
    atomic_store_explicit(&reader->looked, now, memory_order_relaxed);
    good = follow(reader, &fault);
    if (good) {
        if (reader->standing == STANDING_NONE)
            strcpy(reader->storeid, reader->progress[reader->valid].walk.header.storeid);
        atomic_store_explicit(&reader->good, now, memory_order_relaxed);
        atomic_store_explicit(&reader->standing, STANDING_GOOD, memory_order_release);
    } else if (reader->standing != STANDING_NONE) {
        atomic_store_explicit(&reader->standing, STANDING_TROUBLE, memory_order_release);
    }
    atomic_store_explicit(&reader->complained, false, memory_order_relaxed);
    reader->gate.changing = false;
    return take_news(reader, good, &fault);
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
    struct news news;

    if (!atomic_compare_exchange_strong(&reader->looked, &looked, now) ||
        !gate_try_lock(&reader->gate, &hold))
        return;
    news = refresh(reader);
    gate_unlock(&reader->gate, &hold);
    tell(reader, &news);
}

/* Something has happened: all threads wait until one has looked at it. */
static void wait_and_refresh(struct reader *reader)
{
    struct news news = {0};
    struct gate_hold hold;

    gate_lock(&reader->gate, &hold);
    if (reader->gate.changing || !unchanged(reader)) /* else another thread has just done it */
        news = refresh(reader);
    gate_unlock(&reader->gate, &hold);
    tell(reader, &news);
}

enum standing reader_look(struct reader *reader)
{
    int64_t now = monotonic();

    if (unchanged(reader)) {
        int64_t looked = atomic_load_explicit(&reader->looked, memory_order_relaxed);

        if (now - looked >= LOOK_INTERVAL)
            look_at_path(reader, looked, now);
        else if (now != atomic_load_explicit(&reader->good, memory_order_relaxed))
            atomic_store_explicit(&reader->good, now, memory_order_relaxed);
    } else {
        wait_and_refresh(reader);
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
    wait_and_refresh(reader);
    return true;
}

void reader_close(struct reader *reader)
{
    struct stat status;

    if (reader_holds_fd(reader, &status))
        close(reader->fd);
    if (reader->gate.changing)
        follow_recover(
            reader); /* a fork cut a refresh off: what that was about to free, or had freed, is left alone */
    index_free(&reader->generation[0]);
    index_free(&reader->generation[1]);
    gate_free(&reader->gate);
}
