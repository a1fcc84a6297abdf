/* A table of texts, as a terminal shows it or a program reads it. */
#ifndef GRID_H
#define GRID_H

#include <libsmartcols.h>

#include "say.h"

/* A table whose texts are escaped already. Ends with scols_unref_table(). */
struct libscols_table *grid_make(void);

/* On stdout; one without rows is nothing. STATUS_IO, printed. */
enum status grid_print(struct libscols_table *table);

#endif
