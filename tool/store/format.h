/* The line of a change. Pure. */
#ifndef FORMAT_H
#define FORMAT_H

#include "chain.h"
#include "record.h"

/* Bytes that a token's line leaves free, so that the line that revokes the token still holds when, by whom
 * and why. */
enum { REVOCATION_SIZE = 512 };

/* Format the line of a record with its LF, for the log with this origin; sets chain to the line's chain.
 * Returns the length, or 0 if the line would be too long, or has no number: 2^64 would come next. A
 * revocation always fits: if it must, it drops the token's rights from the record. */
size_t change_format(char text[LINE_SIZE_MAX], struct record *record, const unsigned char origin[CHAIN_SIZE],
                     unsigned char chain[CHAIN_SIZE]);

#endif
