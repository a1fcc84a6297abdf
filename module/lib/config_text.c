#include "config_text.h"

#include <stdbool.h>
#include <string.h>

enum where { IN_TEXT, IN_STRING, IN_LINE_COMMENT, IN_BLOCK_COMMENT };

static bool starts(const char *at, const char *end, const char *with)
{
    return (size_t)(end - at) >= strlen(with) && memcmp(at, with, strlen(with)) == 0;
}

/*
 * Move *at to the last character of what begins there, and return the state after it. The two characters that
 * begin or end a comment are passed together, so that none counts for another comment.
 */
static enum where step(enum where where, const char **at, const char *end)
{
    switch (where) {
    case IN_TEXT:
        if (**at == '"')
            return IN_STRING;
        if (**at == '#' || starts(*at, end, "//"))
            return IN_LINE_COMMENT;
        if (!starts(*at, end, "/*"))
            return IN_TEXT;
        ++*at;
        return IN_BLOCK_COMMENT;
    case IN_STRING:
        return **at == '"' ? IN_TEXT : IN_STRING;
    case IN_LINE_COMMENT:
        return **at == '\n' ? IN_TEXT : IN_LINE_COMMENT;
    case IN_BLOCK_COMMENT:
    default:
        if (!starts(*at, end, "*/"))
            return IN_BLOCK_COMMENT;
        ++*at;
        return IN_TEXT;
    }
}

const char *config_text_wrong(const char *text, size_t length, unsigned *line)
{
    const char *end = text + length;
    enum where where = IN_TEXT;

    *line = 1;
    for (const char *at = text; at < end; at++) {
        if (*at == '\0')
            return "contains a NUL byte";
        if (where == IN_STRING && *at == '\\')
            return "backslashes in strings are not allowed";
        if (where == IN_TEXT && starts(at, end, "@include"))
            return "@include is not allowed: put everything into one file";
        if (*at == '\n')
            ++*line;
        where = step(where, &at, end);
    }
    return NULL;
}
