/*
 * The file DOMAIN.used: when each token was last used, toktab-store(5). It has a slot of 8 bytes for each
 * serial; slot 0, which no token has, says of which store it is.
 *
 * Whoever may verify may write it. So no verdict MUST rest on it, and nothing in it MUST be believed that
 * could not be so. It MUST NOT be mapped, nor read whole: others may make it as long as they like. Only the
 * tool makes it and lets it grow.
 */
#ifndef USAGE_FILE_H
#define USAGE_FILE_H

#include <stdint.h>

#include "place.h"

enum { USAGE_SLOT = 8 }; /* bytes */

/* The place of a domain's file. directory is kept, not copied. */
void usage_place(struct place *place, const char *directory, const char *domain);

/*
 * How many bytes may the file of a store have, whose last line is that one, for a host to write there? The
 * kernel lets nobody write while somebody else does, and that takes as long as somebody else's data are long.
 * It is what the store needs, twice, and some more.
 */
off_t usage_size_max(uint64_t last_line);

enum { USAGE_ANY_SIZE = -1 };

/*
 * Open the file, if it may be trusted and is that of the store with this storeid; flags O_RDONLY or O_RDWR.
 * size_max: see above, or USAGE_ANY_SIZE. Neither a symlink is followed nor is a FIFO waited for. Returns a
 * descriptor, or -1 with fault and errno: ENOENT (there is none), ESTALE (it is another store's, or none at
 * all), EPERM (it is not to be trusted), EFBIG (it takes more than size_max), or that of open(2), fstat(2).
 */
int usage_open(const struct place *place, const char *storeid, off_t size_max, int flags, struct stat *status,
               struct fault *fault);

/* What stands in slot 0 of the file of the store with this storeid. */
void usage_mark(unsigned char slot[USAGE_SLOT], const char *storeid);

/* A time, in seconds since the epoch, as a slot has it, and back, whatever stands there. */
void usage_encode(unsigned char slot[USAGE_SLOT], uint64_t time);
uint64_t usage_decode(const unsigned char slot[USAGE_SLOT]);

/* May a token that was created then have been used at that time? Its time, or 0. What is a little ahead of
 * now, on the clock of another thread, counts as now. */
int64_t usage_believed(uint64_t time, int64_t created, int64_t now);

#endif
