/*
 * fault-host CONF STORE [once]: a host of the library, in which faults.py lets calls fail. Reads three tokens
 * from stdin, one a line: one that is good, one that was revoked, and one that is revoked meanwhile, by
 * STORE.next, whose bytes are appended to STORE; then STORE.compacted takes its place. Prints what it was
 * answered, and what it did not get back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"
#include "toktab.h"

enum { GOOD, REVOKED, LATER, TOKENS, PATIENCE = 5, STORE_MAX = 1 << 20 };

static char tokens[TOKENS][128];
static const char *const names[] = {"deny", "allow", "error"};

static void keep_quiet(void *context, int priority, const char *message)
{
    (void)context;
    (void)priority;
    (void)message;
}

static enum toktab_verdict ask(struct toktab *table, const char *token)
{
    struct toktab_request request = {.size = sizeof(request)};
    struct toktab_result result = {.size = sizeof(result)};
    enum toktab_verdict verdict;

    errno = ENOTEMPTY;
    verdict = toktab_verify(table, token, strlen(token), &request, &result);
    if (errno != ENOTEMPTY)
        puts("errno changed");
    return verdict;
}

static void print(const char *when, enum toktab_verdict verdict)
{
    fault_pause(true);
    printf("%s %s\n", when, names[verdict]);
    fault_pause(false);
}

static void append(const char *path, const char *from)
{
    static char bytes[STORE_MAX];
    int source = open(from, O_RDONLY), target = open(path, O_WRONLY | O_APPEND);
    ssize_t got = read(source, bytes, sizeof(bytes));

    if (got <= 0 || write(target, bytes, (size_t)got) != got)
        abort();
    close(source);
    close(target);
}

/* The one fault may have hidden the revocation: it is seen as soon as the next look goes well. */
static void wait_until_denied(struct toktab *table)
{
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
    int left = PATIENCE * 100;

    while (ask(table, tokens[LATER]) != TOKTAB_DENY && left-- > 0)
        nanosleep(&moment, NULL);
    printf("settled %s\n", left > 0 ? "deny" : "never");
}

/* What the writers of the tests do is not to fail: only what the library does. */
static void live(struct toktab *table, const char *store)
{
    char path[4096];

    print("good", ask(table, tokens[GOOD]));
    print("revoked", ask(table, tokens[REVOKED]));
    print("later", ask(table, tokens[LATER]));
    fault_pause(true);
    snprintf(path, sizeof(path), "%s.next", store);
    append(store, path);
    nanosleep(&(struct timespec){.tv_nsec = 2 * 1000 * 1000}, NULL);
    fault_pause(false);
    print("good", ask(table, tokens[GOOD]));
    print("revoked", ask(table, tokens[REVOKED]));
    print("revoked-now", ask(table, tokens[LATER]));
    fault_pause(true);
    wait_until_denied(table);
    snprintf(path, sizeof(path), "%s.compacted", store);
    if (rename(path, store) < 0)
        abort();
    nanosleep(&(struct timespec){.tv_nsec = 2 * 1000 * 1000}, NULL);
    fault_pause(false);
    print("good", ask(table, tokens[GOOD]));
    print("revoked", ask(table, tokens[REVOKED]));
    print("revoked", ask(table, tokens[LATER]));
}

int main(int argc, char **argv)
{
    struct toktab_options options = {.size = sizeof(options), .config = argv[1], .log = keep_quiet};
    char error[512] = "";
    struct toktab *table;

    fault_pause(true);
    if (argc < 3)
        return 2;
    options.once = argc > 3;
    for (int i = 0; i < TOKENS; i++)
        if (scanf("%127s", tokens[i]) != 1)
            return 2;
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    printf("begin\n");
    fault_note_held();
    fault_pause(false);
    table = toktab_open(&options, error, sizeof(error));
    if (table) {
        live(table, argv[2]);
        toktab_close(table);
    }
    fault_pause(true);
    if (!table)
        printf("not opened: %s\n", error);
    fault_print_lost();
    return 0;
}
