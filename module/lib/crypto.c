#include "crypto.h"

#include <endian.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

_Static_assert(sizeof(struct digest) >= sizeof(crypto_generichash_blake2b_state), "state fits");
_Static_assert(_Alignof(struct digest) >= _Alignof(crypto_generichash_blake2b_state), "state is aligned");

_Static_assert(SHORT_KEY_SIZE == crypto_shorthash_KEYBYTES && sizeof(uint64_t) == crypto_shorthash_BYTES,
               "SipHash-2-4");
_Static_assert(CHAIN_SIZE == crypto_generichash_blake2b_SALTBYTES, "a chain is a salt");

typedef unsigned char personalisation[crypto_generichash_blake2b_PERSONALBYTES];

static const personalisation of_token = "toktab/token/v1", of_foreign = "toktab/foreign1",
                             of_line = "toktab/line/v1", of_seal = "toktab/seal/v1";

int crypto_start(void)
{
    if (sodium_init() >= 0)
        return 0;
    errno = EIO;
    return -1;
}

void crypto_on_failure(void (*handler)(void))
{
    sodium_set_misuse_handler(handler);
}

/* Not inlined: its frame must lie where crypto_wipe_traces() wipes. */
static __attribute__((noinline)) void hash_secret(unsigned char hash[HASH_SIZE], const char *text,
                                                  size_t length, const unsigned char salt[CHAIN_SIZE],
                                                  const personalisation personal)
{
    crypto_generichash_blake2b_salt_personal(hash, HASH_SIZE, (const unsigned char *)text, length, NULL, 0,
                                             salt, personal);
}

void crypto_sum_line(unsigned char sum[CHAIN_SIZE], const char *line, size_t length,
                     const unsigned char salt[CHAIN_SIZE])
{
    crypto_generichash_blake2b_salt_personal(sum, CHAIN_SIZE, (const unsigned char *)line, length, NULL, 0,
                                             salt, of_line);
}

void crypto_sum_seal(unsigned char sum[CHAIN_SIZE], const char *line, size_t length,
                     const unsigned char salt[CHAIN_SIZE])
{
    crypto_generichash_blake2b_salt_personal(sum, CHAIN_SIZE, (const unsigned char *)line, length, NULL, 0,
                                             salt, of_seal);
}

/* In a frame of its own, and leaving nothing in registers. */
#if __has_attribute(zero_call_used_regs)
#define WIPES __attribute__((noinline, zero_call_used_regs("all")))
#else
#define WIPES __attribute__((noinline))
#endif

/* For clang before 15, which has no such attribute. */
static inline void clear_vectors(void)
{
#if !__has_attribute(zero_call_used_regs) && defined(__x86_64__)
#define CLEAR(n) __asm__ volatile("pxor %%xmm" #n ", %%xmm" #n : : : "xmm" #n)
    CLEAR(0);
    CLEAR(1);
    CLEAR(2);
    CLEAR(3);
    CLEAR(4);
    CLEAR(5);
    CLEAR(6);
    CLEAR(7);
    CLEAR(8);
    CLEAR(9);
    CLEAR(10);
    CLEAR(11);
    CLEAR(12);
    CLEAR(13);
    CLEAR(14);
    CLEAR(15);
#undef CLEAR
#endif
}

/* Not inlined, for it must be the one that libsodium calls. */
static void *(*const volatile copy)(void *, const void *, size_t) = memcpy;

/*
 * On the stack this frame lies in the place of the calls before it. BLAKE2b takes at most 1,560 bytes there:
 * of libsodium 1.0.18 to 1.0.20, built by gcc or clang, with the instructions of whichever processor.
 *
 * In registers, the compiler clears what it knows. memcpy() holds what it copies in vector registers that it
 * may not know, and takes the same ones for as many zeros.
 */
WIPES void crypto_wipe_traces(size_t length)
{
    static const unsigned char zeros[512];
    unsigned char frame[1664];

    copy(frame, zeros, length < sizeof(zeros) ? length : sizeof(zeros));
    crypto_wipe(frame, sizeof(frame));
    clear_vectors();
}

void crypto_hash_token(unsigned char hash[HASH_SIZE], const char *text, size_t length,
                       const char id[ID_LENGTH])
{
    unsigned char salt[CHAIN_SIZE] = {0};

    memcpy(salt, id, ID_LENGTH);
    hash_secret(hash, text, length, salt, of_token);
    crypto_wipe_traces(length);
}

void crypto_hash_foreign(unsigned char hash[HASH_SIZE], const char *text, size_t length,
                         const unsigned char storeid[CHAIN_SIZE])
{
    hash_secret(hash, text, length, storeid, of_foreign);
    crypto_wipe_traces(length);
}

static crypto_generichash_blake2b_state *state_of(struct digest *digest)
{
    return (crypto_generichash_blake2b_state *)(void *)digest->state;
}

void crypto_digest_start(struct digest *digest, size_t size)
{
    crypto_generichash_blake2b_init(state_of(digest), NULL, 0, size);
}

void crypto_digest_add(struct digest *digest, const void *bytes, size_t length)
{
    crypto_generichash_blake2b_update(state_of(digest), bytes, length);
}

void crypto_digest_end(struct digest *digest, unsigned char *result, size_t size)
{
    crypto_generichash_blake2b_final(state_of(digest), result, size);
}

uint64_t crypto_short_sum(const unsigned char key[SHORT_KEY_SIZE], const void *bytes, size_t length)
{
    unsigned char sum[crypto_shorthash_BYTES];
    uint64_t number;

    crypto_shorthash(sum, bytes, length, key);
    memcpy(&number, sum, sizeof(number));
    return le64toh(number);
}

bool crypto_equal(const void *a, const void *b, size_t size)
{
    return sodium_memcmp(a, b, size) == 0;
}

void crypto_wipe(void *bytes, size_t size)
{
    sodium_memzero(bytes, size);
}

void crypto_wipe_stack(void)
{
    sodium_stackzero(16 * 1024);
}

uint32_t crypto_random_below(uint32_t bound)
{
    return randombytes_uniform(bound);
}

void crypto_random_bytes(void *bytes, size_t size)
{
    randombytes_buf(bytes, size);
}

size_t crypto_base64_size(size_t length)
{
    return sodium_base64_encoded_len(length, sodium_base64_VARIANT_ORIGINAL);
}

void crypto_base64(char *text, size_t size, const void *bytes, size_t length)
{
    sodium_bin2base64(text, size, bytes, length, sodium_base64_VARIANT_ORIGINAL);
}

void *crypto_alloc(size_t size)
{
    return sodium_malloc(size);
}

void crypto_free(void *memory)
{
    sodium_free(memory);
}
