/* For tests that change a secret. */
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include "crc.h"
#include "text.h"
#include "token.h"

/* Give a changed token the checksum that it must have now: one that is wrong is refused without a hash. */
static void correct_checksum(char *token, size_t length)
{
    uint32_t crc = crc_of(token, length - CRC_LENGTH);

    for (size_t i = length; i-- > length - CRC_LENGTH; crc /= 62)
        token[i] = base62_digits[crc % 62];
}

#endif
