/*
 * A new file for a store that is locked: header, snapshot, P line, and an R line for each token that ends.
 *
 * It MUST NOT take the store's place before it is whole and on the disk. It MUST have the owner, the group
 * and the mode of the file that it replaces, so that who reads the store still does, and nobody else. None of
 * these prints.
 */
#ifndef REWRITE_H
#define REWRITE_H

#include "chain.h"
#include "index.h"
#include "store/log.h"
#include "store/newfile.h"

/* ---- the snapshot, pure: of each token the line that holds its state ---- */

/* A line with its LF, of somebody else's bytes. */
struct last_line {
    uint64_t n;
    const char *text, *id;
    size_t length;
    bool ends; /* the token is to be revoked with the new file */
};

struct snapshot {
    struct last_line *lines;
    size_t count;
};

/* Of a whole line that line_split() accepts. False: its number is none. */
bool last_line_split(struct last_line *line, const char *text, size_t length);

/* The states of an index in order of n. Each line stands in the index whole, behind an LF. */
void snapshot_of_index(struct snapshot *snapshot, const struct index *index);
void snapshot_free(struct snapshot *snapshot);

void snapshot_sort(struct snapshot *snapshot);

/* The later of two cutoffs, of which TIME_NEVER is earlier than any. */
int64_t later_cutoff(int64_t a, int64_t b);

/* Is it still to come? Then the clock that it was taken from was wrong, or now is. */
bool cutoff_ahead(int64_t cutoff, int64_t now);

/* Leave out the tokens that were dead, the lesser of revoked and expires, before cutoff; TIME_NEVER: none. */
void snapshot_drop_dead(struct snapshot *snapshot, int64_t cutoff);

/* A line of the snapshot with this basechain, sealed for it. Returns its length, which stays. */
size_t snapshot_seal(char text[LINE_SIZE_MAX], const struct last_line *line,
                     const unsigned char basechain[CHAIN_SIZE], unsigned char seal[CHAIN_SIZE]);

/* The P line of a file with this header. by and ext are kept. */
void point_of(struct record *point, const struct header *header, int64_t now, const char *by,
              const char *ext);

/* ---- the file ---- */

struct rewrite {
    struct header header; /* domain, storeid, epoch, base, basechain, cutoff; the rest is set */
    struct snapshot snapshot;
    uint64_t prior;       /* of the P line: the serial that line base changed; 0: none, or of another epoch */
    const char *by, *ext; /* of the P line */
    const char *reason;   /* of the tokens that end */
    int64_t now;

    struct position at; /* set: of the file's last line */
    uint64_t bytes;     /* set: of the file */
};

/* Write and sync the file. If STATUS_DONE is returned, one of rewrite_install() and newfile_abandon()
 * ends it. */
enum status rewrite_write(struct rewrite *rewrite, struct log *log, struct newfile *file,
                          struct fault *fault);
enum status rewrite_install(struct log *log, struct newfile *file, struct fault *fault);

#endif
