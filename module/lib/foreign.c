#include "foreign.h"

#include "text.h"
#include "token.h"

bool foreign_shape_valid(const char *text, size_t length)
{
    const char *id;

    if (length < FOREIGN_MIN || length > FOREIGN_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return !token_shape_valid(text, length, &id);
}

/* The last 12 digits of a number in base 62 are the number modulo 62^12. */
void foreign_id(char id[ID_LENGTH], const char *text, size_t length, const unsigned char storeid[CHAIN_SIZE])
{
    unsigned char hash[HASH_SIZE];
    uint32_t limbs[3]; /* of 24 bits, the highest first: so a step of the division fits into 32 bits */

    crypto_hash_foreign(hash, text, length, storeid);
    for (int i = 0; i < 3; i++)
        limbs[i] = (uint32_t)hash[3 * i] << 16 | (uint32_t)hash[3 * i + 1] << 8 | hash[3 * i + 2];
    for (int digit = ID_LENGTH - 1; digit >= 0; digit--) {
        uint32_t rest = 0;

        for (int i = 0; i < 3; i++) {
            rest = rest << 24 | limbs[i];
            limbs[i] = rest / 62;
            rest %= 62;
        }
        id[digit] = base62_digits[rest];
    }
}
