/* A table as a program reads it: aligned as libsmartcols does it where there is no terminal, but row by row,
 * so that a million of them need no memory. */
#ifndef PLAIN_H
#define PLAIN_H

#include <stdbool.h>
#include <stddef.h>

enum { PLAIN_COLUMNS = 16 };

struct plain {
    size_t count; /* columns */
    bool right[PLAIN_COLUMNS];
    size_t width[PLAIN_COLUMNS];
};

/* Make room for a row: for all of them, before the first is printed. */
void plain_measure(struct plain *plain, char *const cells[]);

/* On stdout. False with errno. */
bool plain_print(const struct plain *plain, char *const cells[]);

#endif
