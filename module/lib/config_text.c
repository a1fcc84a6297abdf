#include "config_text.h"

#include <stdbool.h>
#include <string.h>

enum where { IN_TEXT, IN_STRING, IN_LINE_COMMENT, IN_BLOCK_COMMENT };

static bool starts(const char *at, const char *end, const char *with)
{
    return (size_t)(end - at) >= strlen(with) && memcmp(at, with, strlen(with)) == 0;
}

/* Where the reader is after the character at `at`. */
static enum where step(enum where where, const char *at, const char *end)
{
    switch (where) {
    case IN_TEXT:
        if (*at == '"')
            return IN_STRING;
        if (*at == '#' || starts(at, end, "//"))
            return IN_LINE_COMMENT;
        return starts(at, end, "/*") ? IN_BLOCK_COMMENT : IN_TEXT;
    case IN_STRING:
        return *at == '"' ? IN_TEXT : IN_STRING;
    case IN_LINE_COMMENT:
        return *at == '\n' ? IN_TEXT : IN_LINE_COMMENT;
    case IN_BLOCK_COMMENT:
    default:
        return starts(at, end, "*/") ? IN_TEXT : IN_BLOCK_COMMENT;
    }
}

const char *config_text_wrong(const char *text, size_t length, unsigned *line)
{
    const char *end = text + length;
    enum where where = IN_TEXT;

    *line = 1;
    for (const char *at = text; at < end; at++) {
        if (*at == '\0')
            return "it holds a NUL byte";
        if (where == IN_STRING && *at == '\\')
            return "a backslash in a text is not taken";
        if (where == IN_TEXT && starts(at, end, "@include"))
            return "@include is not taken: write all into one file";
        if (*at == '\n')
            ++*line;
        where = step(where, at, end);
    }
    return NULL;
}
