/*
 * The files of last uses, toktab-store(5): STORE_DIR/used/DOMAIN.UID, one for each user that hosts run as. A
 * file begins with the id of the store. Then come slots of 8 bytes, one for each serial. Slot 0, which no
 * token has, holds the time at which tracking began.
 *
 * Each file is made and written by the hosts of its user alone, and they may write there what they like. So
 * no verdict MUST rest on it, and nothing in it MUST be believed that cannot be true. It MUST NOT be mapped,
 * nor read whole: its owner may make it as long as he likes.
 */
#ifndef USAGE_FILE_H
#define USAGE_FILE_H

#include <stdint.h>
#include <sys/stat.h>

#include "fault.h"
#include "header.h"

#define USAGE_DIRECTORY "used" /* in the directory of the stores */

enum {
    USAGE_ID = STOREID_HEX / 2, /* bytes that the id of the store takes */
    USAGE_SLOT = 8,             /* bytes */
    USAGE_HEAD = USAGE_ID + USAGE_SLOT,
};

/* Where the slot of a serial begins; -1: no file is that long. */
off_t usage_offset(uint64_t serial);

/*
 * Open a file of used/, which is open as directory, if it is one: a regular file with one name that belongs
 * to owner. flags: O_RDONLY, or O_RDWR, with O_CREAT to make it where it is missing. It follows no symbolic
 * link and waits for nobody. Returns a descriptor, or -1 with fault and errno: EPERM (it is no such file), or
 * that of open(2) and fstat(2).
 */
int usage_open(int directory, const char *name, uid_t owner, int flags, struct fault *fault);

/* What a file of the store with this id begins with, where tracking began then. */
void usage_head(unsigned char head[USAGE_HEAD], const char *storeid, uint64_t began);

/* A time, in seconds since the epoch, as a slot has it, and back, whatever stands there. */
void usage_encode(unsigned char slot[USAGE_SLOT], uint64_t time);
uint64_t usage_decode(const unsigned char slot[USAGE_SLOT]);

/* May a token that was created then have been used at that time? Its time, or 0. What is a little ahead of
 * now, on the clock of another thread, counts as now. */
int64_t usage_believed(uint64_t time, int64_t created, int64_t now);

#endif
