#include "text.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_PLAIN_MAX = 4096 };

const char base62_digits[62 + 1] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* ---- sixteen bytes at once ---- */

enum { STEP = HEX_STEP };

typedef unsigned char octets __attribute__((vector_size(STEP)));
typedef signed char marks __attribute__((vector_size(STEP)));
typedef uint64_t halves __attribute__((vector_size(STEP)));

static octets octets_at(const void *bytes)
{
    octets some;

    memcpy(&some, bytes, STEP);
    return some;
}

static bool any(octets some)
{
    halves both = (halves)some;

    return (both[0] | both[1]) != 0;
}

/* Marks the bytes that are not from first to last. */
static octets outside(octets some, unsigned char first, unsigned char last)
{
    return (octets)(some - first > (unsigned char)(last - first));
}

/* Does wrong_in() accept the whole text? It accepts "a", which fills up the last step. */
static inline __attribute__((always_inline)) bool is_all_right(struct span text,
                                                               octets (*wrong_in)(octets some))
{
    octets last = (octets){0} + 'a', wrong = {0};

    if (text.length == 0)
        return true;
    for (size_t i = 0; i + STEP <= text.length; i += STEP)
        wrong |= wrong_in(octets_at(text.at + i));
    if (text.length >= STEP)
        last = octets_at(text.at + text.length - STEP);
    else
        memcpy(&last, text.at, text.length);
    return !any(wrong | wrong_in(last));
}

/* ---- spans and lists ---- */

struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

bool span_next_item(struct span *list, struct span *item)
{
    const char *comma;

    if (list->length == 0)
        return false;
    comma = memchr(list->at, ',', list->length);
    *item = (struct span){list->at, comma ? (size_t)(comma - list->at) : list->length};
    *list = comma ? (struct span){comma + 1, list->length - item->length - 1} : (struct span){"", 0};
    return true;
}

bool span_list_whole(struct span list)
{
    bool behind_comma = true;

    for (size_t i = 0; i < list.length; i++) {
        if (behind_comma && list.at[i] == ',')
            return false;
        behind_comma = list.at[i] == ',';
    }
    return list.length == 0 || !behind_comma;
}

static bool list_holds(struct span list, struct span wanted)
{
    struct span item;

    while (span_next_item(&list, &item))
        if (span_same(item, wanted))
            return true;
    return false;
}

bool span_list_holds_all(struct span given, struct span wanted)
{
    struct span item;

    while (span_next_item(&wanted, &item))
        if (!list_holds(given, item))
            return false;
    return true;
}

/* 1 + the value of a lower-case digit; 0: not a digit. */
static const unsigned char hex_values[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

static int hex_value(char c)
{
    return hex_values[(unsigned char)c] - 1;
}

/* The values of digits; of others too, which are marked. */
static octets values_of(octets digits, octets *wrong)
{
    *wrong |= outside(digits, '0', '9') & outside(digits, 'a', 'f');
    return (digits & 15) + (digits >> 6) * 9;
}

bool hex_decode(unsigned char *bytes, const char *hex, size_t size)
{
    octets wrong = {0};

    for (size_t i = 0; i < size; i += HEX_STEP) {
        octets first = values_of(octets_at(hex + 2 * i), &wrong);
        octets second = values_of(octets_at(hex + 2 * i + STEP), &wrong);
        octets high =
            __builtin_shufflevector(first, second, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        octets low =
            __builtin_shufflevector(first, second, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
        octets some = high << 4 | low;

        memcpy(bytes + i, &some, STEP);
    }
    return !any(wrong);
}

/* Without a table or a branch, because the bytes may be a hash that somebody tries to guess. Compared as
 * signed, which takes one instruction where SSE2 is all there is. */
static octets hex_digits(octets values)
{
    return values + '0' + ((octets)((marks)values > 9) & ('a' - '0' - 10));
}

/* The digits of sixteen bytes. */
static inline void hex_of(octets bytes, octets *first, octets *second)
{
    octets high = hex_digits(bytes >> 4), low = hex_digits(bytes & 15);

    *first = __builtin_shufflevector(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    *second =
        __builtin_shufflevector(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

void hex_encode(char *hex, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += HEX_STEP) {
        octets first, second;

        hex_of(octets_at(bytes + i), &first, &second);
        memcpy(hex + 2 * i, &first, STEP);
        memcpy(hex + 2 * i + STEP, &second, STEP);
    }
}

bool hex_equals(const char *hex, const unsigned char *bytes, size_t size)
{
    uint64_t difference = 0;

    for (size_t i = 0; i < size; i += HEX_STEP) {
        octets first, second;
        halves both;

        hex_of(octets_at(bytes + i), &first, &second);
        both = (halves)((first ^ octets_at(hex + 2 * i)) | (second ^ octets_at(hex + 2 * i + STEP)));
        difference |= both[0] | both[1];
        __asm__("" : "+r"(difference)); /* so that the compiler cannot leave the loop early */
    }
    return difference == 0;
}

static octets not_base62(octets some)
{
    return outside(some, '0', '9') & outside(some | 0x20, 'a', 'z');
}

bool base62_valid(const char *text, size_t length)
{
    return is_all_right((struct span){text, length}, not_base62);
}

bool decimal_parse(struct span text, uint64_t *value)
{
    enum { EIGHT = 8, DIGITS_MAX = 20 }; /* only the last digit can overflow */
    uint64_t sum = 0;
    size_t i = 0;

    if (text.length == 0 || text.length > DIGITS_MAX || (text.length > 1 && text.at[0] == '0'))
        return false;
    if (text.length >= EIGHT) { /* as times are */
        uint64_t digits = digits_at(text.at);

        if (digits_wrong(digits) != 0)
            return false;
        sum = digits_value(digits);
        i = EIGHT;
    }
    for (; i < text.length; i++) {
        unsigned digit = (unsigned)(text.at[i] - '0');

        if (digit > 9 || (i == DIGITS_MAX - 1 && sum > (UINT64_MAX - digit) / 10))
            return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

size_t utf8_first(struct span text, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text.at[0];
    size_t length = first < 0x80   ? 1
                    : first < 0xc0 ? 0
                    : first < 0xe0 ? 2
                    : first < 0xf0 ? 3
                    : first < 0xf8 ? 4
                                   : 0;

    if (length == 0 || length > text.length)
        return 0;
    *point = length == 1 ? first : first & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (((unsigned char)text.at[i] & 0xc0) != 0x80)
            return 0;
        *point = *point << 6 | ((unsigned char)text.at[i] & 0x3f);
    }
    if (*point < least[length] || *point > 0x10ffff || (*point >= 0xd800 && *point <= 0xdfff))
        return 0;
    return length;
}

static octets not_printable_ascii(octets some)
{
    return outside(some, 0x20, 0x7e);
}

bool text_is_ascii(struct span text)
{
    return is_all_right(text, not_printable_ascii);
}

static octets not_plain_ascii(octets some)
{
    return not_printable_ascii(some) | (octets)(some == '%');
}

bool text_is_plain_ascii(struct span text)
{
    return is_all_right(text, not_plain_ascii);
}

static struct span after(struct span text, size_t count)
{
    return (struct span){text.at + count, text.length - count};
}

/* Counts the characters of a text, and looks for control characters; -1: not UTF-8. */
static long survey(struct span text, bool *controls)
{
    long characters = 0;
    uint32_t point;

    *controls = false;
    if (text_is_ascii(text)) /* as most are */
        return (long)text.length;
    for (size_t length; text.length > 0; text = after(text, length), characters++) {
        unsigned char first = (unsigned char)text.at[0];

        length = 1;
        if (first >= 0x20 && first < 0x7f)
            continue;
        length = utf8_first(text, &point);
        if (length == 0)
            return -1;
        *controls = *controls || point < 0x20 || (point >= 0x7f && point < 0xa0);
    }
    return characters;
}

long utf8_length(struct span text)
{
    bool controls;

    return survey(text, &controls);
}

bool utf8_has_controls(struct span text)
{
    bool controls;

    return survey(text, &controls) < 0 || controls;
}

static bool must_escape(char c, const char *also)
{
    return (unsigned char)c < 0x20 || c == 0x7f || c == '%' || c == '|' || strchr(also, c) != NULL;
}

long text_escape(char *escaped, size_t size, struct span text, const char *also)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t length = 0;

    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        bool escape = must_escape(c, also);

        if (length + (escape ? 3 : 1) >= size)
            return -1;
        if (escape) {
            escaped[length++] = '%';
            escaped[length++] = digits[(unsigned char)c >> 4];
            escaped[length++] = digits[(unsigned char)c & 15];
        } else {
            escaped[length++] = c;
        }
    }
    if (length >= size)
        return -1;
    escaped[length] = '\0';
    return (long)length;
}

/* The byte of the %XX at the start of a text; -1: no %XX, or a NUL. */
static int escaped_byte(struct span text)
{
    int high, low;

    if (text.length < 3 || (text.at[1] >= 'a' && text.at[1] <= 'f') ||
        (text.at[2] >= 'a' && text.at[2] <= 'f'))
        return -1;
    high = hex_value(text.at[1] >= 'A' && text.at[1] <= 'F' ? (char)(text.at[1] + 32) : text.at[1]);
    low = hex_value(text.at[2] >= 'A' && text.at[2] <= 'F' ? (char)(text.at[2] + 32) : text.at[2]);
    if (high < 0 || low < 0 || (high | low) == 0)
        return -1;
    return high << 4 | low;
}

static octets escape_or_control(octets some)
{
    return (octets)(some < 0x20) | (octets)(some == 0x7f) | (octets)(some == '%');
}

bool text_is_plain(struct span escaped)
{
    return is_all_right(escaped, escape_or_control);
}

/* Most texts have no escapes. */
static bool take_plain(char *text, size_t size, struct span escaped)
{
    if (escaped.length >= size || !text_is_plain(escaped))
        return false;
    if (escaped.length > 0)
        memcpy(text, escaped.at, escaped.length);
    text[escaped.length] = '\0';
    return true;
}

long text_unescape(char *text, size_t size, struct span escaped)
{
    size_t length = 0;

    if (take_plain(text, size, escaped))
        return (long)escaped.length;
    for (size_t i = 0; i < escaped.length; i++) {
        int byte = (unsigned char)escaped.at[i];

        if (byte < 0x20 || byte == 0x7f)
            return -1;
        if (byte == '%') {
            byte = escaped_byte((struct span){escaped.at + i, escaped.length - i});
            if (byte < 0)
                return -1;
            i += 2;
        }
        if (length + 1 >= size)
            return -1;
        text[length++] = (char)byte;
    }
    if (size == 0)
        return -1;
    text[length] = '\0';
    return (long)length;
}

/* Write the control characters of a text (U+0000-1F, U+7F-9F) as %XX; it replaces both bytes of U+0080-9F. */
static long escape_controls(char *escaped, size_t size, struct span text)
{
    size_t used = 0;

    while (text.length > 0) {
        uint32_t point;
        size_t length = utf8_first(text, &point);
        bool control = length == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0);

        if (length == 0) { /* not UTF-8 */
            length = 1;
            point = (unsigned char)text.at[0];
        }
        if (used + (control ? 3 : length) >= size)
            return -1;
        if (control)
            used += (size_t)sprintf(escaped + used, "%%%02X", (unsigned)point);
        else
            used += (size_t)sprintf(escaped + used, "%.*s", (int)length, text.at);
        text = after(text, length);
    }
    escaped[used] = '\0';
    return (long)used;
}

/* A function of its own, because a copy of a text takes pages of the stack. */
static __attribute__((noinline)) long escape_again(char *text, size_t size, size_t length)
{
    char raw[TEXT_PLAIN_MAX];

    if (length > sizeof(raw))
        return -1;
    memcpy(raw, text, length);
    return escape_controls(text, size, (struct span){raw, length});
}

long text_unescape_plain(char *text, size_t size, struct span escaped, long *characters)
{
    long length = text_unescape(text, size, escaped);
    bool controls;

    if (length < 0)
        return -1;
    *characters = survey((struct span){text, (size_t)length}, &controls);
    if (*characters < 0)
        return -1;
    return controls ? escape_again(text, size, (size_t)length) : length;
}
