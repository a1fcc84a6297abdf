/*
 * Notes when tokens are used, for people who want to know which tokens are still needed: the host's side of
 * usage_file.h. The host does not create used/: if it is missing, nothing is noted.
 *
 * A write MUST NOT end the host, and a failure is reported only in its log. If the file cannot be written,
 * only the note is lost.
 *
 * The file is opened for each note, once a minute per token, and not kept open: if the host closed the
 * descriptor and used its number again, the note would go into one of the host's own files, and no check can
 * exclude that. So a removed or replaced file, fork() and setuid() need no care either.
 */
#ifndef USAGE_H
#define USAGE_H

#include <stdatomic.h>
#include <stdint.h>

#include "notice.h"

enum { USAGE_INTERVAL = 60 }; /* seconds between two notes of a token */

struct usage {
    const char *directory, *domain;
    const struct notice *notice;
    _Atomic uint64_t *stamps; /* when serials were last noted; NULL: out of memory, nothing is noted */
    _Atomic int64_t failed;   /* when writing the file last failed */
    _Atomic int complaint;    /* errno of the last warning; 0: none */
};

/* directory, domain and notice must outlive usage. It takes 8 bytes per noted serial, 8 MiB at most. */
void usage_start(struct usage *usage, const char *directory, const char *domain, const struct notice *notice);

/* usage may be all zeros. */
void usage_stop(struct usage *usage);

/* Note that the token with this serial, of the store with this id, was used now. Thread-safe. */
void usage_note(struct usage *usage, const char *storeid, uint64_t serial, int64_t now);

#endif
