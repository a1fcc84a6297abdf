/* Makes the hashes of a mutated store right again, so that what lies behind them is reached. */
#ifndef REPAIR_H
#define REPAIR_H

#include <stddef.h>
#include <stdint.h>

struct store_bytes {
    char *at;
    size_t length;
};

/*
 * A copy of the input, in memory that the caller frees. An odd last byte ("1", "3") is no part of it, but
 * asks for a repair: of the header's check, basechain, lines, bytes and digest, and of the chains of the
 * log's lines; where the byte is 3 modulo 4, of their numbers too. What has not the width that it should have
 * stays as it is.
 */
struct store_bytes store_from_input(const uint8_t *data, size_t size);

#endif
