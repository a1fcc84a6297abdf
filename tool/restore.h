/* The header of a store whose header is damaged, where the rest of the file proves what it was. Pure. */
#ifndef RESTORE_H
#define RESTORE_H

#include "header.h"

/*
 * bytes: the file of that domain's store; *header_length: how long the header was, where the lines begin.
 *
 * What the P line says is taken from there: base, cutoff, digest; the snapshot is counted. storeid, epoch and
 * basechain are taken from where they stand in the header. That they are right is proved by the chain, which
 * begins with storeid and epoch in a store that was never compacted or has just been mended, or else by the
 * header's check, of which most digits must be left: no other header has them. False: nothing proves it.
 */
bool header_restore(struct header *header, size_t *header_length, const char *bytes, size_t length,
                    const char *domain);

#endif
