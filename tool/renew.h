/*
 * A new file for a store that is locked: header, snapshot, P line, and what is revoked with it.
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
    const char *by, *ext; /* of the P line */
    int64_t now;

    const struct last_line **revoked; /* tokens of the snapshot that end with it; their R lines follow */
    size_t revoked_count;
    const char *reason;

    uint64_t n, bytes; /* set: of the file's last line, of the file */
    unsigned char chain[CHAIN_SIZE];
};

/* Write and sync the file. If STATUS_DONE is returned, one of renewal_install() and replacement_abandon()
 * ends it. */
enum status renewal_write(struct renewal *renewal, struct log *log, struct replacement *file,
                          struct fault *fault);
enum status renewal_install(struct log *log, struct replacement *file, struct fault *fault);

#endif
