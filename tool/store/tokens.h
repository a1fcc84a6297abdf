/*
 * All tokens of a store, proved, by serial.
 *
 * A store is read once, in order, and of each token only what is asked for later is kept: a whole line of it
 * takes twice the memory, and fresh memory costs almost as much as hashing the line.
 */
#ifndef TOKENS_H
#define TOKENS_H

#include "caller/session.h"
#include "index.h"
#include "record.h"

/* The texts that are kept, as columns of the line. */
enum { TOKEN_TEXT = COLUMN_BY, TOKEN_TEXTS = COLUMN_PREV + 1 - COLUMN_BY };

struct token {
    uint64_t serial, n;                /* n: of its last line */
    int64_t created, expires, revoked; /* as in a record */
    uint64_t used;                     /* when, as used_read() has it */
    const struct token *successor;     /* the newest that succeeds it by rotation; NULL: none */
    const char *id;                    /* before it its hash; behind it its texts, with a "|" after each */
    uint16_t length[TOKEN_TEXTS];      /* of each text */
    bool brief;                        /* its hash and `by` are not kept */
    bool invalid;                      /* a column of the line is invalid */
};

struct tokens {
    bool brief; /* as of each token */
    struct token *list;
    size_t count, room;
    uint64_t *slots; /* where in the list an id is */
    size_t slot_count;
    struct index
        rest; /* its arena holds what the ids point to; its table, lines that are not in the list yet */
    int64_t tracked_since; /* as used_read() has it; 0: not known */
    char storeid[STOREID_HEX + 1];
};

/* Does the session's domain have a store? Its first token creates it. */
bool tokens_exist(const struct session *session);

/* Read and prove the session's store. Prints what is wrong. The caller calls tokens_free() whatever is
 * returned. brief: nobody will ask for hashes and `by`. */
enum status tokens_read(struct tokens *tokens, const struct session *session, bool brief);

/* The same, brief and without last uses. */
enum status tokens_read_lines(struct tokens *tokens, const struct session *session);

void tokens_free(struct tokens *tokens);

/* The token of that id in the list, or NULL. */
const struct token *tokens_find(const struct tokens *tokens, const char *id);

/* What its line says, but for n, op, time, ext, prior and before; a brief one has no hash and an empty `by`.
 * False: it is invalid. */
bool token_record(const struct token *token, struct record *record);

/* Is it neither revoked nor expired? */
bool record_active(const struct record *record, int64_t now);

/* Does the token still work as before, because its rotation was interrupted after the successor's line? */
bool token_half_rotated(const struct token *token, int64_t now);

#endif
