/* What a change of a token has changed, in words. */
#ifndef DIFFER_H
#define DIFFER_H

#include "record.h"

/* "label: a -> b; user: - -> bob", as it may be shown; "" where nothing differs. before: NULL: what the token
 * has: "label: a; expires: never". The caller frees it. */
char *differences(const struct record *before, const struct record *after);

#endif
