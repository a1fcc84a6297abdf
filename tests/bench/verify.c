/*
 * bench-verify DIRECTORY ROUNDS GOAL: toktab_verify() of valid tokens in random order against what no
 * verifier can do without: one salted hash of the same bytes, and one fstat() of the store.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "measure.h"

enum { BATCHES = 128 };

/* Nanoseconds for one token. */
static double time_least(int fd, const struct batch *batch)
{
    unsigned char hash[HASH_SIZE];
    struct stat status;
    uint64_t start = thread_nanoseconds();

    for (size_t i = 0; i < BATCH; i++) {
        const char *text = batch->text[i];

        must(fstat(fd, &status) == 0, "fstat");
        crypto_hash_token(hash, text, batch->length, text + batch->length - TOKEN_BODY);
    }
    return (double)(thread_nanoseconds() - start) / BATCH;
}

/* Small batches of each in turn, so that both meet the same machine; what counts is the median batch. */
static void measure_round(struct toktab *table, int fd, const struct tokens *tokens, uint64_t *state,
                          double *least, double *verify)
{
    double least_times[BATCHES], verify_times[BATCHES];
    struct batch batch;

    for (size_t i = 0; i < BATCHES; i++) {
        draw_batch(&batch, tokens, state);
        if (i % 2 == 0)
            least_times[i] = time_least(fd, &batch);
        verify_times[i] = time_batch(table, &batch, TOKTAB_REASON_NONE);
        if (i % 2 == 1)
            least_times[i] = time_least(fd, &batch);
    }
    *least = median(least_times, BATCHES);
    *verify = median(verify_times, BATCHES);
}

int main(int count, char **arguments)
{
    uint64_t state = 0x2545f4914f6cdd1d;
    double *least, *verify, *added, *ratio;
    struct tokens tokens;
    struct toktab *table;
    size_t rounds;
    int fd;

    must(count == 4, "usage: bench-verify DIRECTORY ROUNDS GOAL");
    rounds = number_of(arguments[2]);
    tokens = read_tokens(arguments[1], "valid");
    table = open_table(arguments[1]);
    fd = open_file(arguments[1], "default.tokens");
    least = new_values(rounds);
    verify = new_values(rounds);
    added = new_values(rounds);
    ratio = new_values(rounds);
    measure_round(table, fd, &tokens, &state, &least[0], &verify[0]); /* to warm up */
    for (size_t i = 0; i < rounds; i++) {
        measure_round(table, fd, &tokens, &state, &least[i], &verify[i]);
        ratio[i] = verify[i] / least[i];
        added[i] = verify[i] - least[i];
    }
    print_row("toktab_verify / (hash + fstat)", "", arguments[3], ratio, rounds);
    print_row("hash + fstat", "ns", "", least, rounds);
    print_row("toktab_verify adds to that", "ns", "", added, rounds);
    close(fd);
    toktab_close(table);
    return 0;
}
