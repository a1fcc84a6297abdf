/* The text of a token: PREFIX_ + id + secret + CRC-32, toktab-store(5). Pure but for token_make(). */
#ifndef TOKEN_H
#define TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "crypto.h"

enum {
    PREFIX_MIN = 2,
    PREFIX_MAX = 16,
    SECRET_LENGTH = 43,
    CRC_LENGTH = 6,
    TOKEN_BODY = ID_LENGTH + SECRET_LENGTH + CRC_LENGTH, /* everything after the "_" */
    TOKEN_MAX = PREFIX_MAX + 1 + TOKEN_BODY,
};

/* [a-z][a-z0-9]{1,15} */
bool token_prefix_valid(const char *prefix, size_t length);

/* Does the text have the shape of a token? If so, *id points to the ID_LENGTH characters of its id in text.
 * Does not check the checksum. */
bool token_shape_valid(const char *text, size_t length, const char **id);

/* Is the checksum of a text of valid shape right? Leaves parts of the text in registers. */
bool token_checksum_valid(const char *text, size_t length);

/* May the text hold a token? The checksum is not looked at: a token that was mistyped, or that is followed by
 * more, is as secret. */
bool token_may_be_in(const char *text);

/*
 * Make a token. prefix: a valid one. token: TOKEN_MAX + 1 bytes for the text and a NUL, which the caller
 * takes from crypto_alloc() and wipes. Returns the length. Needs crypto_start().
 */
size_t token_make(char token[TOKEN_MAX + 1], const char *prefix);

#endif
