#include "chain.h"

#include <inttypes.h>
#include <stdio.h>

void chain_start(unsigned char chain[CHAIN_SIZE], const char storeid[2 * CHAIN_SIZE], uint64_t epoch)
{
    char text[96];
    struct digest digest;
    int length = snprintf(text, sizeof(text), "toktab-log-1|%.32s|%020" PRIu64 "|", storeid, epoch);

    crypto_digest_start(&digest, CHAIN_SIZE);
    crypto_digest_add(&digest, text, (size_t)length);
    crypto_digest_end(&digest, chain, CHAIN_SIZE);
}

void chain_add(unsigned char chain[CHAIN_SIZE], const char *line, size_t length)
{
    struct digest digest;

    crypto_digest_start(&digest, CHAIN_SIZE);
    crypto_digest_add(&digest, chain, CHAIN_SIZE);
    crypto_digest_add(&digest, line, length);
    crypto_digest_end(&digest, chain, CHAIN_SIZE);
}
