/* The text of a token. */
#include <string.h>

#include "fuzz.h"
#include "text.h"
#include "token.h"

/* CRC-32 (IEEE 802.3), bit by bit, in six digits of base62: another way than the library's. */
static void reference_checksum(char digits[CRC_LENGTH], const char *text, size_t length)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < length; i++) {
        crc ^= (unsigned char)text[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    crc = ~crc;
    for (int i = CRC_LENGTH; i > 0; crc /= 62)
        digits[--i] = base62_digits[crc % 62];
}

static bool has_shape(const char *text, size_t length)
{
    size_t prefix = 0;

    while (prefix < length && ((text[prefix] >= 'a' && text[prefix] <= 'z') ||
                               (prefix > 0 && text[prefix] >= '0' && text[prefix] <= '9')))
        prefix++;
    return prefix >= PREFIX_MIN && prefix <= PREFIX_MAX && length == prefix + 1 + TOKEN_BODY &&
           text[prefix] == '_' && base62_valid(text + prefix + 1, TOKEN_BODY);
}

/* With the right checksum it is a token; with any one character changed it is none any more. */
static void check_typing(const char *text, size_t length)
{
    char token[TOKEN_MAX];
    const char *id;

    memcpy(token, text, length);
    reference_checksum(token + length - CRC_LENGTH, token, length - CRC_LENGTH);
    assert(token_checksum_valid(token, length));
    for (size_t i = 0; i < length; i++) {
        char good = token[i];

        token[i] = (char)(text[0] == good ? good + 1 : text[0]);
        assert(!token_shape_valid(token, length, &id) || !token_checksum_valid(token, length));
        token[i] = good;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *id = NULL;
    bool valid = token_shape_valid(text, size, &id);
    char digits[CRC_LENGTH];

    assert(valid == has_shape(text, size));
    if (!valid)
        return 0;
    assert(id == text + size - TOKEN_BODY);
    reference_checksum(digits, text, size - CRC_LENGTH);
    assert(token_checksum_valid(text, size) == (memcmp(digits, text + size - CRC_LENGTH, CRC_LENGTH) == 0));
    check_typing(text, size);
    return 0;
}
