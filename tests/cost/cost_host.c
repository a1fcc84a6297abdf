/*
 * A host whose work is counted.
 *
 *     cost_host verify CONFIG TOKENS COUNT REASON
 *
 * Verifies so many times the tokens of a file, a line each, one after the other; each answer has this reason.
 *
 *     cost_host follow CONFIG TOKENS STORE MORE
 *
 * Appends the lines of MORE to the store's file, one after the other, and prints for each how many bytes the
 * library then reads, and by how many calls.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <toktab.h>
#include <unistd.h>

enum { TOKENS = 256, LENGTH = 128 };

static unsigned long bytes_read, reads;

/* In the place of libc's, for the library too. */
ssize_t pread64(int fd, void *bytes, size_t size, off64_t at);
ssize_t pread64(int fd, void *bytes, size_t size, off64_t at)
{
    static ssize_t (*libc)(int, void *, size_t, off64_t);
    ssize_t got;

    if (!libc)
        *(void **)&libc = dlsym(RTLD_NEXT, "pread64");
    got = libc(fd, bytes, size, at);
    bytes_read += got > 0 ? (unsigned long)got : 0;
    reads++;
    return got;
}

static char tokens[TOKENS][LENGTH];
static size_t token_count;

static FILE *open_file(const char *path)
{
    FILE *file = fopen(path, "r");

    if (!file)
        err(1, "%s", path);
    return file;
}

static void read_tokens(const char *path)
{
    FILE *file = open_file(path);

    while (token_count < TOKENS && fgets(tokens[token_count], LENGTH, file)) {
        tokens[token_count][strcspn(tokens[token_count], "\n")] = '\0';
        token_count++;
    }
    fclose(file);
    if (token_count == 0)
        errx(1, "%s: no tokens", path);
}

static struct toktab *open_table(const char *config)
{
    struct toktab_options options = {.size = sizeof(options), .config = config};
    char error[512];
    struct toktab *table = toktab_open(&options, error, sizeof(error));

    if (!table)
        errx(1, "%s", error);
    return table;
}

static void verify(struct toktab *table, size_t number, const char *reason)
{
    const char *token = tokens[number % token_count];
    struct toktab_result result;

    result.size = sizeof(result);
    toktab_verify(table, token, strlen(token), NULL, &result);
    if (strcmp(toktab_reason_name(result.reason), reason) != 0)
        errx(1, "%s: %s", token, toktab_reason_name(result.reason));
}

static void follow(struct toktab *table, const char *store, const char *more)
{
    int fd = open(store, O_WRONLY | O_APPEND);
    FILE *lines = open_file(more);
    char line[4096];

    if (fd < 0)
        err(1, "%s", store);
    while (fgets(line, sizeof(line), lines)) {
        size_t length = strlen(line);

        verify(table, 0, "none");
        if (write(fd, line, length) != (ssize_t)length)
            err(1, "%s", store);
        bytes_read = reads = 0;
        verify(table, 0, "none");
        printf("%lu %lu\n", bytes_read, reads);
    }
    fclose(lines);
    close(fd);
}

int main(int count, char **arguments)
{
    struct toktab *table;

    if (count != 6)
        errx(2, "usage: cost_host verify CONFIG TOKENS COUNT REASON | follow CONFIG TOKENS STORE MORE");
    read_tokens(arguments[3]);
    table = open_table(arguments[2]);
    if (strcmp(arguments[1], "follow") == 0)
        follow(table, arguments[4], arguments[5]);
    else
        for (size_t i = 0; i < strtoul(arguments[4], NULL, 10); i++)
            verify(table, i, arguments[5]);
    toktab_close(table);
    return 0;
}
