/* What disks, editors and people do to the bytes of a store. */
#ifndef DAMAGE_H
#define DAMAGE_H

#include <stdbool.h>

#include "repair.h"

enum damage_kind {
    DAMAGE_BYTE,   /* one byte becomes another */
    DAMAGE_NOISE,  /* a range becomes noise */
    DAMAGE_ZEROS,  /* a range becomes NULs */
    DAMAGE_BLOCK,  /* a range becomes what stands in another store */
    DAMAGE_CUT,    /* a range is left out */
    DAMAGE_INSERT, /* a piece of another store comes in between */
    DAMAGE_DROP,   /* lines are left out */
    DAMAGE_REPEAT, /* a line stands in another place too */
    DAMAGE_SWAP,   /* a line and the next one change places */
    DAMAGE_COVER,  /* a line is written over another one that is as long */
    DAMAGE_KINDS,
};

struct damage {
    enum damage_kind kind;
    unsigned at, from, length; /* of bytes or lines; any number will do */
};

/* What the input chooses: its first bytes, which are taken off. */
struct damage damage_from_input(const uint8_t **data, size_t *size);

/* Does it only destroy bytes, and leave all others in their places? */
bool damage_only_destroys(const struct damage *damage);

/* Damage a store, whose memory may become another. other: whose pieces come in. The header is left alone but
 * by DAMAGE_BYTE. Returns whether the store's end was cut off (but for its last bytes at most) or written
 * over, or bytes of its last line became NULs: that may leave no trace. */
bool damage_do(struct store_bytes *store, const struct damage *damage, const struct store_bytes *other);

#endif
