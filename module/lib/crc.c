#include "crc.h"

#include <zlib.h>

#ifdef __x86_64__
#include <immintrin.h>

/*
 * Blocks of 16 bytes, folded by multiplication without carries: V. Gopal et al., "Fast CRC Computation for
 * Generic Polynomials Using PCLMULQDQ Instruction", Intel, 2009, whose constants these are. zlib takes seven
 * times as long, which would be a fifth of a verify.
 */
enum { BLOCK = 16 };

#define FOLDS __attribute__((target("pclmul,ssse3")))

FOLDS static inline __m128i fold(__m128i sum, __m128i block)
{
    const __m128i by = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);

    return _mm_xor_si128(
        _mm_xor_si128(_mm_clmulepi64_si128(sum, by, 0x00), _mm_clmulepi64_si128(sum, by, 0x11)), block);
}

FOLDS static inline uint32_t reduce(__m128i sum)
{
    const __m128i low = _mm_set_epi32(0, -1, 0, -1);
    const __m128i polynomial = _mm_set_epi64x(0x1f7011641, 0x1db710641);
    __m128i rest;

    sum = _mm_xor_si128(_mm_srli_si128(sum, 8),
                        _mm_clmulepi64_si128(sum, _mm_set_epi64x(0x0ccaa009e, 0), 0x10));
    rest = _mm_clmulepi64_si128(_mm_and_si128(sum, low), _mm_set_epi64x(0, 0x163cd6124), 0x00);
    sum = _mm_xor_si128(_mm_srli_si128(sum, 4), rest);
    rest = _mm_and_si128(_mm_clmulepi64_si128(_mm_and_si128(sum, low), polynomial, 0x10), low);
    sum = _mm_xor_si128(sum, _mm_clmulepi64_si128(rest, polynomial, 0x00));
    return (uint32_t)_mm_cvtsi128_si32(_mm_srli_si128(sum, 4));
}

FOLDS static inline __m128i block_at(const void *at)
{
    return _mm_loadu_si128(at);
}

FOLDS static uint32_t by_folding(const char *text, size_t length)
{
    /* zeros in front of a text change nothing, so the first block is filled up with them */
    static const unsigned char move[2 * BLOCK] = {
        [0 ... BLOCK - 1] = 0x80, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    /* the first four bytes are inverted, since the register of this CRC begins with ones */
    static const unsigned char ones[3 * BLOCK] = {[BLOCK] = 0xff, 0xff, 0xff, 0xff};
    size_t first = (length - 1) % BLOCK + 1;
    __m128i sum = _mm_shuffle_epi8(block_at(text), block_at(move + first));

    sum = _mm_xor_si128(sum, block_at(ones + first));
    sum = fold(sum, _mm_xor_si128(block_at(text + first), block_at(ones + first + BLOCK)));
    for (size_t i = first + BLOCK; i < length; i += BLOCK)
        sum = fold(sum, block_at(text + i));
    return ~reduce(sum);
}
#endif

uint32_t crc_of(const char *text, size_t length)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("pclmul") && __builtin_cpu_supports("ssse3"))
        return by_folding(text, length);
#endif
    return (uint32_t)crc32(0, (const unsigned char *)text, (unsigned)length);
}
