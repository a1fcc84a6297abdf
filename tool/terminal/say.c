#include "terminal/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SHORT = 256 };

static const char *program = "toktab";
static char done_so_far[LINE_SHORT];

void say_as(const char *name)
{
    program = name;
}

void say_if_out_of_memory(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(done_so_far, sizeof(done_so_far), format, arguments);
    va_end(arguments);
}

static bool leaves;

void must_have_or_leave(void)
{
    leaves = true;
}

void *must_have(void *memory)
{
    if (!memory && leaves)
        _exit(STATUS_IO);
    if (!memory) {
        fprintf(stderr, "%s: out of memory\n", program);
        if (done_so_far[0])
            fprintf(stderr, "%s: %s\n", program, done_so_far);
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

/*
 * Does this character control a terminal or the direction of text, or is it a format character (Unicode's
 * categories Cc, Cf, Zl and Zp) that nobody sees? Two labels that differ in it only would look the same.
 * Those that join letters and emoji may stay.
 */
static bool hides(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0, 0x1f},        {0x7f, 0x9f},       {0xad, 0xad},       {0x61c, 0x61c},     {0x180e, 0x180e},
        {0x200b, 0x200b}, {0x200e, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},   {0xfeff, 0xfeff},
        {0xfff9, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe007f},
    };

    if (point >= ' ' && point < 0x7f) /* as most are */
        return false;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (point >= ranges[i].first && point <= ranges[i].last)
            return true;
    return false;
}

char *showable(struct span text)
{
    char *shown, *end;
    uint32_t point;

    if (text_is_ascii(text))
        return must_have(strndup(text.at, text.length));
    shown = end = must_have(malloc(text.length * 8 + 1)); /* \u{202E}: 3 bytes become 8 */
    while (text.length > 0) {
        size_t length = utf8_first(text, &point);

        if (length == 0 || (length == 1 && hides(point)))
            end += sprintf(end, "\\x%02x", (unsigned char)text.at[0]);
        else if (hides(point))
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
static const char *next_field;
static struct failure failures[STATUS_CONFIG + 1], said;

void say_field(const char *field)
{
    next_field = field;
}

const struct failure *failure_of(enum status status)
{
    if (failures[status].text)
        return &failures[status];
    return said.text ? &said : NULL;
}

void say_mute(bool mute)
{
    muted = mute;
}

/* first: kept if it is the first of its kind */
static void say_line(struct failure *first, const char *format, va_list arguments)
{
    struct failure failure = {.field = next_field};
    char *line;

    next_field = NULL;
    if (muted)
        return;
    line = compose(format, arguments);
    failure.text = showable(span_of(line));
    free(line);
    fprintf(stderr, "%s: %s\n", program, failure.text);
    if (first->text)
        free(failure.text);
    else
        *first = failure;
}

void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say_line(&said, format, arguments);
    va_end(arguments);
}

enum status fail(enum status status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say_line(&failures[status], format, arguments);
    va_end(arguments);
    return status;
}
