/*
 * Proves the lines of a store, one after the other, toktab-store(5). Pure.
 *
 * A line of the log ends with its chain: the BLAKE2b-128 of the line, salted with the origin, which is
 * chain(0) of its store and epoch. So a line proves by itself that it is line n of this log, and which token
 * the line before it changed, whatever the other lines say. To prove that the log is complete, compare: the
 * column `before` of each line is the chain of the line before it. In a snapshot the last column holds the
 * seal instead, which is bound to the snapshot's basechain.
 */
#ifndef CHAIN_H
#define CHAIN_H

#include "header.h"
#include "record.h"

/* A position in a log. */
struct position {
    uint64_t n;
    unsigned char chain[CHAIN_SIZE]; /* chain(n) */
};

bool position_equal(const struct position *a, const struct position *b);

/* Does a line of the log prove itself? line: its columns in text. position: receives n and the chain. */
bool chain_proves(const unsigned char origin[CHAIN_SIZE], const struct line *line, const char *text,
                  struct position *position);

/* Does a line match its seal in a snapshot with this basechain? seal: receives it; n: the line's number. */
bool chain_sealed(const unsigned char basechain[CHAIN_SIZE], const struct line *line, const char *text,
                  unsigned char seal[CHAIN_SIZE], uint64_t *n);

/*
 * Append the chain and the LF to a line that record_format() has written, length bytes up to and with the "|"
 * before its chain; chain receives it. The other function appends the seal, for a snapshot. Both return the
 * line's length.
 */
size_t chain_finish(char text[LINE_SIZE_MAX], size_t length, const unsigned char origin[CHAIN_SIZE],
                    unsigned char chain[CHAIN_SIZE]);
size_t chain_finish_sealed(char text[LINE_SIZE_MAX], size_t length, const unsigned char basechain[CHAIN_SIZE],
                           unsigned char seal[CHAIN_SIZE]);

/* The state while reading a file from its header on. */
struct chain {
    struct header header;
    unsigned char origin[CHAIN_SIZE];
    struct position at;              /* of the last proved line; within the snapshot only n */
    uint64_t serial;                 /* of the token that this line changed; 0: none, or unknown */
    uint64_t lines_left, bytes_left; /* in the snapshot */
    struct digest digest;            /* of the snapshot's seals so far */
    bool point_due;                  /* the next line must be the P line of this file */
};

/* These functions return NULL, or a constant text that says what is wrong. After a fault in the log the chain
 * does not move. */

/* text: the header line with its LF, of the store of that domain */
const char *chain_begin(struct chain *chain, const char *domain, const char *text, size_t length);

/* Skip the snapshot, for a reader that has the log up to base. chain_begin() has accepted the header. */
void chain_skip_snapshot(struct chain *chain);

/* Is this the next line? Every reader and writer decides it here. text: a whole line with its LF; line:
 * receives its columns. */
const char *chain_line(struct chain *chain, struct line *line, const char *text, size_t length);

/* Is this a line of this log, whatever its number? For readers that do not know the lines before it. If so,
 * the chain moves there. line: the columns of text, by line_split(). */
bool chain_resume(struct chain *chain, const struct line *line, const char *text);

/* May the file end here? */
const char *chain_end(const struct chain *chain);

/* What follows the last proved line of a log, up to the end of the file. */
enum rest {
    REST_NONE,     /* nothing */
    REST_LINE,     /* the next line without its LF, or with another byte in its place: valid */
    REST_TORN,     /* left by a writer that was killed in write(2): ignored */
    REST_UNSYNCED, /* left by a power cut before the write reached the disk: ignored */
    REST_DAMAGE,   /* anything else */
};

enum { REST_SIZE_MAX = LINE_SIZE_MAX }; /* anything longer is damage */

/* bytes: all of the rest, length of them, at this offset of the file. line_length: with REST_LINE, receives
 * the length of the line without its LF. */
enum rest chain_rest(const struct chain *chain, const char *bytes, size_t length, uint64_t offset,
                     size_t *line_length);

#endif
