/*
 * Does each line of a file fit the earlier lines of its token? An id is created once; a change is of an id
 * that was created before, with the same hash, serial and time of creation; and the serials of a snapshot are
 * unlike.
 *
 * The memory does not grow with the file: what is known of each line, 12 bytes or 24 in a snapshot, goes into
 * one of many parts, by its id, and the parts of a large file into a temporary one. At the end each part is
 * judged by itself.
 *
 * Of an id a checksum of 63 bits is kept, and one of 32 bits of its origin, which is what the lines of a
 * token have in common. Both have a key that is new each time: nobody can prepare a line that passes for
 * another. If the checksums of two ids are alike, it seems that a line does not fit: whoever asks must then
 * look.
 */
#ifndef ORIGINS_H
#define ORIGINS_H

#include "record.h"

enum { ORIGIN_WORDS = (HASH_SIZE + 2 * 8) / 4, NAME_KEYS = 1 + ID_LENGTH / 4 };

struct origin_entry;
struct origin_part;

struct origins {
    struct origin_entry *buffers; /* of all parts, side by side */
    struct origin_part *parts;
    uint64_t part_size_max; /* entries: the parts are that far apart in the temporary file */
    int fd;                 /* of that file; -1: none yet */
    bool lost;              /* it could not be made or written */
    uint64_t keys[1 + ORIGIN_WORDS], name_keys[2][NAME_KEYS];
};

/* For a file of that size. The tool exits if it is out of memory. */
void origins_make(struct origins *origins, uint64_t size);
void origins_free(struct origins *origins);

/* The next line of the file that changes a token. False: there is no room for a temporary file. */
bool origins_see(struct origins *origins, const struct record *record, bool in_snapshot);

/* After the last line: do all fit? False too if the temporary file cannot be read. */
bool origins_fit(struct origins *origins);

#endif
