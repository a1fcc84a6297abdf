/* All tokens of a store, proved, by serial. */
#ifndef TOKENS_H
#define TOKENS_H

#include "caller/session.h"
#include "index.h"
#include "record.h"

struct token {
    uint64_t serial;
    const char *id;                /* its line, from the id on */
    uint64_t used;                 /* when, as used_read() has it */
    const struct token *successor; /* the newest that succeeds it by rotation; NULL: none */
};

struct tokens {
    struct index index;
    struct token *list;
    size_t count;
    int64_t tracked_since; /* as used_read() has it; 0: not known */
    char storeid[STOREID_HEX + 1];
};

/* Does the session's domain have a store? Its first token creates it. */
bool tokens_exist(const struct session *session);

/* Read and prove the session's store. Prints what is wrong. The caller calls tokens_free() whatever is
 * returned. */
enum status tokens_read(struct tokens *tokens, const struct session *session);

/* The same without last uses. */
enum status tokens_read_lines(struct tokens *tokens, const struct session *session);

void tokens_free(struct tokens *tokens);

/* The token of that id in the list, or NULL. */
const struct token *tokens_find(const struct tokens *tokens, const char *id);

/* Parse a token's line. False: it is invalid. */
bool token_record(const struct token *token, struct record *record);

/* The same for a line that token_record() has found valid, without what is not shown: hash, prior and before.
 */
void token_record_shown(const struct token *token, struct record *record);

/* Is it neither revoked nor expired? */
bool record_active(const struct record *record, int64_t now);

/* Does the token still work as before, because its rotation was interrupted after the successor's line? */
bool token_half_rotated(const struct tokens *tokens, const struct token *token, int64_t now);

#endif
