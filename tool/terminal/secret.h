/* The ways of a token into and out of the tool. None leaves a copy behind. */
#ifndef SECRET_H
#define SECRET_H

#include <stddef.h>

#include "terminal/say.h"

/* Before anything is allocated: no core dump, and no other process of the same user looks inside. */
void secret_protect(void);

/* Put a text on the clipboard of the controlling terminal (OSC 52). STATUS_MISSING if there is none. Prints
 * what is wrong. */
enum status secret_can_copy(void);
enum status secret_copy(const char *text);

/* From here on jansson's memory is that of secrets. Before its first value is made. */
void secret_guard_json(void);

/*
 * Read a token from stdin: all there is, without the end of its line; from a terminal a line, after a prompt
 * and unseen. At most size bytes are kept; *length may be greater. STATUS_IO, which is printed.
 */
enum status secret_read(char *token, size_t size, size_t *length);

#endif
