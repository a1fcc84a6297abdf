#include "terminal/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *must_have(void *memory)
{
    if (!memory) {
        fputs("toktab: out of memory\n", stderr);
        exit(STATUS_IO);
    }
    return memory;
}

const char *cut_mark(const char *text)
{
    return span_cut_mark(span_of(text));
}

const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

enum status status_of(int error)
{
    switch (error) {
    case ENOENT:
        return STATUS_NOT_FOUND;
    case EPERM:
    case EACCES:
    case ELOOP:
        return STATUS_NOT_PERMITTED;
    default:
        return STATUS_IO;
    }
}

/* Does this character control a terminal, or the direction of text? */
static bool moves(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x200e || point == 0x200f ||
           point == 0x61c || point == 0x2028 || point == 0x2029 || (point >= 0x202a && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069);
}

char *showable(struct span text)
{
    char *shown = must_have(malloc(text.length * 8 + 1)), *end = shown; /* \u{202E}: 3 bytes become 8 */
    uint32_t point;

    while (text.length > 0) {
        size_t length = utf8_first(text, &point);

        if (length == 0 || (length == 1 && moves(point)))
            end += sprintf(end, "\\x%02x", (unsigned char)text.at[0]);
        else if (moves(point))
            end += sprintf(end, "\\u{%X}", (unsigned)point);
        else
            end = mempcpy(end, text.at, length);
        length = length > 0 ? length : 1;
        text = (struct span){text.at + length, text.length - length};
    }
    *end = '\0';
    return shown;
}

static char *compose(const char *format, va_list arguments)
{
    char *text;

    return must_have(vasprintf(&text, format, arguments) < 0 ? NULL : text);
}

char *composed(const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    text = compose(format, arguments);
    va_end(arguments);
    return text;
}

static bool muted;

void say_mute(bool mute)
{
    muted = mute;
}

static void say_line(const char *format, va_list arguments)
{
    char *line, *shown;

    if (muted)
        return;
    line = compose(format, arguments);
    shown = showable(span_of(line));
    fprintf(stderr, "toktab: %s\n", shown);
    free(shown);
    free(line);
}

void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say_line(format, arguments);
    va_end(arguments);
}

enum status fail(enum status status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say_line(format, arguments);
    va_end(arguments);
    return status;
}
