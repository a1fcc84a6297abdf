/*
 * bench-threads DIRECTORY ROUNDS: tokens that two threads on one table verify, against two processes with a
 * table each: in a second, and in a second of the processors' time; and against one thread.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

enum { WORKERS = 2, BATCHES = 512 };

struct work {
    struct toktab *table;
    const struct tokens *tokens;
    uint64_t state;
    double busy; /* nanoseconds of the processor for one token */
};

static void *verify_batches(void *argument)
{
    struct work *work = argument;
    struct batch batch;

    work->busy = 0;
    for (size_t i = 0; i < BATCHES; i++) {
        draw_batch(&batch, work->tokens, &work->state);
        work->busy += time_batch(work->table, &batch, TOKTAB_REASON_NONE) / BATCHES;
    }
    return NULL;
}

/* Nanoseconds that so many threads take, each for its BATCHES. */
static double time_threads(struct work *work, size_t threads)
{
    pthread_t thread[WORKERS];
    uint64_t start = nanoseconds();

    for (size_t i = 0; i < threads; i++)
        must(pthread_create(&thread[i], NULL, verify_batches, &work[i]) == 0, "thread");
    for (size_t i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    return (double)(nanoseconds() - start);
}

/* The same for processes, which have a table each. */
static double time_processes(struct work *work)
{
    uint64_t start = nanoseconds();
    int status;

    for (size_t i = 0; i < WORKERS; i++) {
        int child = fork();

        must(child >= 0, "fork");
        if (child == 0) {
            verify_batches(&work[i]);
            _exit(0);
        }
    }
    for (size_t i = 0; i < WORKERS; i++)
        must(wait(&status) > 0 && status == 0, "process");
    return (double)(nanoseconds() - start);
}

int main(int count, char **arguments)
{
    struct work *work =
        mmap(NULL, 2 * WORKERS * sizeof(*work), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct work *threads = work, *processes = work + WORKERS;
    double *to_processes, *busy, *to_one;
    struct tokens tokens;
    struct toktab *table;
    size_t rounds;

    must(count == 3, "usage: bench-threads DIRECTORY ROUNDS");
    must(work != MAP_FAILED, "memory");
    rounds = number_of(arguments[2]);
    tokens = read_tokens(arguments[1], "valid");
    table = open_table(arguments[1]);
    to_processes = new_values(rounds);
    busy = new_values(rounds);
    to_one = new_values(rounds);
    for (size_t i = 0; i < WORKERS; i++) {
        threads[i] = (struct work){.table = table, .tokens = &tokens, .state = i + 1};
        processes[i] = threads[i];
        processes[i].table = open_table(arguments[1]);
    }
    for (size_t i = 0; i < rounds; i++) {
        double of_one = time_threads(threads, 1), of_processes = time_processes(processes);
        double of_threads = time_threads(threads, WORKERS);

        to_processes[i] = of_processes / of_threads;
        to_one[i] = WORKERS * of_one / of_threads;
        busy[i] = (processes[0].busy + processes[1].busy) / (threads[0].busy + threads[1].busy);
    }
    print_row("two threads on one handle / two processes", "", to_processes, rounds);
    print_row("the same, by the processors' time", "", busy, rounds);
    print_row("two threads on one handle / one thread", "", to_one, rounds);
    return 0;
}
