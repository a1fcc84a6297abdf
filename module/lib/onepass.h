/*
 * Finds one token in one pass over the file of its store: for hosts that ask once and end, such as a PAM
 * handle. A reader (reader.h) hashes each line and keeps them all, which costs a dozen times what reading the
 * file does.
 *
 * The pass MUST NOT admit what a reader of the undamaged file would refuse. It hashes
 *   - each line with the id, the serial or the hash of the token,
 *   - the P line, which vouches for the snapshot, and the last lines of the file.
 * It compares each other line of the log with the line before it: the number, `before` with the chain there,
 * and `prior` with the serial there. If anything does not fit, be it damage, a last line without its LF, or
 * merely odd, the pass is in doubt, and the caller asks a reader instead.
 *
 * Why damage cannot hide a revocation: a snapshot has one line for each token, and its seal proves that line.
 * In the log, the token is known by its id, serial and hash from the line that creates it (if its first line
 * is any other, the pass is in doubt). A later line that revokes it
 *   - cannot be missing, or replaced by another line, because the number and `before` of the next line would
 *     not fit; and no reader can tell what is missing after the last line;
 *   - cannot be damaged, because it is hashed;
 *   - cannot pass for the line of another token, and so escape the hash, unless the damage changes its id,
 *     its hash and its serial, makes `prior` of the next line the same wrong serial, and leaves the chain
 *     between the two alone. No accident does; and whoever may write the store needs no such trick, because
 *     the chain is no secret. One of the last lines is hashed in any case.
 *
 * The pass proves nothing else of the lines of other tokens, so nothing is made of them, not even of their
 * times.
 *
 * What the pass does not see is damage within the lines of other tokens, and lines missing from a snapshot. A
 * reader then answers "error" for every token. The pass gives a token whose lines are proved the verdict of
 * the undamaged file; a token whose only line is missing, or has a damaged id, is unknown: "deny", not
 * "error".
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
    char storeid[STOREID_HEX + 1];
    char text[LINE_SIZE_MAX];
};

/* Look for a token in a domain's store; if onepass is about the same token and the file has not changed
 * since, it stays as it is. False: there is a doubt, or the store cannot be read; ask a reader, which knows
 * what is wrong. */
bool onepass_find(struct onepass *onepass, const struct storefile *storefile, const char *domain,
                  const char id[ID_LENGTH]);

#endif
