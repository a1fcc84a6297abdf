/* Another way to look a token up: each file beside this one is one. */
#ifndef ENGINE_H
#define ENGINE_H

#include "../measure.h"

/* What it keeps of a token: the hash, and when it expires. */
struct kept {
    unsigned char hash[HASH_SIZE];
    int64_t expires;
};

/* For the name of the row. */
extern const char engine_name[];

/* Make a database of the tokens in an empty directory, and open it. */
void engine_open(const char *directory, const struct tokens *tokens);

/* Is this a token of the database? Looks as it must to see each change at once. */
bool engine_admits(const char *text, size_t length);

/* For an engine: what it is to keep, and whether a token's text fits what it has found. */
struct kept kept_of(const char *text, size_t length);
bool fits(const struct kept *kept, const char *text, size_t length);

/* The public part of a token, ID_LENGTH characters. */
const char *id_of(const char *text, size_t length);

#endif
