/* The shape of a line of a store, toktab-store(5): where its columns are. Pure. */
#ifndef LINE_H
#define LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "crypto.h"
#include "text.h"

enum {
    LINE_SIZE_MAX = 4096, /* bytes of a line with its LF */
    HASH_HEX = 2 * HASH_SIZE,
    CHAIN_HEX = 2 * CHAIN_SIZE,
    LINE_READ_PAST = 32, /* bytes that may be read behind a line without its chain, whatever is there */
};

enum column {
    COLUMN_N,
    COLUMN_ID,
    COLUMN_OP,
    COLUMN_HASH,
    COLUMN_SERIAL,
    COLUMN_CREATED,
    COLUMN_EXPIRES,
    COLUMN_REVOKED,
    COLUMN_TIME,
    COLUMN_BY,
    COLUMN_SCOPES,
    COLUMN_NETS,
    COLUMN_USER,
    COLUMN_LABEL,
    COLUMN_REASON,
    COLUMN_PREV,
    COLUMN_EXT,
    COLUMN_PRIOR,
    COLUMN_BEFORE,
    COLUMN_CHAIN, /* in a snapshot: the seal */
    COLUMNS,
};

struct line {
    struct span column[COLUMNS];
    uint64_t n; /* what the first column says; 0: it is missing, or no number of a line */
    bool plain; /* the columns from the serial to ext are known to be printable ASCII without a "%" */
};

/* Find the columns of a line that ends with its LF. False: it does not have the shape of a line. Leaves it
 * open whether they are plain. */
bool line_split(struct line *line, const char *text, size_t length);

/* Find the columns up to the serial, and those from `prior` on, whatever is between them: for a reader that
 * only asks where the line stands. */
bool line_split_ends(struct line *line, const char *text, size_t length);

/* Like line_split() from the id on, for a line that line_split() has accepted before; it needs no end. The
 * column n is missing: at is NULL. The chain may be missing too, where LINE_READ_PAST bytes may be read
 * behind the line; then its column only says where it was. */
void line_split_accepted(struct line *line, const char *id);

/* The same for the columns that a verdict needs: id, op and hash, where the serial begins, and scopes to ext;
 * and find out whether the columns from the serial to ext are plain. */
void line_split_for_verdict(struct line *line, const char *id);

/* Of such a line: the serial; and what never changes, the columns from the hash to the time of creation. */
struct span line_serial(const char *id);
struct span line_origin(const char *id);

/* Is such a line revoked? It needs no column behind `revoked`. */
bool line_revoked(const char *id);

#endif
