/* All cryptography of toktab, with libsodium; only this part includes sodium.h. */
#ifndef CRYPTO_H
#define CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HASH_SIZE = 32,  /* of a token, of a snapshot */
    CHAIN_SIZE = 16, /* of a line, of a header's check */
    ID_LENGTH = 12,  /* characters of a token's id, which is its salt */
    SHORT_KEY_SIZE = 16,
};

/* A running BLAKE2b (RFC 7693), unkeyed. Copying one copies its progress. */
struct digest {
    _Alignas(64) unsigned char state[384];
};

/* Call once before anything else. Returns 0, or -1 with errno EIO if there is no randomness. Thread-safe. */
int crypto_start(void);

/* For programs, before crypto_start(): libsodium calls it, and then abort(3), if the source of randomness
 * fails later. */
void crypto_on_failure(void (*handler)(void));

/* The salted hash of a token's text: BLAKE2b-256, salted with its id, personalised (toktab-store(5)). Leaves
 * no copy of the text behind. */
void crypto_hash_token(unsigned char hash[HASH_SIZE], const char *text, size_t length,
                       const char id[ID_LENGTH]);

/* What the id of a foreign key is taken from: BLAKE2b-256 of its text, salted with the storeid, personalised
 * (toktab-store(5)). Leaves no copy of the text behind. */
void crypto_hash_foreign(unsigned char hash[HASH_SIZE], const char *text, size_t length,
                         const unsigned char storeid[CHAIN_SIZE]);

/* The chain or the seal of a line: BLAKE2b-128, salted and personalised (toktab-store(5)). */
void crypto_sum_line(unsigned char sum[CHAIN_SIZE], const char *line, size_t length,
                     const unsigned char salt[CHAIN_SIZE]);
void crypto_sum_seal(unsigned char sum[CHAIN_SIZE], const char *line, size_t length,
                     const unsigned char salt[CHAIN_SIZE]);

/* size: of the result, HASH_SIZE or CHAIN_SIZE; the same for both calls. */
void crypto_digest_start(struct digest *digest, size_t size);
void crypto_digest_add(struct digest *digest, const void *bytes, size_t length);
void crypto_digest_end(struct digest *digest, unsigned char *result, size_t size);

/* SipHash-2-4: for tables in memory whose texts somebody may have chosen. */
uint64_t crypto_short_sum(const unsigned char key[SHORT_KEY_SIZE], const void *bytes, size_t length);

/* Are they equal? The time depends only on size. */
bool crypto_equal(const void *a, const void *b, size_t size);

/* Overwrite with zeros; no compiler removes this. */
void crypto_wipe(void *bytes, size_t size);

/* Overwrite what earlier calls of the caller have left of a text of this length, on the stack and in
 * registers. Those calls must not have used more than 1.6 KB of the stack. */
void crypto_wipe_traces(size_t length);

/* Overwrite what calls that have returned left on the stack. */
void crypto_wipe_stack(void);

/* Random numbers without bias: one below bound; size bytes. */
uint32_t crypto_random_below(uint32_t bound);
void crypto_random_bytes(void *bytes, size_t size);

/* Base64 (RFC 4648) with a NUL; size: at least crypto_base64_size(length). */
size_t crypto_base64_size(size_t length);
void crypto_base64(char *text, size_t size, const void *bytes, size_t length);

/* Memory for a secret: not swapped, not dumped, between guard pages. NULL with errno if out of memory.
 * crypto_free() wipes it; NULL is allowed. */
void *crypto_alloc(size_t size);
void crypto_free(void *memory);

#endif
