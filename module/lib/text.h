/* The small alphabets of the store: hexadecimal, base62, decimals, escapes, UTF-8. Pure. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A piece of somebody else's bytes. */
struct span {
    const char *at;
    size_t length;
};

/* A span of a C string. */
struct span span_of(const char *text);

/* The same bytes? */
static inline bool span_equals(struct span span, const char *text)
{
    return span.length == strlen(text) && memcmp(span.at, text, span.length) == 0;
}

/* The next item of a list separated by commas, taken off its front. False at the end. */
bool span_next_item(struct span *list, struct span *item);

/* Is no item of the list empty? */
bool span_list_whole(struct span list);

/* Is each item of the list wanted one of the list given? */
bool span_list_holds_all(struct span given, struct span wanted);

/* Lower case only. hex has 2 * size characters, without a NUL. Where it is encoded, size is a multiple of
 * HEX_STEP. Decoding depends on the text: what it is used for is no secret. */
enum { HEX_STEP = 16 };
bool hex_decode(unsigned char *bytes, const char *hex, size_t size);
void hex_encode(char *hex, const unsigned char *bytes, size_t size);

/* 0-9A-Za-z */
extern const char base62_digits[62 + 1];
bool base62_valid(const char *text, size_t length);

/* The whole of text as an unpadded decimal that fits: digits only, no sign, no leading zero. */
bool decimal_parse(struct span text, uint64_t *value);

/* Length of the UTF-8 character (RFC 3629) at the start of a text that is not empty, with its code point; 0
 * if there is none. */
size_t utf8_first(struct span text, uint32_t *point);

/* Characters of a UTF-8 text without overlong forms and surrogates; -1 if it is not UTF-8. */
long utf8_length(struct span text);

/* Does a valid UTF-8 text hold a control character (U+0000-1F, U+7F-9F)? */
bool utf8_has_controls(struct span text);

/*
 * Write text with "%", "|", 00-1F, 7F and the characters of also as %XX; ends with a NUL, which is not
 * counted. Returns the length, or -1 if size bytes do not hold it.
 */
long text_escape(char *escaped, size_t size, struct span text, const char *also);

/* Is an escaped text the same when it is unescaped? Most are. */
bool text_is_plain(struct span escaped);

/* The reverse; what need not have been escaped may be. Returns the length without the NUL, or -1 if it is not
 * the escaped form of a text without NULs or size bytes do not hold it. */
long text_unescape(char *text, size_t size, struct span escaped);

/* The same of a UTF-8 text, but control characters (U+0000-1F, U+7F-9F) are %XX: what may be put into a log
 * or a header. It is no longer than escaped, but for one byte each that U+0080-9F were written without an
 * escape. *characters: how many there are in the unescaped text. */
long text_unescape_plain(char *text, size_t size, struct span escaped, long *characters);

#endif
