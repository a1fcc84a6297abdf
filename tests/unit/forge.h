/* A writer of stores for tests, good ones and such as no honest writer would make. It has nothing in common
 * with the tool's writer but the formatting of records and headers. */
#ifndef FORGE_H
#define FORGE_H

#include "chain.h"
#include "fixture.h"
#include "token.h"

/* A token, and what a store says of it. The record's texts are constants. */
struct sample {
    char token[TOKEN_MAX + 1];
    struct record record;
};

/* A new token with a label, good for ever and everywhere. */
void sample_make(struct sample *sample);

/* A token that a guesser could make: of that id, with another secret and a right checksum. */
void sample_guess(struct sample *guess, const struct sample *sample);

/* The line that holds the state of an id. */
struct forged_line {
    uint64_t n;
    char id[ID_LENGTH];
    bool revoked;
    struct bytes text;
};

struct forge {
    char path[SCRATCH_PATH];   /* of the store */
    struct header header;      /* of the file at path */
    struct position at;        /* of the log's last line */
    uint64_t serial;           /* of the token that it changed */
    struct forged_line *state; /* of each id */
    size_t count;
};

enum { NOW = 1767225600 }; /* the time of what is forged: 2026-01-01 */

/* A new store of that domain in the directory. */
void forge_start(struct forge *forge, const char *directory, const char *domain);
void forge_end(struct forge *forge);

/* The next line of the log: record->n, prior and before are set. Not written to the file; returns its length.
 */
size_t forge_line(struct forge *forge, struct record *record, char text[LINE_SIZE_MAX]);

/* The next line, appended to the file. */
void forge_append(struct forge *forge, struct record *record);
void forge_create(struct forge *forge, struct sample *sample);
void forge_revoke(struct forge *forge, struct sample *sample);

/* Many updates of a sample, each of at most line_length bytes, of so many bytes together. */
void forge_fill(struct forge *forge, struct sample *sample, size_t line_length, size_t bytes);

/* A copy of the store as it is now, as a file of that name beside it, which goes on on its own; and put it in
 * the place of a store, renaming it over that. */
void forge_copy(struct forge *copy, const struct forge *forge, const char *name);
void forge_install(struct forge *copy, const struct forge *in_place_of);

/* A line of a snapshot, sealed for another basechain. */
void forge_seal(struct bytes *line, const unsigned char basechain[CHAIN_SIZE],
                unsigned char seal[CHAIN_SIZE]);

/* A compaction in two steps; what is in between may be spoilt. */
struct compaction {
    struct header header;
    struct bytes snapshot;
    struct record point;
    uint64_t serial; /* that line base changed */
    bool without_point;
};

void compaction_prepare(struct compaction *compaction, const struct forge *forge, int64_t cutoff);

/* The whole new file; forge goes on after it. */
struct bytes compaction_file(struct compaction *compaction, struct forge *forge);

/* Both, and the file is renamed over the store. */
void forge_compact(struct forge *forge, int64_t cutoff);

/* The same in a new epoch, as a mending does it. */
void compaction_prepare_epoch(struct compaction *compaction, const struct forge *forge, uint64_t epoch);
void forge_mend(struct forge *forge, uint64_t epoch);

#endif
