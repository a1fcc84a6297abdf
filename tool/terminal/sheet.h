/* A table of texts on stdout. For a terminal libsmartcols makes it fit; for a program it is aligned in the
 * same way, but row by row, so that a million of them need no memory. */
#ifndef SHEET_H
#define SHEET_H

#include "terminal/say.h"

enum { SHEET_COLUMNS = 16 };

struct sheet_column {
    char heading[16];
    bool right, wraps;
};

struct sheet {
    const struct sheet_column *columns;
    size_t count; /* of them, at most SHEET_COLUMNS */
    bool terminal, colours, no_headings;
    struct libscols_table *table; /* for a terminal */
    size_t width[SHEET_COLUMNS];  /* for a program */
    uint64_t rows;                /* that were there */
    bool measured;
};

struct cell {
    char *text;         /* escaped already */
    const char *colour; /* as libsmartcols names it; NULL: none */
};

/* Calls sheet_row() for each row, and ends with what that returns if it is not STATUS_DONE. It is called a
 * second time where the first was to see how wide the columns are. */
typedef enum status sheet_rows(struct sheet *sheet, void *context);

/* Frees the texts of the cells. STATUS_IO, printed. */
enum status sheet_row(struct sheet *sheet, const struct cell cells[]);

/* On stdout; a table without rows is nothing. What rows returned, or STATUS_IO, printed. */
enum status sheet_print(struct sheet *sheet, sheet_rows *rows, void *context);

#endif
