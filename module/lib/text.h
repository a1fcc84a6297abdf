/* The encodings of the store: hexadecimal, base62, decimals, escapes, UTF-8. Pure. */
#ifndef TEXT_H
#define TEXT_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that belong to somebody else. */
struct span {
    const char *at;
    size_t length;
};

/* A span of a C string. */
struct span span_of(const char *text);

static inline bool span_equals(struct span span, const char *text)
{
    return span.length == strlen(text) && memcmp(span.at, text, span.length) == 0;
}

static inline bool span_same(struct span a, struct span b)
{
    return a.length == b.length && memcmp(a.at, b.at, a.length) == 0;
}

/* How much of a span a message shows, for "%.*s%s", and what marks the rest: the text may be a token by
 * mistake, whose secret begins after 15 characters at the earliest. */
enum { SPAN_SHOWN_MAX = 15 };

static inline int span_shown(struct span span)
{
    return span.length > SPAN_SHOWN_MAX ? SPAN_SHOWN_MAX : (int)span.length;
}

static inline const char *span_cut_mark(struct span span)
{
    return span.length > SPAN_SHOWN_MAX ? "…" : "";
}

/* Take the first item off a list separated by commas. False at the end. */
bool span_next_item(struct span *list, struct span *item);

/* Is no item of the list empty? */
bool span_list_whole(struct span list);

/* Is each item of the list wanted one of the list given? */
bool span_list_holds_all(struct span given, struct span wanted);

/* Lower case only. hex has 2 * size characters, without a NUL. size must be a multiple of HEX_STEP. The time
 * depends on size alone. hex_equals(): is hex what hex_encode() makes of the bytes? */
enum { HEX_STEP = 16 };
bool hex_decode(unsigned char *bytes, const char *hex, size_t size);
void hex_encode(char *hex, const unsigned char *bytes, size_t size);
bool hex_equals(const char *hex, const unsigned char *bytes, size_t size);

/* 0-9A-Za-z */
extern const char base62_digits[62 + 1];
bool base62_valid(const char *text, size_t length);

/* Parse the whole text as a decimal that fits: only digits, no sign, no leading zero. */
bool decimal_parse(struct span text, uint64_t *value);

/* Eight digits at once: what stands in a text, with the values of the digits, the first in the lowest byte;
 * marks for the bytes that are none, of which the lowest is right; and the number. */
static inline uint64_t digits_at(const char *text)
{
    uint64_t eight;

    memcpy(&eight, text, sizeof(eight));
    return le64toh(eight) ^ UINT64_C(0x3030303030303030);
}

static inline uint64_t digits_wrong(uint64_t digits)
{
    return (digits | (digits + UINT64_C(0x0606060606060606))) & UINT64_C(0xf0f0f0f0f0f0f0f0);
}

static inline uint64_t digits_value(uint64_t digits)
{
    digits = (digits * 10 + (digits >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
    digits = (digits * 100 + (digits >> 16)) & UINT64_C(0x0000ffff0000ffff);
    return (digits * 10000 + (digits >> 32)) & UINT64_C(0xffffffff);
}

/* Parse a decimal that a character ends. Returns what follows that; NULL: it is no such decimal, and *value
 * is anything. Reads up to the first byte that is no digit, and at least eight bytes. */
static inline __attribute__((always_inline)) const char *decimal_take(const char *text, char end,
                                                                      uint64_t *value)
{
    enum { EIGHT = 8, SAFE = 19 }; /* so many digits fit, whatever they are */
    uint64_t digits = digits_at(text), wrong = digits_wrong(digits), sum;
    unsigned count = wrong != 0 ? (unsigned)__builtin_ctzll(wrong) / 8 : EIGHT;
    const char *at = text + count;

    if (count == 0)
        return NULL;
    sum = digits_value(digits << 8 * (EIGHT - count));
    if (count == EIGHT)
        for (unsigned digit; (digit = (unsigned)(*at - '0')) <= 9; at++)
            sum = sum * 10 + digit;
    *value = sum;
    if (*at != end || (*text == '0' && at > text + 1) ||
        (at > text + SAFE && !decimal_parse((struct span){text, (size_t)(at - text)}, value)))
        return NULL;
    return at + 1;
}

/* Is it all printable ASCII? Also without an escape? */
bool text_is_ascii(struct span text);
bool text_is_plain_ascii(struct span escaped);

/* Length of the UTF-8 character (RFC 3629) at the start of a text that is not empty, with its code point; 0:
 * not UTF-8. */
size_t utf8_first(struct span text, uint32_t *point);

/* Characters of a UTF-8 text without overlong forms and surrogates; -1 if it is not UTF-8. */
long utf8_length(struct span text);

/* Does a text contain a control character (U+0000-1F, U+7F-9F), or is it not UTF-8? */
bool utf8_has_controls(struct span text);

/*
 * Write text with "%", "|", 00-1F, 7F and the characters of `also` as %XX, and a NUL. Returns the length
 * without the NUL, or -1 if size bytes are too few.
 */
long text_escape(char *escaped, size_t size, struct span text, const char *also);

/* Is an escaped text free of escapes? Most are. */
bool text_is_plain(struct span escaped);

/* The reverse; accepts escapes that were not needed. Returns the length without the NUL, or -1 if this is not
 * an escaped text without NULs, or size bytes are too few. */
long text_unescape(char *text, size_t size, struct span escaped);

/* The same for a UTF-8 text, but control characters (U+0000-1F, U+7F-9F) stay or become %XX: safe for a log
 * or a header. The result is no longer than the escaped text, except for one byte for each of U+0080-9F that
 * was not escaped. *characters: their number in the unescaped text. */
long text_unescape_plain(char *text, size_t size, struct span escaped, long *characters);

#endif
