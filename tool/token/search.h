/*
 * Searches a text for tokens piece by piece: as it is, in UTF-16, and in what it holds in base64, once
 * decoded. A token in base64 is on the line where the base64 begins. Pure.
 */
#ifndef SEARCH_H
#define SEARCH_H

#include "token/finder.h"

enum {
    SEARCH_PIECE = 256 * 1024,
    BASE64_RUN = 60, /* so many characters without a blank may be base64: a token in it takes 84, but an
                        encoder breaks lines after 64 or 76 */
};

/* Text that was decoded and not yet searched to its end. */
struct decoded {
    struct finder finder;
    size_t length;
    char text[FINDER_KEEP + SEARCH_PIECE];
};

struct search {
    finder_visit *visit;
    void *context;
    struct finder plain;
    size_t length; /* of what is kept of the last piece */
    char text[FINDER_KEEP + SEARCH_PIECE];

    struct decoded wide;        /* from UTF-16 */
    unsigned char held, before; /* the last byte, whose fate depends on the next one, and that before it */
    struct decoded unpacked;    /* from base64 */
    bool in_run;                /* of base64 */
    uint64_t run_line;          /* where it began */
    uint32_t bits;              /* the last of them, not yet a whole byte */
    unsigned bit_count, line_length; /* characters in this line of the run */
    char pending[BASE64_RUN];        /* the end of the last piece, which may begin a run */
    size_t pending_length;
};

/* Begin with the next file. The caller wipes the struct at the end: it may hold tokens. */
void search_begin(struct search *search, finder_visit *visit, void *context);

/* Where to put the next piece, of at most SEARCH_PIECE bytes; then search it. */
char *search_room(struct search *search);
void search_piece(struct search *search, size_t size);

/* Behind the last piece. */
void search_end(struct search *search);

#endif
