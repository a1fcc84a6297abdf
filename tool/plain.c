#include "plain.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "output.h"

/* What cannot be shown has no width. */
static size_t width_of(const char *text)
{
    mbstate_t state = {0};
    size_t width = 0, length;
    wchar_t character;

    while ((length = mbrtowc(&character, text, MB_LEN_MAX, &state)) > 0 && length <= MB_LEN_MAX) {
        int cells = wcwidth(character);

        width += cells > 0 ? (size_t)cells : 0;
        text += length;
    }
    return width;
}

void plain_measure(struct plain *plain, char *const cells[])
{
    for (size_t i = 0; i < plain->count; i++) {
        size_t width = width_of(cells[i]);

        plain->width[i] = width > plain->width[i] ? width : plain->width[i];
    }
}

static char *pad(char *end, size_t width, size_t room)
{
    size_t missing = room > width ? room - width : 0;

    memset(end, ' ', missing);
    return end + missing;
}

bool plain_print(const struct plain *plain, char *const cells[])
{
    size_t size = 1; /* where there is no column */
    char *line, *end;
    bool good;

    for (size_t i = 0; i < plain->count; i++)
        size += strlen(cells[i]) + plain->width[i] + 1;
    line = end = must_have(malloc(size));
    for (size_t i = 0; i < plain->count; i++) {
        size_t width = width_of(cells[i]);
        bool last = i + 1 == plain->count;

        if (plain->right[i])
            end = pad(end, width, plain->width[i]);
        end = mempcpy(end, cells[i], strlen(cells[i]));
        if (!plain->right[i] && !last)
            end = pad(end, width, plain->width[i]);
        *end++ = last ? '\n' : ' ';
    }
    good = output_write(line, (size_t)(end - line));
    free(line);
    return good;
}
