#include "text.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_PLAIN_MAX = 4096 };

const char base62_digits[62 + 1] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

bool span_equals(struct span span, const char *text)
{
    return span.length == strlen(text) && memcmp(span.at, text, span.length) == 0;
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
        if (item.length == wanted.length && memcmp(item.at, wanted.at, wanted.length) == 0)
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

/* 1 + the value of a lower-case digit; 0 for what is none. */
static const unsigned char hex_values[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

static int hex_value(char c)
{
    return hex_values[(unsigned char)c] - 1;
}

bool hex_decode(unsigned char *bytes, const char *hex, size_t size)
{
    int wrong = 0;

    for (size_t i = 0; i < size; i++) {
        int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);

        wrong |= high | low; /* -1 for no digit */
        bytes[i] = (unsigned char)(high * 16 + low);
    }
    return wrong >= 0;
}

void hex_encode(char *hex, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
}

static const bool is_base62[256] = {['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true};

bool base62_valid(const char *text, size_t length)
{
    bool valid = true;

    for (size_t i = 0; i < length; i++)
        valid = valid && is_base62[(unsigned char)text[i]];
    return valid;
}

bool decimal_parse(struct span text, uint64_t *value)
{
    uint64_t sum = 0;

    if (text.length == 0 || (text.length > 1 && text.at[0] == '0'))
        return false;
    for (size_t i = 0; i < text.length; i++) {
        unsigned digit = (unsigned)(text.at[i] - '0');

        if (digit > 9 || __builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, digit, &sum))
            return false;
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

/* How many characters of printable ASCII does a text begin with? Most are nothing else. */
static size_t plain_ascii(struct span text)
{
    size_t count = 0;

    while (count < text.length && text.at[count] >= 0x20 && text.at[count] < 0x7f)
        count++;
    return count;
}

static struct span behind(struct span text, size_t count)
{
    return (struct span){text.at + count, text.length - count};
}

long utf8_length(struct span text)
{
    long characters = (long)plain_ascii(text);
    uint32_t point;

    text = behind(text, (size_t)characters);
    while (text.length > 0) {
        size_t length = utf8_first(text, &point);

        if (length == 0)
            return -1;
        text = (struct span){text.at + length, text.length - length};
        characters++;
    }
    return characters;
}

bool utf8_has_controls(struct span text)
{
    uint32_t point;

    text = behind(text, plain_ascii(text));
    while (text.length > 0) {
        size_t length = utf8_first(text, &point);

        if (length == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0))
            return true;
        text = (struct span){text.at + length, text.length - length};
    }
    return false;
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

/* The byte that %XX at the start of text stands for; -1 if it is not one, or a NUL. */
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

bool text_is_plain(struct span escaped)
{
    return plain_ascii(escaped) == escaped.length &&
           (escaped.length == 0 || !memchr(escaped.at, '%', escaped.length));
}

/* Most texts are as they stand. */
static bool take_plain(char *text, size_t size, struct span escaped)
{
    if (escaped.length >= size || !text_is_plain(escaped))
        return false;
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

/* Write the controls of a text (U+0000-1F, U+7F-9F) as %XX, byte by byte. */
static long escape_controls(char *escaped, size_t size, struct span text)
{
    size_t used = 0;

    while (text.length > 0) {
        uint32_t point;
        size_t length = utf8_first(text, &point);
        bool control = length == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0);

        length = length > 0 ? length : 1;
        if (used + length * (control ? 3 : 1) >= size)
            return -1;
        for (size_t i = 0; i < length; i++)
            used += (size_t)sprintf(escaped + used, control ? "%%%02X" : "%c", (unsigned char)text.at[i]);
        text = (struct span){text.at + length, text.length - length};
    }
    escaped[used] = '\0';
    return (long)used;
}

long text_unescape_plain(char *text, size_t size, struct span escaped)
{
    char raw[TEXT_PLAIN_MAX];
    long length;

    if (take_plain(text, size, escaped))
        return (long)escaped.length;
    length = text_unescape(text, size, escaped);
    if (length < 0 || !utf8_has_controls((struct span){text, (size_t)length}))
        return length;
    if ((size_t)length > sizeof(raw))
        return -1;
    memcpy(raw, text, (size_t)length);
    return escape_controls(text, size, (struct span){raw, (size_t)length});
}
