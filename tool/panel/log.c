#include "panel/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "terminal/say.h"

void log_line(const char *format, ...)
{
    va_list arguments;
    char *text, *shown;

    va_start(arguments, format);
    text = must_have(vasprintf(&text, format, arguments) < 0 ? NULL : text);
    va_end(arguments);
    while (*text && text[strlen(text) - 1] == '\n')
        text[strlen(text) - 1] = '\0';
    shown = showable(span_of(text));
    fprintf(stderr, "toktab-panel: %s\n", shown);
    free(shown);
    free(text);
}
