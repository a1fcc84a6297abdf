/*
 * The lines of a store, one after the other, proved, toktab-store(5). Pure.
 *
 * A line of the log ends with its chain: the BLAKE2b-128 of the line, salted with the origin, which is
 * chain(0) of its store and epoch. So it proves by itself that it is line n of this log and whose line was
 * before it, and what stands beside it can neither vouch for it nor spoil it. Whether the log is whole is
 * seen by comparing: each line says in `before` what the chain of the line before it is. In a snapshot the
 * same column holds the seal, which is bound to the snapshot's basechain.
 */
#ifndef CHAIN_H
#define CHAIN_H

#include "header.h"
#include "record.h"

/* A place in a log. */
struct position {
    uint64_t n;
    unsigned char chain[CHAIN_SIZE]; /* chain(n) */
};

bool position_equal(const struct position *a, const struct position *b);

/* Does a line of the log prove itself? line: its columns, of text. position: receives n and the chain. */
bool chain_proves(const unsigned char origin[CHAIN_SIZE], const struct line *line, const char *text,
                  struct position *position);

/* Is a line of a snapshot with this basechain what its seal says? seal: receives it, n the line's number. */
bool chain_sealed(const unsigned char basechain[CHAIN_SIZE], const struct line *line, const char *text,
                  unsigned char seal[CHAIN_SIZE], uint64_t *n);

/*
 * End a line that record_format() has written, length bytes up to and with the "|" before its chain: with its
 * chain and the LF; chain receives it. Or, for a snapshot, with its seal. Both return the line's length.
 */
size_t chain_finish(char text[LINE_SIZE_MAX], size_t length, const unsigned char origin[CHAIN_SIZE],
                    unsigned char chain[CHAIN_SIZE]);
size_t chain_finish_sealed(char text[LINE_SIZE_MAX], size_t length, const unsigned char basechain[CHAIN_SIZE],
                           unsigned char seal[CHAIN_SIZE]);

/* A way through a file from its header on. */
struct chain {
    struct header header;
    unsigned char origin[CHAIN_SIZE];
    struct position at;              /* of the last line that was proved; within the snapshot n alone */
    uint64_t serial;                 /* of the token that it changed; 0: none, or not known */
    uint64_t lines_left, bytes_left; /* of the snapshot */
    struct digest digest;            /* of the snapshot's seals so far */
    bool point_due;                  /* the next line must be the P line of this file */
};

/* Each returns NULL, or what is wrong, as a constant text. After a fault in the log the chain stays where it
 * was. */

/* text: the header line with its LF, of the store of that domain */
const char *chain_begin(struct chain *chain, const char *domain, const char *text, size_t length);

/* Of a reader that has the log up to base already: on behind the snapshot. The header was accepted by
 * chain_begin(). */
void chain_skip_snapshot(struct chain *chain);

/* Is this the next line? The one answer to that. text: a whole line with its LF; line: receives its columns
 */
const char *chain_line(struct chain *chain, struct line *line, const char *text, size_t length);

/* The same where the lines before are not known: is it a line of this log, whatever its number? Then the
 * chain stands there. text: as line_split() has accepted it. */
bool chain_resume(struct chain *chain, const struct line *line, const char *text);

/* May the file end here? */
const char *chain_end(const struct chain *chain);

/* What stands behind the last proved line of a log, up to the end of the file. */
enum rest {
    REST_NONE,     /* nothing */
    REST_LINE,     /* the next line, which lacks its LF, or has one other byte in its place: it counts */
    REST_TORN,     /* what a writer left that was killed in its write(2) */
    REST_UNSYNCED, /* what a power cut left of a write that was not on the disk */
    REST_DAMAGE,   /* anything else */
};

enum { REST_SIZE_MAX = LINE_SIZE_MAX }; /* what is longer is damage */

/* bytes: all that stands there, length of them, from that offset of the file on. line_length: with REST_LINE,
 * of the line without its LF. */
enum rest chain_rest(const struct chain *chain, const char *bytes, size_t length, uint64_t offset,
                     size_t *line_length);

#endif
