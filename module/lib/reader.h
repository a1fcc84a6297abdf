/*
 * A domain's store as a host sees it: always as it is at this moment, or known not to be.
 *
 * The reader MUST notice, before it answers, whatever a writer had finished by then. It MUST NOT admit a
 * token again that it has once seen revoked, whatever file takes the place of the one it knew. Where it
 * cannot read the store, it MUST NOT go on admitting for longer than stale_limit. It MUST NOT parse a file
 * again and again that it found bad.
 *
 * A look holds for a millisecond. Let a look begin at L: it takes the time, then asks the file, brings the
 * index up to what it found, and publishes L (release), in this order. A verify that begins at V answers
 * without a look of its own only if the state is good and 0 <= V - L < 1 ms (acquire). A writer's line is in
 * the file at W; the writer makes it durable, waits two milliseconds and acknowledges at A >= W + 2 ms. Every
 * verify with V > A that rests on a look of others has L > V - 1 ms > A - 1 ms >= W + 1 ms: its look began
 * after the line was there, so the index holds it. The second millisecond is room for what two readings of
 * one clock may differ by. All times are of CLOCK_MONOTONIC in one process: L lies on a page that fork(2)
 * wipes, so a child looks for itself first. The coarse clock will not do: a processor that stands still holds
 * it back for the others.
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

/* A file in a state that was found bad: it is not read again before that changes, or before a time has come.
 */
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
    struct stat root;    /* the root directory that the path starts from */

    /* read by everybody */
    _Atomic int standing;
    _Atomic int fd; /* of the file that the index is from; -1: none */
    struct freshness seen;
    _Atomic int64_t path_looked; /* when the path was last looked at, in nanoseconds of the monotonic clock */
    _Atomic int64_t good;        /* when the store was last known to be good, likewise */
    _Atomic uint64_t last_line;  /* the place in the log of the last one that was read */
    _Atomic int64_t newest_line; /* the greatest time in the store, in seconds since the epoch */
    _Atomic int64_t newest_clock; /* that this reader's own clock has shown, likewise */
    char
        storeid[STOREID_HEX + 1]; /* of the store: there before the standing is good, and the same for ever */
    struct generations generations;
    struct index generation[2];

    /* under the gate's lock; what a fork must not find half written is doubled, and the other one is made
     * valid */
    struct progress progress[2];
    _Atomic unsigned valid;
    struct identity held;                /* the file of fd */
    struct bad_file bad_tail, bad_whole; /* where reading on, reading from the start have failed */
    struct fault fault;                  /* why the standing is not good; "": it is */
    struct stat directory;               /* of the store, when it was last seen */
    bool whole_due;                      /* a fork cut a refresh off: all must be read anew */
    _Atomic bool complained;             /* of a line that makes no sense, since the last refresh */
};

/* directory, domain and notice must outlive the reader. Reads the store; that it is missing or bad is no
 * failure. False with errno. */
bool reader_open(struct reader *reader, const char *directory, const char *domain, int64_t stale_limit,
                 const struct notice *notice);
void reader_close(struct reader *reader);

/* Look whether the store has changed, and follow it. Call it for each verdict, before the index is asked.
 * Makes no system call where a look of the last millisecond still holds. Thread-safe. */
enum standing reader_look(struct reader *reader);

/* May a token that was good be admitted though the standing is not good any more? */
bool reader_still_trusted(struct reader *reader);

/* The later of now and what the store or this reader has seen within reason (toktab-store(5)). */
int64_t reader_clock(struct reader *reader);

/* What a host may want to know of a store (toktab.h). */
struct reader_state {
    bool good;
    uint64_t epoch, line, tokens;
    int64_t last_good;
    struct fault why;
};

/* Look at the store now, by its path too, and tell how it stands. Thread-safe. */
void reader_status(struct reader *reader, struct reader_state *state);

#endif
