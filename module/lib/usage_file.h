/*
 * The files of last uses, toktab-store(5): STORE_DIR/used/DOMAIN.UID, one for each user that hosts run as. A
 * file begins with the id of the store. Then come slots of 8 bytes, one for each serial. Slot 0, which no
 * token has, holds the time at which tracking began.
 *
 * Only the hosts of its user create and write a file, and they can write anything into it. So a verdict MUST
 * NOT depend on it, and a reader MUST reject impossible times. A reader MUST NOT map it, nor read it whole:
 * its owner can make it as long as he likes.
 */
#ifndef USAGE_FILE_H
#define USAGE_FILE_H

#include <stdint.h>
#include <sys/stat.h>

#include "fault.h"
#include "header.h"

#define USAGE_DIRECTORY "used" /* in the directory of the stores */

enum {
    USAGE_ID = STOREID_HEX / 2, /* bytes of the store's id */
    USAGE_SLOT = 8,             /* bytes */
    USAGE_HEAD = USAGE_ID + USAGE_SLOT,
};

/* The offset of a serial's slot; -1: no file is that long. */
off_t usage_offset(uint64_t serial);

/*
 * Open a file in used/, whose descriptor is directory. It must be a regular file with one link, owned by
 * owner. flags: O_RDONLY or O_RDWR, with O_CREAT to create a missing file. Does not follow a symbolic link,
 * and does not wait. Returns a descriptor, or -1 with fault and errno: EPERM (not such a file), or that of
 * open(2) or fstat(2).
 */
int usage_open(int directory, const char *name, uid_t owner, int flags, struct fault *fault);

/* The head of a file: the store's id, and when tracking began. */
void usage_head(unsigned char head[USAGE_HEAD], const char *storeid, uint64_t began);

/* A time in seconds since the epoch, to and from a slot, which may hold anything. */
void usage_encode(unsigned char slot[USAGE_SLOT], uint64_t time);
uint64_t usage_decode(const unsigned char slot[USAGE_SLOT]);

/* Returns the time if a token that was created then can have been used at that time; otherwise 0. A time a
 * little later than now, by the clock of another thread, counts as now. */
int64_t usage_believed(uint64_t time, int64_t created, int64_t now);

#endif
