/* Finds where a log ends, and what follows it, from a store's first and last bytes. */
#ifndef TIP_H
#define TIP_H

#include "chain.h"
#include "fault.h"
#include "terminal/say.h"

struct tip {
    struct chain chain; /* at the last line */
    uint64_t start;     /* offset of the last line, or where the first one will be */
    uint64_t end;       /* offset after the last line's LF, or where that LF belongs */
    bool lf_due;        /* the last line lacks its LF */
    uint64_t size;      /* of the file */
};

/* Enough bytes for the last two whole lines and whatever may follow them. */
enum { TIP_TAIL = 4 * LINE_SIZE_MAX };

/*
 * head: the first bytes of the domain's store, LINE_SIZE_MAX or all; tail: the last, TIP_TAIL or all, which
 * begin at offset from. Returns NULL, or what is wrong: a bad header, no last line that proves itself, lines
 * that do not follow one another, or damage after them. Pure.
 */
const char *tip_find(struct tip *tip, const char *domain, struct span head, struct span tail, uint64_t from);

/* The same for an open store. STATUS_DAMAGED and STATUS_IO set fault. */
enum status tip_read(struct tip *tip, int fd, const char *domain, struct fault *fault);

#endif
