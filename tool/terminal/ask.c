#include "terminal/ask.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static FILE *terminal; /* NULL: stdin */

static enum status cannot_ask(const char *command)
{
    return fail(STATUS_USAGE, "%s: no terminal to ask on: use -y", command);
}

enum status ask_possible(const char *command)
{
    return isatty(STDIN_FILENO) ? STATUS_DONE : cannot_ask(command);
}

enum status ask_on_terminal(const char *command)
{
    terminal = fopen("/dev/tty", "re");
    return terminal ? STATUS_DONE : cannot_ask(command);
}

enum status ask(const char *question, const char *declined)
{
    char answer[16] = "";

    fprintf(stderr, "%s [y/N] ", question);
    if (!fgets(answer, sizeof(answer), terminal ? terminal : stdin))
        fputc('\n', stderr); /* without an answer the cursor is still on the question's line */
    if (strcasecmp(answer, "y\n") == 0 || strcasecmp(answer, "yes\n") == 0)
        return STATUS_DONE;
    return fail(STATUS_NO, "%s", declined);
}
