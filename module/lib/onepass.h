/*
 * One token's state, from one pass over the file of its store: for hosts that ask once and end, such as a PAM
 * handle. A reader (reader.h) proves each line by a hash and keeps them all; that costs a dozen times what
 * reading the bytes does.
 *
 * This pass MUST NOT admit what a reader of the undamaged file would refuse. It hashes
 *   - each line that has the id or the serial of the token,
 *   - the P line that vouches for the snapshot, and the last lines of the file,
 * and of every other line of the log it compares the number with that of the line before, `before` with the
 * chain of the line before, and `prior` with its serial. Whatever does not fit, whether it is damage, a line
 * without its LF, or only odd, is no verdict but a doubt: the caller then asks a reader.
 *
 * Why no damage hides a revocation. In a snapshot a token has one line, which its seal proves. In the log the
 * line that created the token proves itself, so its serial is known from there on; a token whose first line
 * is neither is a doubt. A revocation that came later
 *   - cannot be missing, nor be replaced by another line: the next line's number and `before` tell, and
 * behind the last line nothing can be missing for any reader;
 *   - cannot look like another token's line: damage would have to change its id, and its serial, and make
 *     `prior` in the next line that same wrong serial, and leave the two chains between them alone. If it is
 *     one of the last lines, it is hashed;
 *   - is hashed, if it has the token's id or serial: any other damage to it is a doubt.
 *
 * What a reader calls damage and this pass does not see is damage inside lines of other tokens, and in a
 * snapshot the loss of whole lines. Then a reader answers "error" to every token, and this pass gives the
 * token of a proved line the verdict that the undamaged file would give. A token whose own line is lost or
 * has a damaged id is unknown here: "deny" instead of "error". Both refuse.
 */
#ifndef ONEPASS_H
#define ONEPASS_H

#include <stdbool.h>
#include <stdint.h>

#include "freshness.h"
#include "header.h"
#include "storefile.h"

/* What a pass has found. All zeros before the first one. */
struct onepass {
    struct identity identity; /* of the file, if the pass has read all of it; else zeros */
    char id[ID_LENGTH];
    const char *found; /* the token's line, from the id on; NULL: the store has no such token */
    int64_t newest;    /* the greatest time of a line */
    char storeid[STOREID_HEX + 1];
    char text[LINE_SIZE_MAX];
};

/* Look for a token in a domain's store; if onepass is about the same token and the file has not changed
 * since, it stays as it is. False: there is a doubt, or the store cannot be read; ask a reader, which knows
 * what is wrong. */
bool onepass_find(struct onepass *onepass, const struct storefile *storefile, const char *domain,
                  const char id[ID_LENGTH]);

#endif
