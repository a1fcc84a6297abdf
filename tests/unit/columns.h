/* Lines of a store from their columns, right ones and wrong ones. */
#ifndef COLUMNS_H
#define COLUMNS_H

#include "record.h"

/* Of a token's line and of a P line, in which nothing is wrong. */
extern const char *const token_columns[COLUMNS];
extern const char *const point_columns[COLUMNS];

/* The line of these columns with one of them replaced; column -1: none. Returns its length. */
size_t columns_join(char *text, size_t size, const char *const columns[COLUMNS], int column, const char *by);

#endif
