/* Where a log ends, read from a store's first and last bytes. Pure. */
#ifndef TIP_H
#define TIP_H

#include "header.h"

struct tip {
    uint64_t epoch, n;
    unsigned char chain[CHAIN_SIZE]; /* chain(n) */
    char domain[DOMAIN_NAME_MAX + 1], storeid[STOREID_HEX + 1];
    uint64_t end; /* the offset behind the last whole line */
    bool fresh;   /* nothing was appended to the file since it was made */
};

/* Bytes that hold the last two whole lines, and an unterminated one. */
enum { TIP_TAIL = 3 * LINE_SIZE_MAX };

/*
 * head: the first bytes of the file, LINE_SIZE_MAX or all; tail: the last, TIP_TAIL or all, which begin at
 * offset from. Returns NULL, or what is wrong: the header is bad, or the last line does not follow on the one
 * before.
 */
const char *tip_find(struct tip *tip, const char *head, size_t head_size, const char *tail, size_t tail_size,
                     uint64_t from);

#endif
