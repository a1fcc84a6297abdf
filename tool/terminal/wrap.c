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
    size_t length = utf8_first(text, &point);
    int cells = length > 0 ? wcwidth((wchar_t)point) : 0;

    *columns = cells > 0 ? (size_t)cells : 0;
    return length > 0 ? length : 1;
}

size_t wrap_width(struct span text)
{
    size_t width = 0, columns;

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

struct span wrap_line(struct span *text, size_t width)
{
    size_t fits = fitting(*text, width), end = fits, next = fits;
    struct span line;

    if (fits < text->length)
        for (size_t i = fits; i > 0; i--) {
            if (text->at[i] == ' ') { /* before the blanks */
                for (end = i; end > 0 && text->at[end - 1] == ' ';)
                    end--;
                for (next = i; next < text->length && text->at[next] == ' ';)
                    next++;
                if (end > 0)
                    break;
                end = next = fits; /* blanks only: break where it is full */
            } else if (i < text->length && text->at[i - 1] == ',') {
                end = next = i;
                break;
            }
        }
    line = (struct span){text->at, end};
    *text = after(*text, next);
    return line;
}
