/* The file of last uses, toktab-store(5): the tool makes it, lets it grow and shows what hosts have noted. */
#ifndef USED_H
#define USED_H

#include "log.h"
#include "record.h"
#include "session.h"
#include "usage_file.h"

enum { USED_WINDOW = 4096 }; /* slots that are read at once */

struct used {
    int fd; /* -1: nothing is known */
    uint64_t first;
    size_t count;
    unsigned char slots[USED_WINDOW][USAGE_SLOT]; /* count of them, from that of the serial first on */
};

/* Of the session's domain, whose store has this storeid. Where its uses are not tracked, nothing is known;
 * nor where the file cannot be read, which is printed unless it is missing. Ends with used_close(). */
void used_open(struct used *used, const struct session *session, const char *storeid);
void used_close(struct used *used);

/* What was noted for a serial, as it stands there; 0: nothing. Quick where serials are asked in order. */
uint64_t used_time(struct used *used, uint64_t serial);

/* Set record->used to a time that was noted, if it can be believed. */
void used_show(struct record *record, uint64_t noted);

/* Under the lock: have a file with room for serials up to last, of the store with this storeid. Where that
 * cannot be had, log->aside says why. */
void used_provide(struct log *log, const char *storeid, uint64_t last);

#endif
