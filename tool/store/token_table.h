/* The list of tokens while a store is read, and where in it an id is. */
#ifndef TOKEN_TABLE_H
#define TOKEN_TABLE_H

#include "store/tokens.h"

/* Make an empty list for about so many tokens. brief: as tokens_read() has it. */
void token_table_make(struct tokens *tokens, size_t count, bool brief);
void token_table_free(struct tokens *tokens);

/* Prefetch the memory that a line of this token needs first. */
void token_table_prefetch(const struct tokens *tokens, const char *id);

/* Take a proved line, the n-th of the log: its token is added to the end of the list, or changes where it is.
 * Ignores a line that would bring a revoked token back, as index_put() does. */
void token_table_take(struct tokens *tokens, const struct line *line, uint64_t n);

/* Sort the list by serial. */
void token_table_sort(struct tokens *tokens);

/* The token of that id, or NULL. */
struct token *token_table_find(const struct tokens *tokens, const char *id);

#endif
