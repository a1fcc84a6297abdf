/* Lines of descent: rotating a token makes a successor, which names it. */
#ifndef DESCENT_H
#define DESCENT_H

#include "past.h"

/* Which lines of the past belong to the token, those that it succeeds and those that succeed it? wanted: one
 * for each line, all false; id: NULL: all of them do. */
void descent_mark(const struct past *past, const char *id, bool *wanted);

#endif
