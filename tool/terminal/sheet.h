/* A table on stdout. For a terminal it fits the width, if its columns may wrap. All rows are in memory, for
 * the widest one decides how each is printed. */
#ifndef SHEET_H
#define SHEET_H

#include "terminal/say.h"

enum { SHEET_COLUMNS = 16 };

struct sheet_column {
    char heading[16];
    bool right;
    bool wraps;    /* on a terminal that is too narrow */
    bool optional; /* left out if every cell is "-" */
};

/* As a terminal numbers them. */
enum colour { COLOUR_NONE, COLOUR_RED = 31, COLOUR_GREEN = 32, COLOUR_YELLOW = 33 };

struct cell {
    char *text;        /* already escaped */
    struct span plain; /* in its place, if text is NULL: printable ASCII that stays with the caller */
    enum colour colour;
};

struct sheet {
    const struct sheet_column *columns;
    size_t count; /* of columns, at most SHEET_COLUMNS */
    bool no_headings;

    /* set by sheet_print(): */
    bool terminal, colours;      /* is stdout a terminal, and does its user want colours? */
    size_t width[SHEET_COLUMNS]; /* 0: left out */
    bool filled[SHEET_COLUMNS];  /* has a cell that is not "-" */
    struct piece *first, *last;  /* of the memory for rows */
    uint64_t rows;
    char *buffer; /* of lines that are not written yet */
    size_t buffered;
};

/* Calls sheet_row() for each row. */
typedef void sheet_rows(struct sheet *sheet, void *context);

/* Add a row. Takes the texts of the cells. */
void sheet_row(struct sheet *sheet, const struct cell cells[]);

/* Print the table, or nothing if it has no rows. STATUS_IO after printing why. */
enum status sheet_print(struct sheet *sheet, sheet_rows *rows, void *context);

#endif
