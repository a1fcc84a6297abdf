/*
 * Notes when tokens are used, for people who want to know which are still needed: the host's side of
 * usage_file.h. Whoever makes used/, it is not the host: where it is missing, nothing is noted.
 *
 * A host MUST NOT be ended by a write, nor be told anything but by its log. Where the file cannot be written,
 * nothing is lost but the note.
 *
 * The file is opened for each note, once a minute and token, and not held: a number that the host has closed
 * and used again would lead the note into a file of the host's own, and no look before can exclude that. So a
 * file that was removed or replaced needs no attention either, nor does fork() or setuid().
 */
#ifndef USAGE_H
#define USAGE_H

#include <stdatomic.h>
#include <stdint.h>

#include "notice.h"

enum { USAGE_INTERVAL = 60 }; /* seconds in which a token is noted once */

struct usage {
    const char *directory, *domain;
    const struct notice *notice;
    _Atomic uint64_t *stamps; /* when serials were last noted; NULL: no memory, nothing is */
    _Atomic int64_t failed;   /* when the file could last not be written */
    _Atomic int complaint;    /* errno of what was last complained of; 0: nothing */
};

/* directory, domain and notice must outlive it. It takes memory as serials are noted, 8 bytes each, 8 MiB at
 * most. */
void usage_start(struct usage *usage, const char *directory, const char *domain, const struct notice *notice);

/* All zeros are fine too. */
void usage_stop(struct usage *usage);

/* The token of that serial, of the store with that id, was used now. Thread-safe. */
void usage_note(struct usage *usage, const char *storeid, uint64_t serial, int64_t now);

#endif
