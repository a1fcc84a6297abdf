#include "panel/html.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "terminal/say.h"

enum { SIZE_AT_FIRST = 16 * 1024 };

static void make_room(struct page *page, size_t more)
{
    size_t size = page->size > 0 ? page->size : SIZE_AT_FIRST;
    char *text;

    if (page->text && more <= page->size - page->length)
        return;
    while (size - page->length < more)
        size *= 2;
    text = must_have(crypto_alloc(size));
    if (page->text)
        memcpy(text, page->text, page->length);
    crypto_free(page->text);
    page->text = text;
    page->size = size;
}

void page_put(struct page *page, const char *text, size_t length)
{
    make_room(page, length);
    memcpy(page->text + page->length, text, length);
    page->length += length;
}

static void put_text(struct page *page, const char *text)
{
    page_put(page, text, strlen(text));
}

/* Controls, and what turns the direction of the text behind it. */
static bool unsafe(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0x202a && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069);
}

static void put_escaped(struct page *page, struct span text)
{
    uint32_t point;

    for (size_t length; text.length > 0; text.at += length, text.length -= length) {
        length = utf8_first(text, &point);
        if (length == 0 || unsafe(point)) {
            length = length > 0 ? length : 1;
            put_text(page, "\xef\xbf\xbd"); /* U+FFFD */
        } else if (point == '&') {
            put_text(page, "&amp;");
        } else if (point == '<') {
            put_text(page, "&lt;");
        } else if (point == '>') {
            put_text(page, "&gt;");
        } else if (point == '"') {
            put_text(page, "&quot;");
        } else if (point == '\'') {
            put_text(page, "&#39;");
        } else {
            page_put(page, text.at, length);
        }
    }
}

void page_fill(struct page *page, const char *literal, size_t count, const char *const values[])
{
    const char *place;

    for (size_t i = 0; i < count; i++, literal = place + 1) {
        place = strchr(literal, '$');
        if (!place)
            abort();
        page_put(page, literal, (size_t)(place - literal));
        put_escaped(page, span_of(values[i]));
    }
    if (strchr(literal, '$'))
        abort();
    put_text(page, literal);
}

void page_free(struct page *page)
{
    crypto_free(page->text);
    *page = (struct page){0};
}
