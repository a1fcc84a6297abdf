/*
 * Mends a store: reads it and its copies, then writes what they prove under a new epoch, with a revocation
 * for each token in doubt, toktab-store(5).
 *
 * The new file MUST be proved before it takes the store's place, and a damaged file MUST be kept beside it.
 * None of these prints.
 */
#ifndef MENDING_H
#define MENDING_H

#include "freshness.h"
#include "store/prove.h"
#include "store/rewrite.h"
#include "store/salvage.h"

struct mending {
    struct salvage_file *files; /* the store, then its copies. The caller reads the copies, and frees all */
    size_t count;
    bool unasked;           /* tokens may be revoked that nobody was asked about */
    bool names_writer;      /* this host is the writer of the new epoch, writer.h */
    const char *done;       /* what the system's log calls it */
    struct rewrite rewrite; /* by, reason and now are given */

    /* set by mending_look(): */
    struct identity identity; /* of the store before it was read */
    struct fault damage;      /* the first thing wrong with it; "": nothing */
    struct salvage salvage;

    /* set by mending_replace(): */
    struct proof proof;     /* of the new file */
    char kept[128];         /* the new name of the damaged file; "": it was not damaged */
    struct fault unsettled; /* why DOMAIN.writer may still name the old epoch too; "": it does not */
};

/* Read a whole file into file->bytes, with room for one byte more. False with errno. */
bool mending_read(struct salvage_file *file, int fd);

/* Find what the store open on fd, and its copies, still prove. fault tells why it cannot be mended. The
 * caller calls mending_free() whatever is returned. */
enum status mending_look(struct mending *mending, int fd, const char *domain, const struct witness *witness,
                         struct fault *fault);

/* Put the mended store in place. If the store has changed since mending_look(), looks again. Fails if tokens
 * would then be revoked, unless unasked. */
enum status mending_replace(struct mending *mending, struct log *log, struct fault *fault);

void mending_free(struct mending *mending);

#endif
