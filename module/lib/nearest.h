/* Suggests the right name for a mistyped one. Pure. */
#ifndef NEAREST_H
#define NEAREST_H

#include <stddef.h>

/* The name that differs least from word, ASCII case aside; NULL: all differ too much. */
const char *nearest_name(const char *word, const char *const names[], size_t count);

#endif
