/*
 * A domain's store as a host sees it: either as it is at this moment, or known to be out of date.
 *
 * Before it answers, the reader MUST notice every change that a writer has acknowledged. Once it has seen a
 * token revoked, it MUST NOT admit it again, whatever file replaces the one it knew. If it cannot read the
 * store, it MUST NOT admit tokens for longer than stale_limit. It MUST NOT parse a bad file again and again.
 *
 * A look holds for a millisecond. Let a look begin at L: it takes the time, then asks the file, brings the
 * index up to what it found, and publishes L (release), in this order. A verify that begins at V answers
 * without a look of its own only if the state is good and 0 <= V - L < 1 ms (acquire). A writer's line is in
 * the file at W; the writer makes it durable, waits two milliseconds and acknowledges at A >= W + 2 ms. Every
 * verify with V > A that rests on a look of others has L > V - 1 ms > A - 1 ms >= W + 1 ms: its look began
 * after the line was there, so the index holds it. The second millisecond is room for what two readings of
 * one clock may differ by. All times are of CLOCK_MONOTONIC in one process: L is on a page that fork(2)
 * wipes, so a child makes its own look first. The coarse clock will not do: a stalled processor holds it back
 * for the others. tests/model tries all ways in which the steps of two writers and two threads can follow
 * each other.
 */
#ifndef READER_H
#define READER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "freshness.h"
#include "generations.h"
#include "index.h"
#include "load.h"
#include "notice.h"
#include "storefile.h"

enum standing {
    STANDING_NONE,    /* the store was never read */
    STANDING_GOOD,    /* the index is what the store says */
    STANDING_TROUBLE, /* the index is what the store said when it was last good */
};

/* A file that was found bad: it is not read again until it changes, or until a time. */
struct bad_file {
    struct identity identity;
    int64_t until; /* nanoseconds of the monotonic clock */
    struct fault fault;
};

struct reader {
    /* set once */
    struct storefile storefile;
    const char *domain;
    const struct notice *notice;
    int64_t stale_limit; /* seconds */
    struct stat root;    /* the root directory where the path starts */

    /* read by everybody */
    _Atomic int standing;
    _Atomic int fd; /* of the file that the index is from; -1: none */
    struct freshness seen;
    _Atomic int64_t path_looked; /* when the path was last looked at, in nanoseconds of the monotonic clock */
    _Atomic int64_t good;        /* when the store was last known to be good, likewise */
    _Atomic uint64_t last_line;  /* n of the last line that was read */
    _Atomic int64_t newest_line; /* the greatest time in the store, in seconds since the epoch */
    _Atomic int64_t newest_clock;  /* the greatest time of this reader's own clock, likewise */
    char storeid[STOREID_HEX + 1]; /* of the store: set before the standing is good, and never changed */
    struct generations generations;
    struct index generation[2];

    /* under the lock of generations. What a fork must not find half written exists twice; `valid` says which
     * one counts */
    struct progress progress[2];
    _Atomic unsigned valid;
    struct identity held;                /* the file of fd */
    struct bad_file bad_tail, bad_whole; /* reading on, or reading from the start, has failed */
    struct fault fault;                  /* why the standing is not good; "": it is good */
    struct stat directory;               /* of the store, when it was last seen */
    bool whole_due;                      /* a fork interrupted a refresh: read everything again */
    _Atomic bool complained;             /* of an invalid line, since the last refresh */
};

/* directory, domain and notice must outlive the reader. Reads the store; a missing or bad store is not a
 * failure. False with errno. */
bool reader_open(struct reader *reader, const char *directory, const char *domain, int64_t stale_limit,
                 const struct notice *notice);
void reader_close(struct reader *reader);

/* Check whether the store has changed, and follow the change. Call it for each verdict, before using the
 * index. now: clock_now(), from after the verdict was asked for. Makes no system call if the last look is
 * then less than a millisecond old. Thread-safe. */
enum standing reader_look(struct reader *reader, int64_t now);

/* May a good token still be admitted, though the standing is no longer good? */
bool reader_still_trusted(struct reader *reader);

/* The time that counts: now, or a later time seen in the store or on this clock (toktab-store(5)). */
int64_t reader_clock(struct reader *reader);

/* The state of a store, for hosts that report it (toktab.h). */
struct reader_state {
    bool good;
    uint64_t epoch, line, tokens;
    int64_t last_good;
    struct fault why;
};

/* Look at the store now, by its path too, and report its state. Thread-safe. */
void reader_status(struct reader *reader, struct reader_state *state);

#endif
