/*
 * What of a damaged store is proved, and which tokens are in doubt, toktab-store(5). Pure.
 *
 * It MUST NOT infer anything from bytes that prove nothing. A token is left as it is only if every line of
 * the log that could have changed it later than its last proved one is there, or belonged to another token:
 * the line behind a missing one says whose that was (prior).
 */
#ifndef SALVAGE_H
#define SALVAGE_H

#include "chain.h"
#include "fault.h"
#include "store/rewrite.h"

/* The store, or another file of the same store: a backup, or another host's. */
struct salvage_file {
    const char *name; /* for messages */
    char *bytes;      /* with room for one more: a last line that lacks its LF gets it there */
    size_t size;

    /* set: */
    const char *wrong;    /* with its header; NULL: it is sound */
    struct header header; /* its own, or that of a copy in its place */
    struct position at;   /* of its greatest line of the log that proves itself; or of base */
    const char *behind;   /* that line, or what it has of the snapshot: where it stands first */
    bool repeats;         /* there stands a line again that stands before */
    bool doubtful;        /* nobody knows what stood there: everybody is in doubt */
};

struct salvage {
    struct header header;     /* of the epoch that was damaged; its cutoff is not to come */
    struct position at;       /* of the last line that is proved */
    struct snapshot snapshot; /* the last proved line of each token; who is in doubt, and not revoked, ends */
    size_t ends;              /* how many do */
    uint64_t lost;            /* tokens of the old snapshot of which nothing is known any more */
};

/* files[0] is the store of that domain, the others are copies of it. False with fault: nothing can be made of
 * them. Ends with salvage_free() whatever it returned; the bytes of the files must stay until then. */
bool salvage_find(struct salvage *salvage, struct salvage_file *files, size_t count, const char *domain,
                  int64_t now, struct fault *fault);
void salvage_free(struct salvage *salvage);

#endif
