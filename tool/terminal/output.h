/* stdout without stdio, whose buffer would keep a copy of a token. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "terminal/say.h"

/* Write all of it. False with errno. */
bool output_write(const char *bytes, size_t size);
bool output_text(const char *text);

/* Has anything been written? */
bool output_begun(void);

/* From here on no signal that can be caught ends the process, unless by a fault of its own: it makes
 * output_write() fail with EINTR, so that the caller can still report what it could not show. */
void output_catch_interruptions(void);

/* Is stdout open for writing? If not, prints so and returns STATUS_IO. */
enum status output_possible(void);

/* Write a text and a newline. If that fails, prints so and returns STATUS_IO. */
enum status output_line(const char *text);

/* Write a command's help. The same. */
enum status output_help(const char *help);

/* Print why stdout could not be written, by errno. Returns STATUS_IO. */
enum status output_failed(void);

#endif
