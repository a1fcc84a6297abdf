/* The first line of a store, toktab-store(5). Pure. */
#ifndef HEADER_H
#define HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

enum {
    DOMAIN_NAME_MAX = 63,
    STOREID_HEX = 32,
};

struct header {
    char domain[DOMAIN_NAME_MAX + 1];
    char storeid[STOREID_HEX + 1];
    uint64_t epoch;
    uint64_t base;                       /* the snapshot stands for lines 1 to base */
    unsigned char basechain[CHAIN_SIZE]; /* chain(base) */
    int64_t cutoff;                      /* tokens that died before it may be missing; TIME_NEVER: none */
    uint64_t lines, bytes;               /* of the snapshot */
    unsigned char digest[HASH_SIZE];     /* of the seals of its lines */
};

/* [a-z0-9][a-z0-9.-]{0,62} */
bool domain_name_valid(struct span name);

/* chain(0) of this header's storeid and epoch: the salt of the chains of its log. */
void header_origin(unsigned char origin[CHAIN_SIZE], const struct header *header);

/* Fill in a new store's header; the caller has set domain and storeid. */
void header_start(struct header *header);

/* Parse a line that ends with its LF. Returns NULL, or what is wrong with it. */
const char *header_parse(struct header *header, const char *text, size_t length);

/* Returns the length with the LF. */
size_t header_format(char text[LINE_SIZE_MAX], const struct header *header);

#endif
