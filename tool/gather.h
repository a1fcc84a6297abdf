/* What is gathered of a damaged store, line by line, while salvage_find() reads it. Pure. */
#ifndef GATHER_H
#define GATHER_H

#include "salvage.h"

struct text {
    const char *at, *end;
};

/* The next whole line, with its LF, taken off the front. */
bool gather_next(struct text *rest, struct text *line);

/* Its columns and its number. False: it has not the shape of a line. */
bool gather_split(struct line *line, const struct text *text, uint64_t *n);

/* What any line shows as its number; 0: nothing that is one. */
uint64_t gather_number(const struct text *text);

/* Does it fit what is known of its token? */
bool gather_fits(const struct salvage *salvage, const struct record *record);

/* A line that holds its token's state from now on. */
void gather_keep(struct salvage *salvage, const struct line *line, const struct text *text);

/* A line that is not proved, as struct suspect has it. What is returned stands until the next is added. */
struct suspect *gather_suspect(struct salvage *salvage, const struct text *text, uint64_t n,
                               bool takes_place);

/* Every token is in doubt. why: a format for n; the first reason stays. */
void gather_doubt(struct salvage *salvage, const char *why, uint64_t n);

#endif
