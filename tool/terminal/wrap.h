/* Text in columns of a terminal. The locale's LC_CTYPE must be UTF-8. */
#ifndef WRAP_H
#define WRAP_H

#include "text.h"

/* The columns that a text takes. Characters that cannot be shown take none. */
size_t wrap_width(struct span text);

/*
 * Take the first line off a text, at most width columns: up to a blank, which is dropped, or after a comma;
 * only a word that is longer than a line is broken elsewhere. Takes at least one character of a text that is
 * not empty.
 */
struct span wrap_line(struct span *text, size_t width);

#endif
