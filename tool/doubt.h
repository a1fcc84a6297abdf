/*
 * What a damaged line still shows, toktab-store(5): whose it was decides who is in doubt. Pure.
 *
 * Its columns of fixed width are looked for behind its first "|", and where they must be if the number of the
 * line is known: so one damaged byte, wherever it is, leaves the id or the serial to be found.
 */
#ifndef DOUBT_H
#define DOUBT_H

#include "index.h"
#include "snapshot.h"

/* Where the columns of fixed width begin, counted from the id. */
enum {
    AT_OP = ID_LENGTH + 1,
    AT_HASH = AT_OP + 2,
    AT_SERIAL = AT_HASH + HASH_HEX + 1,
};

/* A line that is not proved. */
struct suspect {
    const char *text;
    size_t length;
    uint64_t n;       /* its place in the log; 0: not known */
    bool takes_place; /* it stands where a line of the log has been */
    bool whole; /* it may be sound, and is only not proved: in doubt as long as no later line is known */
};

/* Does the same line stand elsewhere too in the file that holds the suspect, behind an LF? No two lines of a
 * log are the same: at most one of them is where it belongs, and the other shows nothing of the line that has
 * been there. */
bool suspect_is_copy(const struct suspect *suspect, const char *bytes, size_t size);

/*
 * Have those tokens of the snapshot end, but for those that are revoked, which the suspects show by id or by
 * serial; known: all tokens. Two tokens of one serial are parted: the later is left out, the other ends.
 *
 * Returns a suspect that takes the place of a line which could have ended any token; NULL: there is none. A
 * line that created a token of which nothing else is known is not one, nor is the point of a compaction.
 */
const struct suspect *doubt_mark(struct snapshot *snapshot, const struct suspect *suspects, size_t count,
                                 const struct index *known);

#endif
