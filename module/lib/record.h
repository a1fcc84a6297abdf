/* One line of a store, toktab-store(5): its columns, and what they say. Pure. */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto.h"
#include "text.h"

enum {
    LINE_SIZE_MAX = 4096, /* bytes of a line with its LF */
    HASH_HEX = 2 * HASH_SIZE,
    CHAIN_HEX = 2 * CHAIN_SIZE,
    LABEL_MAX = 128,
    TEXT_MAX = 255,
};

#define TIME_NEVER INT64_MAX /* "-" in a column of time */

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

enum operation {
    OPERATION_CREATE = 'C',
    OPERATION_REVOKE = 'R',
    OPERATION_UPDATE = 'U',
    OPERATION_POINT = 'P', /* of a compaction */
};

struct line {
    struct span column[COLUMNS];
};

/* What a line says. The spans are escaped, and point into the line. */
struct record {
    uint64_t n;
    char id[ID_LENGTH + 1];
    char op;
    unsigned char hash[HASH_SIZE];
    uint64_t serial;
    int64_t created, expires, revoked, time; /* seconds since the epoch; expires, revoked: or TIME_NEVER */
    int64_t used; /* likewise, or 0: not known. In no line: whoever shows it sets it (usage_file.h) */
    struct span by, scopes, nets, user, label, reason, prev, ext;
    uint64_t prior;                   /* serial of the token that the line before changed; 0: none */
    unsigned char before[CHAIN_SIZE]; /* chain of the line before */
};

extern const char record_no_id[ID_LENGTH + 1]; /* dashes: the line changes no token */

/* Find the columns of a line that ends with its LF. False: it has not the shape of one. */
bool line_split(struct line *line, const char *text, size_t length);

/* The same from the id on, for a line that line_split() has once accepted: its end is not needed. The column
 * n is none: at is NULL. */
void line_split_accepted(struct line *line, const char *id);

/* Of such a line: is it revoked? */
bool line_revoked(const char *id);

/* All columns but n and the chain: what a line says of its token. False: a column is not as it should be. The
 * texts are not looked into. */
bool record_parse(struct record *record, const struct line *line);

/* What a verdict rests on, of a line whose id and hash are known to be right: its grammar, and into record
 * op, serial, created, expires, revoked, scopes, nets, user and label, which whoever unescapes them looks
 * into. *foreign: as of ext_parse(). False: a column is not as it should be. */
bool record_check_for_verdict(struct record *record, const struct line *line, bool *foreign);

/* The whole grammar: n, if the line has one, and the texts too. Returns NULL, or the name of a column that
 * is not as it should be. */
const char *record_check(struct record *record, const struct line *line);

/*
 * Write a record as a line up to and with the "|" before its chain, which chain_finish() adds. Returns the
 * length, or 0 if the whole line would be longer than LINE_SIZE_MAX.
 */
size_t record_format(char text[LINE_SIZE_MAX], const struct record *record);

/* A column of time: unpadded seconds, or "-" for TIME_NEVER. */
bool time_parse(struct span text, int64_t *time);

/* The column ext. False: it breaks the grammar. *foreign: it holds a key in capitals, which this version does
 * not know and therefore must not admit. */
bool ext_parse(struct span ext, bool *foreign);

/* Does an unescaped text suit its column? A scope is RFC 6749's scope-token without a comma; a label has 1 to
 * LABEL_MAX characters, a reason up to TEXT_MAX, a user 1 to TEXT_MAX bytes; none holds controls. */
bool scope_valid(struct span scope);
bool label_valid(struct span label);
bool reason_valid(struct span reason);
bool user_valid(struct span user);

#endif
