#include "terminal/ask.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum status ask_possible(const char *command)
{
    if (isatty(STDIN_FILENO))
        return STATUS_DONE;
    return fail(STATUS_USAGE, "%s: without a terminal nobody can be asked: say -y", command);
}

enum status ask(const char *question, const char *declined)
{
    char answer[16] = "";

    fprintf(stderr, "%s [y/N] ", question);
    if (!fgets(answer, sizeof(answer), stdin))
        fputc('\n', stderr); /* no answer has ended the line of the question */
    if (strcasecmp(answer, "y\n") == 0 || strcasecmp(answer, "yes\n") == 0)
        return STATUS_DONE;
    return fail(STATUS_NO, "%s", declined);
}
