/* What somebody who typed an unknown word meant. Pure. */
#ifndef MEANT_H
#define MEANT_H

#include <stddef.h>

/* The name that other tools call by this word, or the one that is spelt nearest; NULL: none. */
const char *meant_name(const char *word, const char *const names[], size_t count);

/* The same for an option of one letter that does not exist. names: of the long options. */
const char *meant_letter(char letter, const char *const names[], size_t count);

#endif
