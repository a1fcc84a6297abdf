/* The small alphabets: escapes, UTF-8, lists, numbers, and what is shown to a person. */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "record.h"
#include "terminal/say.h"

enum { ROOM = 3 * 8192 + 1 };

/* Escaped and back it is the same, in just as much room as it takes. */
static void check_escape(struct span text)
{
    static char escaped[ROOM], again[ROOM];
    long length;

    if (text.length > ROOM / 3)
        return;
    length = text_escape(escaped, sizeof(escaped), text, ",/ ");
    assert(length >= (long)text.length && escaped[length] == '\0');
    assert(strcspn(escaped, "|,/ \n\x7f") == (size_t)length);
    assert(text_escape(again, (size_t)length, text, ",/ ") < 0);
    assert(text_escape(again, (size_t)length + 1, text, ",/ ") == length);
    length = text_unescape(again, text.length + 1, (struct span){escaped, (size_t)length});
    if (memchr(text.at, '\0', text.length)) {
        assert(length < 0);
        return;
    }
    assert(length == (long)text.length && memcmp(again, text.at, text.length) == 0);
    assert(text_unescape(again, text.length, span_of(escaped)) < 0);
}

static void check_unescape(struct span escaped)
{
    char *text = malloc(escaped.length + 1);
    long length;

    if (!text)
        abort();
    length = text_unescape(text, escaped.length + 1, escaped);
    if (length >= 0) {
        assert((size_t)length == strlen(text) && (size_t)length <= escaped.length);
        check_escape((struct span){text, (size_t)length});
    }
    free(text);
}

/* Without controls it is as it is; what may be logged has none. */
static void check_plain(struct span escaped)
{
    static char plain[ROOM], text[ROOM];
    long characters, length = text_unescape_plain(plain, sizeof(plain), escaped, &characters);
    long raw = text_unescape(text, sizeof(text), escaped);
    struct span there = {plain, length > 0 ? (size_t)length : 0};

    if (escaped.length > LINE_SIZE_MAX)
        return; /* it is for the columns of a line */
    if (raw >= 0 && utf8_length((struct span){text, (size_t)raw}) < 0)
        raw = -1;
    assert((length < 0) == (raw < 0));
    if (length < 0)
        return;
    assert(characters == utf8_length((struct span){text, (size_t)raw}));
    assert((size_t)length <= escaped.length + (size_t)characters);
    assert(strlen(plain) == there.length && utf8_length(there) >= 0 && !utf8_has_controls(there));
    assert(utf8_has_controls((struct span){text, (size_t)raw}) || strcmp(plain, text) == 0);
}

static size_t encode(char bytes[4], uint32_t point)
{
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

    for (size_t i = length; i-- > 0; point >>= 6)
        bytes[i] = (char)(i == 0 ? marks[length] | point : 0x80 | (point & 0x3f));
    return length;
}

/* Each character is the one encoding of its code point. */
static void check_utf8(struct span text)
{
    long count = utf8_length(text), found = 0;
    bool controls = utf8_has_controls(text), seen = false;
    uint32_t point;
    char bytes[4];
    size_t length;

    for (; text.length > 0; text.at += length, text.length -= length, found++) {
        length = utf8_first(text, &point);
        if (length == 0)
            break;
        assert(length == encode(bytes, point) && memcmp(bytes, text.at, length) == 0);
        assert(point <= 0x10ffff && (point < 0xd800 || point > 0xdfff));
        seen = seen || point < 0x20 || (point >= 0x7f && point < 0xa0);
    }
    assert(count == (text.length == 0 ? found : -1));
    assert(controls == (seen || text.length > 0));
}

static void check_list(struct span text)
{
    struct span list = text, item;
    bool empty = false, holds;
    size_t length = 0;

    while (span_next_item(&list, &item)) {
        assert(!memchr(item.at, ',', item.length));
        holds = span_list_holds_all(text, item);
        assert(holds);
        empty = empty || item.length == 0;
        length += item.length + 1;
    }
    /* a comma at the end has an empty item after it, which is not given out */
    empty = empty || (text.length > 0 && text.at[text.length - 1] == ',');
    assert(text.length == 0 || length == text.length + (text.at[text.length - 1] != ','));
    assert(span_list_whole(text) == !empty);
    assert(span_list_holds_all(text, text));
}

static void check_numbers(struct span text)
{
    unsigned char bytes[64];
    char written[129] = "";
    uint64_t number, taken;
    bool is_number = decimal_parse(text, &number);

    if (is_number) {
        snprintf(written, sizeof(written), "%" PRIu64, number);
        assert(span_equals(text, written));
    }
    if (text.length < sizeof(written) - 9) {
        memcpy(written, text.at, text.length);
        memcpy(written + text.length, "|12345678", 9);
        assert((decimal_take(written, '|', &taken) == written + text.length + 1) == is_number);
        assert(!is_number || taken == number);
    }
    if (text.length <= 128 && text.length % (2 * HEX_STEP) == 0 &&
        hex_decode(bytes, text.at, text.length / 2)) {
        hex_encode(written, bytes, text.length / 2);
        assert(hex_equals(text.at, bytes, text.length / 2));
        assert(memcmp(written, text.at, text.length) == 0);
    }
    assert(!base62_valid(text.at, text.length) || strspn(text.at, base62_digits) >= text.length);
}

static void check_showable(struct span text)
{
    char *shown = showable(text), *again = showable(span_of(shown));

    assert(utf8_length(span_of(shown)) >= 0 && !utf8_has_controls(span_of(shown)));
    assert(strcmp(shown, again) == 0);
    free(shown);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    char *copy = new_string(data, size);

    check_escape(text);
    check_unescape(text);
    check_plain(text);
    check_utf8(text);
    check_list(text);
    check_numbers((struct span){copy, strlen(copy)});
    check_showable(text);
    free(copy);
    return 0;
}
