/* stdout, without stdio: a token must not stay behind in a buffer. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "terminal/say.h"

/* All of it, or false with errno. */
bool output_write(const char *bytes, size_t size);
bool output_text(const char *text);

/* From here on ^C and the like do not end the process, but make output_write() fail with EINTR: who has to
 * say something about what could not be shown, can. */
void output_catch_interruptions(void);

/* Can there be output at all? Else STATUS_IO, printed. */
enum status output_possible(void);

/* A text and a newline. STATUS_IO, printed. */
enum status output_line(const char *text);

/* A command's --help. */
enum status output_help(const char *help);

/* Says that stdout could not be written; STATUS_IO. */
enum status output_failed(void);

#endif
