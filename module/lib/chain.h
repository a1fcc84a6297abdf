/* The chain of hashes through the log, toktab-store(5). Pure. */
#ifndef CHAIN_H
#define CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "crypto.h"

/* chain(0) of a store: storeid as 32 hex digits. */
void chain_start(unsigned char chain[CHAIN_SIZE], const char storeid[2 * CHAIN_SIZE], uint64_t epoch);

/* From chain(n-1) to chain(n). line: up to and with the "|" before the chain's own column. */
void chain_add(unsigned char chain[CHAIN_SIZE], const char *line, size_t length);

#endif
