/* The checksum of tokens: CRC-32 (IEEE 802.3, as in zlib). Pure. */
#ifndef CRC_H
#define CRC_H

#include <stddef.h>
#include <stdint.h>

enum { CRC_LEAST = 32 }; /* bytes of a text */

/* The CRC-32 of a text. Leaves parts of it in registers. */
uint32_t crc_of(const char *text, size_t length);

#endif
