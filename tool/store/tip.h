/* Where a log ends, and what stands behind it, from a store's first and last bytes. */
#ifndef TIP_H
#define TIP_H

#include "chain.h"
#include "fault.h"
#include "terminal/say.h"

struct tip {
    struct chain chain; /* at the last line */
    uint64_t start;     /* offset of the last line; of where the first one will be, if there is none */
    uint64_t end;       /* offset behind the last line: behind its LF, or where that belongs */
    bool lf_due;        /* the last line lacks its LF */
    uint64_t size;      /* of the file */
};

/* Bytes that hold the last whole line, the one before, and what may stand behind them. */
enum { TIP_TAIL = 4 * LINE_SIZE_MAX };

/*
 * head: the first bytes of that domain's store, LINE_SIZE_MAX or all; tail: the last, TIP_TAIL or all, which
 * begin at offset from. Returns NULL, or what is wrong: the header is bad, there is no last line that proves
 * itself, the lines there do not follow one another, or what stands behind them is damage. Pure.
 */
const char *tip_find(struct tip *tip, const char *domain, const char *head, size_t head_size,
                     const char *tail, size_t tail_size, uint64_t from);

/* The same of an open store. STATUS_DAMAGED, STATUS_IO with fault. */
enum status tip_read(struct tip *tip, int fd, const char *domain, struct fault *fault);

#endif
