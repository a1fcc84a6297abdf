#include "terminal/wrap.h"

#include <wchar.h>

static struct span after(struct span text, size_t count)
{
    return (struct span){text.at + count, text.length - count};
}

/* Length of the first character, and the columns that it takes. A byte that is not UTF-8 counts alone. */
static size_t first(struct span text, size_t *columns)
{
    uint32_t point;
    size_t length;
    int cells;

    *columns = 1;
    if (text.at[0] >= ' ' && text.at[0] < 0x7f) /* as most are */
        return 1;
    length = utf8_first(text, &point);
    cells = length > 0 ? wcwidth((wchar_t)point) : 0;

    *columns = cells > 0 ? (size_t)cells : 0;
    return length > 0 ? length : 1;
}

size_t wrap_width(struct span text)
{
    size_t width = 0, columns;

    if (text_is_ascii(text))
        return text.length;
    while (text.length > 0) {
        text = after(text, first(text, &columns));
        width += columns;
    }
    return width;
}

/* The most of a text that fits: at least one character, with the marks that combine with the last one. */
static size_t fitting(struct span text, size_t width)
{
    size_t used = 0, at = 0, columns;

    while (at < text.length) {
        size_t length = first(after(text, at), &columns);

        if (used + columns > width && at > 0)
            break;
        used += columns;
        at += length;
    }
    return at;
}

/* The last place at which a line that holds at most fits bytes can end at a blank; 0: there is none. */
static size_t last_blank(struct span text, size_t fits)
{
    size_t end = fits;

    while (end > 0 && text.at[end] != ' ')
        end--;
    while (end > 0 && text.at[end - 1] == ' ')
        end--;
    return end;
}

static size_t last_comma(struct span text, size_t fits)
{
    size_t end = fits;

    while (end > 0 && text.at[end - 1] != ',')
        end--;
    return end;
}

struct span wrap_line(struct span *text, size_t width)
{
    size_t fits = fitting(*text, width), end = fits;
    struct span line;

    if (fits < text->length)
        end = last_blank(*text, fits);
    if (end == 0)
        end = last_comma(*text, fits);
    if (end == 0)
        end = fits;
    line = (struct span){text->at, end};
    *text = after(*text, end);
    while (text->length > 0 && text->at[0] == ' ')
        *text = after(*text, 1);
    return line;
}
