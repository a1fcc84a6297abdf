/* All tokens of a store, proved, by serial. */
#ifndef TOKENS_H
#define TOKENS_H

#include "caller/session.h"
#include "index.h"
#include "record.h"

struct token {
    uint64_t serial;
    const char *id; /* its line, from the id on */
    uint64_t used;  /* when, as used_read() has it */
};

struct tokens {
    struct index index;
    struct token *list;
    size_t count;
    int64_t tracked_since; /* as used_read() has it; 0: not known */
};

/* Has the session's domain a store at all? Not before its first token is created. */
bool tokens_exist(const struct session *session);

/* Read and prove the store of the session. Prints what is wrong. Ends with tokens_free() whatever it
 * returned. */
enum status tokens_read(struct tokens *tokens, const struct session *session);
void tokens_free(struct tokens *tokens);

/* The token of that id, in the list. NULL: there is none. */
const struct token *tokens_find(const struct tokens *tokens, const char *id);

/* What is known of a token. False: its line makes no sense. */
bool token_record(const struct token *token, struct record *record);

#endif
