/*
 * What of a damaged store is sound, and which tokens are in doubt, toktab-store(5). Pure.
 *
 * It MUST NOT take for good what is not proved: a token is left as it is only if each line of the log that
 * could have ended it is there and proved, or shows that it was another token's.
 *
 * A line is proved if its chain follows on the line before. Behind damage the chain is picked up again at a
 * line that follows on the chain that the damaged line before it shows, or on the one that it must have had.
 */
#ifndef SALVAGE_H
#define SALVAGE_H

#include "doubt.h"
#include "expect.h"
#include "notice.h"
#include "snapshot.h"

struct salvage {
    struct header header; /* of the old file */
    uint64_t base;        /* n of the last whole line */
    char old_head[HEAD_SIZE];
    struct snapshot snapshot; /* without the tokens that were dead before the header's cutoff; who is in
                                 doubt, and not revoked, ends */
    struct fault any;         /* why every token is in doubt; "": it is not so */

    struct index index; /* holds the file's bytes */
    const char *bytes;
    size_t size;
    struct suspect *suspects;
    size_t suspect_count, suspect_room;
    uint64_t n; /* of the last line that was proved, with its chain */
    unsigned char chain[CHAIN_SIZE];
    size_t run; /* the first of the suspects behind that line */
};

/* Room for a file of that size, which the caller fills. NULL: no memory. Ends with salvage_free(). */
char *salvage_room(struct salvage *salvage, size_t size);
void salvage_free(struct salvage *salvage);

/* domain: whose store it should be. now: epoch seconds, which the header's cutoff is brought back to if it is
 * ahead of them. False with fault: nothing can be made of it. */
bool salvage_find(struct salvage *salvage, size_t size, const char *domain, int64_t now, struct fault *fault);

/* Have all tokens of the snapshot end that are not revoked. */
void salvage_end_all(struct salvage *salvage);

#endif
