/* What somebody may have meant who mistyped a name. Pure. */
#ifndef NEAREST_H
#define NEAREST_H

#include <stddef.h>

/* The name that differs least from word, if it differs little; else NULL. */
const char *nearest_name(const char *word, const char *const names[], size_t count);

#endif
