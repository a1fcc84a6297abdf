/* Keys that another system issued, toktab-store(5): which texts may be one, and the id a store gives one.
 * Pure. */
#ifndef FOREIGN_H
#define FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "crypto.h"

enum { FOREIGN_MIN = 20, FOREIGN_MAX = 512 };

/* May the text be a foreign key? It has FOREIGN_MIN to FOREIGN_MAX visible ASCII characters, and not the
 * shape of a token. Costs no hash. */
bool foreign_shape_valid(const char *text, size_t length);

/* The id of such a text in the store with this storeid, without a NUL. Leaves no copy of the text behind. */
void foreign_id(char id[ID_LENGTH], const char *text, size_t length, const unsigned char storeid[CHAIN_SIZE]);

#endif
