/*
 * A new file for a store that is locked: header, snapshot, P line, and an R line for each token that ends.
 *
 * It MUST NOT take the store's place before it is whole and on the disk. It MUST have the owner, the group
 * and the mode of the file that it replaces, so that who reads the store still does, and nobody else. None of
 * these prints.
 */
#ifndef RENEW_H
#define RENEW_H

#include "log.h"
#include "replace.h"
#include "snapshot.h"

struct renewal {
    struct header header; /* domain, storeid, epoch, base, basechain, cutoff; the rest is set */
    struct snapshot snapshot;
    uint64_t prior;       /* of the P line: the serial that line base changed; 0: none, or of another epoch */
    const char *by, *ext; /* of the P line */
    const char *reason;   /* of the tokens that end */
    int64_t now;

    struct position at; /* set: of the file's last line */
    uint64_t bytes;     /* set: of the file */
};

/* Write and sync the file. If STATUS_DONE is returned, one of renewal_install() and replacement_abandon()
 * ends it. */
enum status renewal_write(struct renewal *renewal, struct log *log, struct replacement *file,
                          struct fault *fault);
enum status renewal_install(struct log *log, struct replacement *file, struct fault *fault);

#endif
