/*
 * Finds what a damaged store still proves, and which tokens are in doubt, toktab-store(5). Pure.
 *
 * It MUST NOT infer anything from bytes that prove nothing. A token stays as it is only if every later line
 * that could have changed it is there, or is known to belong to another token: the line after a missing one
 * tells that (prior).
 */
#ifndef SALVAGE_H
#define SALVAGE_H

#include "chain.h"
#include "fault.h"
#include "store/rewrite.h"

/* The store, or another file of the same store: a backup, or another host's. */
struct salvage_file {
    const char *name; /* for messages */
    char *bytes;      /* with room for one more: the LF that the last line may lack */
    size_t size;

    /* set: */
    const char *wrong;    /* with its header; NULL: the header is sound */
    struct header header; /* its own, or a copy's */
    struct position at;   /* its greatest proved line of the log, or base */
    const char *rest;     /* after the first copy of that line, or after the snapshot */
    bool repeats;         /* a line of the rest is a repeated one */
    bool doubtful;        /* any line may have been there: every token is in doubt */
};

struct salvage {
    struct header header;     /* of the damaged epoch; its cutoff is not in the future */
    struct position at;       /* the last proved line */
    struct snapshot snapshot; /* each token's last proved line; ends: in doubt and not revoked */
    size_t ends;              /* how many tokens are to be revoked */
    uint64_t lost;            /* tokens known to have been there, of which no line is left */
    uint64_t unknown;         /* missing lines that may have created others */
};

/* files[0] is the domain's store, the others are copies of it. False with fault: they cannot be mended. The
 * caller keeps the files' bytes and calls salvage_free() whatever is returned. */
bool salvage_find(struct salvage *salvage, struct salvage_file *files, size_t count, const char *domain,
                  int64_t now, struct fault *fault);
void salvage_free(struct salvage *salvage);

#endif
