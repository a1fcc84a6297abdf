#include "terminal/ask.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum status ask_possible(const char *command)
{
    if (isatty(STDIN_FILENO))
        return STATUS_DONE;
    return fail(STATUS_USAGE, "%s: no terminal to ask on: use -y", command);
}

enum status ask(const char *question, const char *declined)
{
    char answer[16] = "";

    fprintf(stderr, "%s [y/N] ", question);
    if (!fgets(answer, sizeof(answer), stdin))
        fputc('\n', stderr); /* without an answer the cursor is still on the question's line */
    if (strcasecmp(answer, "y\n") == 0 || strcasecmp(answer, "yes\n") == 0)
        return STATUS_DONE;
    return fail(STATUS_NO, "%s", declined);
}
