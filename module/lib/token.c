#include "token.h"

#include <stdint.h>
#include <string.h>

#include "crc.h"
#include "text.h"

bool token_prefix_valid(const char *prefix, size_t length)
{
    if (length < PREFIX_MIN || length > PREFIX_MAX || prefix[0] < 'a' || prefix[0] > 'z')
        return false;
    for (size_t i = 1; i < length; i++)
        if (!((prefix[i] >= 'a' && prefix[i] <= 'z') || (prefix[i] >= '0' && prefix[i] <= '9')))
            return false;
    return true;
}

bool token_shape_valid(const char *text, size_t length, const char **id)
{
    const char *body;

    if (length < PREFIX_MIN + 1 + TOKEN_BODY || length > TOKEN_MAX)
        return false;
    body = text + length - TOKEN_BODY;
    if (body[-1] != '_' || !token_prefix_valid(text, length - TOKEN_BODY - 1) ||
        !base62_valid(body, TOKEN_BODY))
        return false;
    *id = body;
    return true;
}

/* The number that valid digits stand for. */
static uint64_t value_of(const char digits[CRC_LENGTH])
{
    static const unsigned char values[256] = {
        ['0'] = 0, 1,  2,  3,  4,          5,  6,  7,  8,  9,  ['A'] = 10, 11, 12, 13, 14, 15,
        16,        17, 18, 19, 20,         21, 22, 23, 24, 25, 26,         27, 28, 29, 30, 31,
        32,        33, 34, 35, ['a'] = 36, 37, 38, 39, 40, 41, 42,         43, 44, 45, 46, 47,
        48,        49, 50, 51, 52,         53, 54, 55, 56, 57, 58,         59, 60, 61};
    uint64_t value = 0;

    for (int i = 0; i < CRC_LENGTH; i++)
        value = value * 62 + values[(unsigned char)digits[i]];
    return value;
}

bool token_checksum_valid(const char *text, size_t length)
{
    return value_of(text + length - CRC_LENGTH) == crc_of(text, length - CRC_LENGTH);
}

static void put_checksum(char digits[CRC_LENGTH], uint32_t crc)
{
    for (int i = CRC_LENGTH - 1; i >= 0; i--) {
        digits[i] = base62_digits[crc % 62];
        crc /= 62;
    }
}

bool token_may_be_in(const char *text)
{
    while ((text = strchr(text, '_')))
        if (strspn(++text, base62_digits) >= TOKEN_BODY)
            return true;
    return false;
}

size_t token_make(char token[TOKEN_MAX + 1], const char *prefix)
{
    size_t length = strlen(prefix);

    memcpy(token, prefix, length);
    token[length++] = '_';
    for (int i = 0; i < ID_LENGTH + SECRET_LENGTH; i++)
        token[length++] = base62_digits[crypto_random_below(62)];
    put_checksum(token + length, crc_of(token, length));
    length += CRC_LENGTH;
    token[length] = '\0';
    return length;
}
