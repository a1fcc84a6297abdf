/*
 * bench-threads DIRECTORY ROUNDS: tokens verified in a second by two threads on one table, against one
 * thread.
 */
#include <pthread.h>

#include "measure.h"

enum { THREADS = 2, BATCHES = 512 };

struct work {
    struct toktab *table;
    const struct tokens *tokens;
    uint64_t state;
};

static void *verify_batches(void *argument)
{
    struct work *work = argument;
    struct batch batch;

    for (size_t i = 0; i < BATCHES; i++) {
        draw_batch(&batch, work->tokens, &work->state);
        time_batch(work->table, &batch, TOKTAB_REASON_NONE);
    }
    return NULL;
}

/* Nanoseconds that so many threads take, each for its BATCHES. */
static double time_threads(struct work *work, size_t threads)
{
    pthread_t thread[THREADS];
    uint64_t start = nanoseconds();

    for (size_t i = 0; i < threads; i++)
        must(pthread_create(&thread[i], NULL, verify_batches, &work[i]) == 0, "thread");
    for (size_t i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    return (double)(nanoseconds() - start);
}

int main(int count, char **arguments)
{
    struct work work[THREADS];
    struct tokens tokens;
    struct toktab *table;
    double *ratio;
    size_t rounds;

    must(count == 3, "usage: bench-threads DIRECTORY ROUNDS");
    rounds = number_of(arguments[2]);
    tokens = read_tokens(arguments[1], "valid");
    table = open_table(arguments[1]);
    ratio = new_values(rounds);
    for (size_t i = 0; i < THREADS; i++)
        work[i] = (struct work){.table = table, .tokens = &tokens, .state = i + 1};
    for (size_t i = 0; i < rounds; i++)
        ratio[i] = THREADS * time_threads(work, 1) / time_threads(work, THREADS);
    print_row("throughput of two threads / of one", "", "", ratio, rounds);
    toktab_close(table);
    return 0;
}
