/*
 * Writes a new file for a locked store: header, snapshot, P line, and an R line for each token that it
 * revokes.
 *
 * The file MUST NOT take the store's place before it is whole and durable. It MUST get the owner, group and
 * mode of the file it replaces, so that the same hosts can read it, and nobody else. None of these prints.
 */
#ifndef REWRITE_H
#define REWRITE_H

#include "chain.h"
#include "index.h"
#include "store/log.h"
#include "store/newfile.h"

/* ---- the snapshot: the last line of each token. Pure. ---- */

/* A line with its LF. It points into the caller's bytes. */
struct last_line {
    uint64_t n;
    const char *text, *id;
    size_t length;
    bool ends; /* the new file revokes the token */
};

struct snapshot {
    struct last_line *lines;
    size_t count;
};

/* Set from a whole line that line_split() accepts. False: its first column is not a number. */
bool last_line_split(struct last_line *line, const char *text, size_t length);

/* The index's lines in order of n. The index holds each line whole, after an LF. */
void snapshot_of_index(struct snapshot *snapshot, const struct index *index);
void snapshot_free(struct snapshot *snapshot);

void snapshot_sort(struct snapshot *snapshot);

/* The later of two cutoffs. TIME_NEVER, no cutoff, counts as the earliest. */
int64_t later_cutoff(int64_t a, int64_t b);

/* Is the cutoff in the future? Then the clock is wrong, or was wrong when the cutoff was set. */
bool cutoff_ahead(int64_t cutoff, int64_t now);

/* Drop the tokens that were revoked or expired before cutoff; none for TIME_NEVER. */
void snapshot_drop_dead(struct snapshot *snapshot, int64_t cutoff);

/* Seal a line for the snapshot with this basechain. Returns its length, which does not change. */
size_t snapshot_seal(char text[LINE_SIZE_MAX], const struct last_line *line,
                     const unsigned char basechain[CHAIN_SIZE], unsigned char seal[CHAIN_SIZE]);

/* The P line of a file with this header. Keeps the pointers by and ext. */
void point_of(struct record *point, const struct header *header, int64_t now, const char *by,
              const char *ext);

/* ---- the file ---- */

struct rewrite {
    struct header header; /* domain, storeid, epoch, base, basechain, cutoff are given; the rest is set */
    struct snapshot snapshot;
    uint64_t prior;       /* of the P line: the serial that line base changed; 0: none, or another epoch */
    const char *by, *ext; /* of the P line */
    const char *reason;   /* of the R lines */
    int64_t now;

    struct position at; /* set: the file's last line */
    uint64_t bytes;     /* set: the file's size */
};

/* Begin a new file, dressed as the store is. STATUS_CANNOT_CREATE, STATUS_NOT_PERMITTED (it may not have the
 * store's group), STATUS_IO. After STATUS_DONE the caller calls rewrite_install() or newfile_abandon(). */
enum status rewrite_begin(struct log *log, struct newfile *file, struct fault *fault);

/* The fault "nothing was done", by errno. Returns STATUS_IO. */
enum status rewrite_failed(const struct log *log, struct fault *fault);

/* Write and sync the file. After STATUS_DONE the caller calls rewrite_install() or newfile_abandon(). */
enum status rewrite_write(struct rewrite *rewrite, struct log *log, struct newfile *file,
                          struct fault *fault);

/* Put it in the store's place. What log->journal keeps was then made, also if the disk fails after that: then
 * STATUS_IO, and fault ends in the advice. After any other failure nothing was done. */
enum status rewrite_install(struct log *log, struct newfile *file, const char *advice, struct fault *fault);

/* Advice for whoever may change the store. */
#define REWRITE_ADVICE ": run `toktab compact`, which writes and syncs a new file"

#endif
