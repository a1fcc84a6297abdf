/* Takes tokens into and out of the tool without leaving copies. */
#ifndef SECRET_H
#define SECRET_H

#include <stddef.h>

#include "terminal/say.h"

/* Allow no core dump, and no other process of the same user to read our memory. Call it before anything is
 * allocated. */
void secret_protect(void);

/* Put a text on the clipboard of the controlling terminal (OSC 52). STATUS_MISSING if there is no terminal.
 * Both print what is wrong. */
enum status secret_can_copy(void);
enum status secret_copy(const char *text);

/* From here on jansson allocates memory for secrets. Call it before jansson's first value. */
void secret_guard_json(void);

/* From here on jansson wipes the memory that it frees: for many values, each of which takes pages by
 * secret_guard_json(). Likewise. */
void secret_wipe_json(void);

/*
 * Read all of stdin, which may hold keys. *text: memory for secrets, one byte more than *length, which the
 * caller passes to crypto_free(). Prints what is wrong and returns STATUS_IO, or STATUS_USAGE for more than
 * SECRET_INPUT_MAX bytes.
 */
enum { SECRET_INPUT_MAX = 64 * 1024 * 1024 };
enum status secret_read_all(char **text, size_t *length);

/*
 * Read a token from stdin, without white space around it. From a terminal: prompts, and reads one line
 * without echo. Keeps at most size bytes; *length may be greater. If reading fails, prints so and returns
 * STATUS_IO.
 */
enum status secret_read(char *token, size_t size, size_t *length);

#endif
