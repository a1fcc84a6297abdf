#include "reader.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "follow.h"

enum {
    LOOK_HOLDS = 1000000,    /* nanoseconds for which a look holds: see the model in reader.h */
    PATH_HOLDS = 1000000000, /* nanoseconds between two looks at the path */
};

#define LONG_AGO (INT64_MIN / 2)

/* A message to the admin: when a trouble begins, and when it is over; "": none. */
struct news {
    int priority;
    struct fault text;
};

static struct news take_news(struct reader *reader, bool good, const struct fault *fault)
{
    struct news news = {.priority = LOG_ALERT};

    if (good && reader->fault.text[0] != '\0') {
        news.priority = LOG_NOTICE;
        fault_set(&news.text, "good again");
    } else if (!good && strcmp(fault->text, reader->fault.text) != 0) {
        news.text = *fault;
    }
    if (good)
        reader->fault.text[0] = '\0';
    else
        reader->fault = *fault;
    return news;
}

/* Call it without the lock: a host's log may block, or wait for a thread that waits for the lock. */
static void tell(const struct reader *reader, const struct news *news)
{
    if (news->text.text[0] != '\0')
        notice_say(reader->notice, news->priority, "store %s/%s: %s", reader->storefile.directory,
                   reader->storefile.name, news->text.text);
}

/* Has this process itself looked at the store? Not right after a fork. */
static bool has_looked(struct reader *reader)
{
    return atomic_load_explicit(reader->generations.stamp, memory_order_relaxed) != 0;
}

/* Publish a look that began then and found the index up to date. */
static void publish_look(struct reader *reader, int64_t began)
{
    atomic_store_explicit(&reader->good, began, memory_order_relaxed);
    atomic_store_explicit(reader->generations.stamp, began, memory_order_release);
}

/* May this process not read the store, though its parent perhaps could? */
static bool out_of_reach(const struct reader *reader, int error)
{
    struct stat root;

    return error == EACCES || error == EPERM || stat("/", &root) < 0 || !same_file(&root, &reader->root);
}

/* Under the lock. */
static struct news refresh(struct reader *reader)
{
    int64_t now = clock_now();
    struct fault fault = {0};
    bool good;

    if (reader->generations.changing)
        follow_recover(reader);
    reader->generations.changing = true;
    atomic_store_explicit(&reader->path_looked, now, memory_order_relaxed);
    good = follow(reader, has_looked(reader), &fault);
    if (good) {
        if (reader->standing == STANDING_NONE)
            strcpy(reader->storeid, reader->progress[reader->valid].chain.header.storeid);
        atomic_store_explicit(&reader->standing, STANDING_GOOD, memory_order_release);
        publish_look(reader, now);
    } else {
        if (!has_looked(reader) && out_of_reach(reader, errno))
            atomic_store_explicit(&reader->good, LONG_AGO, memory_order_relaxed);
        if (reader->standing != STANDING_NONE)
            atomic_store_explicit(&reader->standing, STANDING_TROUBLE, memory_order_release);
    }
    atomic_store_explicit(&reader->complained, false, memory_order_relaxed);
    reader->generations.changing = false;
    return take_news(reader, good, &fault);
}

/* Is the file unchanged since it was last read? */
static bool unchanged(struct reader *reader)
{
    struct stat status;
    struct identity identity;

    if (atomic_load_explicit(&reader->standing, memory_order_acquire) != STANDING_GOOD ||
        !has_looked(reader) || fstat(atomic_load_explicit(&reader->fd, memory_order_relaxed), &status) < 0)
        return false;
    identity = identity_of(&status);
    return freshness_equals(&reader->seen, &identity);
}

/* The file is unchanged, but the path may lead to another one: one thread checks once a second, and the
 * others do not wait. */
static void look_at_path(struct reader *reader, int64_t looked, int64_t now)
{
    struct generations_hold hold;
    struct news news;

    if (!atomic_compare_exchange_strong(&reader->path_looked, &looked, now) ||
        !generations_try_lock(&reader->generations, &hold))
        return;
    news = refresh(reader);
    generations_unlock(&reader->generations, &hold);
    tell(reader, &news);
}

/* The file has changed: all threads wait until one has read it. */
static void wait_and_refresh(struct reader *reader)
{
    struct news news = {0};
    struct generations_hold hold;
    int64_t began;

    generations_lock(&reader->generations, &hold);
    began = clock_now();
    if (!reader->generations.changing && unchanged(reader))
        publish_look(reader, began); /* another thread has just read it */
    else
        news = refresh(reader);
    generations_unlock(&reader->generations, &hold);
    tell(reader, &news);
}

/* Does the last look still hold? A look that began after `now` was read holds too; one far ahead is from
 * another clock, because this process was forked into another time namespace. */
static bool look_holds(struct reader *reader, int64_t now)
{
    int64_t age = now - atomic_load_explicit(reader->generations.stamp, memory_order_acquire);

    return age < LOOK_HOLDS && age > -LOOK_HOLDS;
}

enum standing reader_look(struct reader *reader, int64_t now)
{
    int64_t looked;

    if (atomic_load_explicit(&reader->standing, memory_order_acquire) == STANDING_GOOD &&
        look_holds(reader, now))
        return STANDING_GOOD;
    if (!unchanged(reader)) {
        wait_and_refresh(reader);
    } else {
        looked = atomic_load_explicit(&reader->path_looked, memory_order_relaxed);
        if (now - looked >= PATH_HOLDS)
            look_at_path(reader, looked, now);
        else
            publish_look(reader, now);
    }
    return (enum standing)atomic_load_explicit(&reader->standing, memory_order_acquire);
}

bool reader_still_trusted(struct reader *reader)
{
    return clock_now() - atomic_load_explicit(&reader->good, memory_order_relaxed) <
           reader->stale_limit * SECOND;
}

int64_t reader_clock(struct reader *reader)
{
    int64_t line = atomic_load_explicit(&reader->newest_line, memory_order_relaxed);
    int64_t clock = atomic_load_explicit(&reader->newest_clock, memory_order_relaxed);
    struct timespec real;
    int64_t of_clock, of_line;

    clock_gettime(CLOCK_REALTIME_COARSE, &real);
    of_clock = clock_latest(real.tv_sec, clock);
    of_line = clock_latest(real.tv_sec, line);
    if (of_clock != clock)
        atomic_store_explicit(&reader->newest_clock, of_clock, memory_order_relaxed);
    return of_line > of_clock ? of_line : of_clock;
}

bool reader_open(struct reader *reader, const char *directory, const char *domain, int64_t stale_limit,
                 const struct notice *notice)
{
    memset(reader, 0, sizeof(*reader));
    storefile_of_domain(&reader->storefile, directory, domain);
    reader->domain = domain;
    reader->stale_limit = stale_limit;
    reader->notice = notice;
    atomic_init(&reader->fd, -1);
    atomic_init(&reader->good, LONG_AGO);
    if (stat("/", &reader->root) < 0)
        return false;
    if (!generations_make(&reader->generations))
        return false;
    if (!index_make(&reader->generation[0], 0)) {
        generations_free(&reader->generations);
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
    if (reader->generations.changing)
        follow_recover(reader); /* a fork interrupted a refresh, which may have freed memory already */
    index_free(&reader->generation[0]);
    index_free(&reader->generation[1]);
    generations_free(&reader->generations);
}

void reader_status(struct reader *reader, struct reader_state *state)
{
    const struct chain *chain;
    struct generations_hold hold;
    struct news news;
    int64_t good;
    bool read;

    generations_lock(&reader->generations, &hold);
    news = refresh(reader);
    chain = &reader->progress[reader->valid].chain;
    good = reader->good;
    read = reader->standing != STANDING_NONE;
    state->good = reader->standing == STANDING_GOOD;
    state->epoch = read ? chain->header.epoch : 0;
    state->line = read ? chain->at.n : 0;
    state->tokens = read ? reader->generation[1 - generations_idle(&reader->generations)].count : 0;
    state->last_good = good == LONG_AGO ? -1 : (clock_now() - good) / SECOND;
    state->why.text[0] = '\0';
    if (!state->good)
        fault_set(&state->why, "store %s/%s: %s", reader->storefile.directory, reader->storefile.name,
                  reader->fault.text);
    generations_unlock(&reader->generations, &hold);
    tell(reader, &news);
}
