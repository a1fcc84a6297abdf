/* Larger stores to which things have happened, and the kinds of damage that can befall them. */
#ifndef DAMAGE_H
#define DAMAGE_H

#include "mendable.h"

enum shape { PLAIN, COMPACTED, MENDED, SHAPES };

enum { HISTORY_LINES = 60, HISTORY_TOKENS = 2 * HISTORY_LINES };

/* random() decides what happens. */
struct history {
    struct forge forge;
    struct sample sample[HISTORY_TOKENS]; /* as they are at the end */
    size_t count, working;
    struct bytes file;
    struct bytes older;       /* the file as it was some time ago, in this epoch */
    struct bytes uncompacted; /* just before it was compacted, if it was */
    struct bytes given_up;    /* of the epoch before, with the changes that were given up, if there was one */
    struct bytes sibling;     /* another store to which the same things have happened */
};

void history_make(struct history *history, enum shape shape);
void history_free(struct history *history);

/* The places for one damage, of which there are so many. False: it would change nothing, or the header. */
struct damage_place {
    size_t (*count)(const struct bytes *file);
    bool (*damage)(struct bytes *file, size_t place);
};

enum { FLIPPED_BIT, EDITED_LABEL, DELETED_LINE, DAMAGE_PLACES };
extern const struct damage_place damage_places[DAMAGE_PLACES];

struct damage_kind {
    const char *name;
    void (*damage)(struct bytes *file, const struct history *history);
    bool loses;      /* what it takes from the end of a file leaves no trace */
    enum shape only; /* SHAPES: each */
};

enum { DAMAGE_KINDS = 15 };
extern const struct damage_kind damage_kinds[DAMAGE_KINDS];

#endif
