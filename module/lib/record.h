/* One line of a store, toktab-store(5): the values of its columns. Pure. */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "line.h"

enum {
    LABEL_MAX = 128,
    TEXT_MAX = 255,
};

#define TIME_NEVER INT64_MAX /* "-" in a column of time */

enum operation {
    OPERATION_CREATE = 'C',
    OPERATION_REVOKE = 'R',
    OPERATION_UPDATE = 'U',
    OPERATION_POINT = 'P', /* of a compaction */
};

/* The values of a line. The spans are escaped, and point into the line. */
struct record {
    uint64_t n;
    char id[ID_LENGTH + 1];
    char op;
    unsigned char hash[HASH_SIZE];
    uint64_t serial;
    int64_t created, expires, revoked, time; /* epoch seconds; expires, revoked: or TIME_NEVER */
    int64_t used;       /* likewise; 0: unknown. Not in the line; set from usage_file.h to show it */
    uint64_t successor; /* serial of the token that succeeds it; 0: none. Not in the line; set to show it */
    struct span by, scopes, nets, user, label, reason, prev, ext;
    uint64_t prior;                   /* serial of the token that the line before changed; 0: none */
    unsigned char before[CHAIN_SIZE]; /* chain of the line before */
};

extern const char record_no_id[ID_LENGTH + 1]; /* dashes: the line changes no token */

/* Parse all columns except n and the chain. False: a column is invalid. Does not check the texts. */
bool record_parse(struct record *record, const struct line *line);

/* Check the whole grammar: the texts too, and n if the line has it. Returns NULL, or the name of an invalid
 * column. */
const char *record_check(struct record *record, const struct line *line);

/*
 * Write a record as a line up to and with the "|" before its chain, which chain_finish() adds. Returns the
 * length, or 0 if the whole line would be longer than LINE_SIZE_MAX.
 */
size_t record_format(char text[LINE_SIZE_MAX], const struct record *record);

/* A column of time: unpadded seconds, or "-" for TIME_NEVER. */
bool time_parse(struct span text, int64_t *time);

/* The same for such a column in a line, as decimal_take(). */
static inline const char *time_take(const char *text, int64_t *time)
{
    uint64_t value;

    if (text[0] == '-' && text[1] == '|') {
        *time = TIME_NEVER;
        return text + 2;
    }
    text = decimal_take(text, '|', &value);
    if (!text || value >= (uint64_t)TIME_NEVER)
        return NULL;
    *time = (int64_t)value;
    return text;
}

/* Parse the column ext. False: it breaks the grammar. *foreign: it has a key in capitals, which this version
 * does not know; it must not admit such a token. */
bool ext_parse(struct span ext, bool *foreign);

/* Do these columns keep the grammar? */
bool scopes_suit(struct span scopes);
bool nets_suit(struct span nets);

/* Does an unescaped text suit its column? A scope is RFC 6749's scope-token without a comma; a label has 1 to
 * LABEL_MAX characters, a reason up to TEXT_MAX, a user 1 to TEXT_MAX bytes; none contains control
 * characters. */
bool scope_valid(struct span scope);
bool label_valid(struct span label);
bool reason_valid(struct span reason);
bool user_valid(struct span user);

#endif
