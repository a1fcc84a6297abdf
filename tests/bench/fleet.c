/*
 * bench-fleet DIRECTORY...: tells when the hosts of these stores agree on a token. Reads lines "allow TOKEN"
 * or "deny TOKEN", asks every table until that is its verdict, and prints the second of the monotonic clock
 * at which the last one gave it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "measure.h"

/* Each in turn until it is right: the time counts at which all are. */
static void wait_for(struct toktab **tables, int count, const char *token, enum toktab_verdict wanted)
{
    const struct timespec pause = {.tv_nsec = 100000};

    for (int i = 0; i < count; i++)
        while (toktab_verify(tables[i], token, strlen(token), NULL, NULL) != wanted)
            nanosleep(&pause, NULL);
}

int main(int argc, char **argv)
{
    struct toktab **tables = calloc((size_t)argc, sizeof(struct toktab *));
    char line[TOKEN_MAX + 16];

    must(tables && argc > 1, "arguments");
    for (int i = 1; i < argc; i++)
        tables[i - 1] = open_table(argv[i]);
    while (fgets(line, sizeof(line), stdin)) {
        char *token = strchr(line, ' ') + 1;

        token[strcspn(token, "\n")] = '\0';
        wait_for(tables, argc - 1, token, line[0] == 'a' ? TOKTAB_ALLOW : TOKTAB_DENY);
        printf("%.6f\n", (double)nanoseconds() / 1e9);
        fflush(stdout);
    }
    return 0;
}
