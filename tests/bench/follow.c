/*
 * bench-follow SMALL GREAT ROUNDS: what one change costs a host: a line is appended to a store, and the next
 * verify reads it. For a small store and a great one in turn.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "measure.h"

enum { PAIRS = 16 };

struct store {
    struct toktab *table;
    struct tokens tokens;
    struct bytes more; /* lines that can be appended, */
    size_t appended;   /* and how far that was done */
    off_t size;        /* of the file before */
    int fd;
};

static struct store open_store(const char *directory)
{
    struct store store = {.table = open_table(directory),
                          .tokens = read_tokens(directory, "valid"),
                          .more = read_file(directory, "more")};
    char *path;

    must(asprintf(&path, "%s/default.tokens", directory) > 0, directory);
    store.fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    store.size = lseek(store.fd, 0, SEEK_END);
    must(store.size > 0, path);
    free(path);
    return store;
}

static void append(struct store *store)
{
    const char *line = store->more.at + store->appended;
    const char *end = memchr(line, '\n', store->more.length - store->appended);
    size_t length = (size_t)(end - line) + 1;

    must(end && write(store->fd, line, length) == (ssize_t)length, "appending");
    store->appended += length;
}

/* Of the verify that reads the line. */
static double time_next(struct store *store)
{
    uint64_t start = thread_nanoseconds();
    enum toktab_verdict verdict =
        toktab_verify(store->table, store->tokens.text, store->tokens.length, NULL, NULL);

    start = thread_nanoseconds() - start;
    must(verdict == TOKTAB_ALLOW, "verify");
    return (double)start;
}

/* One line for each, then a verify of each, of the other one first every second time: the first finds colder
 * caches. */
static void measure_pair(struct store stores[2], size_t first, double sums[2])
{
    static const struct timespec look_is_over = {0, 1500000};

    append(&stores[0]);
    append(&stores[1]);
    nanosleep(&look_is_over, NULL);
    sums[first] += time_next(&stores[first]);
    sums[1 - first] += time_next(&stores[1 - first]);
}

int main(int count, char **arguments)
{
    struct store stores[2];
    double *ratio, *microseconds;
    size_t rounds;

    must(count == 4, "usage: bench-follow SMALL GREAT ROUNDS");
    rounds = number_of(arguments[3]);
    ratio = new_values(rounds);
    microseconds = new_values(rounds);
    for (size_t i = 0; i < 2; i++)
        stores[i] = open_store(arguments[1 + i]);
    for (size_t round = 0; round < rounds; round++) {
        double sums[2] = {0};

        for (size_t i = 0; i < PAIRS; i++)
            measure_pair(stores, i % 2, sums);
        ratio[round] = sums[1] / sums[0];
        microseconds[round] = sums[1] / PAIRS / 1000;
    }
    for (size_t i = 0; i < 2; i++) {
        toktab_close(stores[i].table);
        must(ftruncate(stores[i].fd, stores[i].size) == 0, "truncating");
    }
    print_row("a host's time for one change / the same at 1,000", "", ratio, rounds);
    print_row("a host's time for one change", "us", microseconds, rounds);
    return 0;
}
