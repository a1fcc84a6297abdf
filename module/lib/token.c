#include "token.h"

#include <stdint.h>
#include <string.h>
#include <zlib.h>

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

static void checksum(char digits[CRC_LENGTH], const char *text, size_t length)
{
    uint32_t crc = (uint32_t)crc32(0, (const unsigned char *)text, (unsigned)length);

    for (int i = CRC_LENGTH - 1; i >= 0; i--) {
        digits[i] = base62_digits[crc % 62];
        crc /= 62;
    }
}

bool token_checksum_valid(const char *text, size_t length)
{
    char digits[CRC_LENGTH];

    checksum(digits, text, length - CRC_LENGTH);
    crypto_wipe_traces(length);
    return memcmp(digits, text + length - CRC_LENGTH, CRC_LENGTH) == 0;
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
    checksum(token + length, token, length);
    length += CRC_LENGTH;
    token[length] = '\0';
    return length;
}
