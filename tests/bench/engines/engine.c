/*
 * bench-ENGINE DIRECTORY ROUNDS FOLDER: another way to look a token up, against toktab_verify(): the same
 * tokens of DIRECTORY in random order, in turn. Its database goes into FOLDER.
 */
#include "engine.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { BATCHES = 64, ENOUGH = 20000000 /* nanoseconds for the slow ones */ };

const char *id_of(const char *text, size_t length)
{
    return text + length - TOKEN_BODY;
}

struct kept kept_of(const char *text, size_t length)
{
    struct kept kept = {.expires = INT64_MAX};

    hash_token(kept.hash, text, length);
    return kept;
}

bool fits(const struct kept *kept, const char *text, size_t length)
{
    unsigned char hash[HASH_SIZE];

    hash_token(hash, text, length);
    return crypto_equal(hash, kept->hash, HASH_SIZE) && kept->expires > time(NULL);
}

/* Nanoseconds for one token: of a batch, or of as many as take long enough. */
static double time_engine(const struct batch *batch)
{
    uint64_t start = thread_nanoseconds(), end = start;
    size_t done = 0;

    while (done < BATCH && end - start < ENOUGH) {
        must(engine_admits(batch->text[done], batch->length), "a token is not found");
        if (++done % 16 == 0 || end != start || done == 1)
            end = thread_nanoseconds();
    }
    return (double)(thread_nanoseconds() - start) / (double)done;
}

int main(int count, char **arguments)
{
    uint64_t state = 0x2545f4914f6cdd1d;
    double *ratio, *values, times[2][BATCHES];
    struct tokens tokens;
    struct toktab *table;
    char name[100];
    size_t rounds;

    must(count == 4, "usage: bench-ENGINE DIRECTORY ROUNDS FOLDER");
    tokens = read_tokens(arguments[1], "valid");
    rounds = number_of(arguments[2]);
    table = open_table(arguments[1]);
    engine_open(arguments[3], &tokens);
    ratio = new_values(rounds);
    values = new_values(rounds);
    for (size_t round = 0; round < rounds; round++) {
        struct batch batch;
        size_t batches = BATCHES;

        for (size_t i = 0; i < batches; i++) {
            draw_batch(&batch, &tokens, &state);
            times[0][i] = time_batch(table, &batch, TOKTAB_REASON_NONE);
            draw_batch(&batch, &tokens, &state);
            times[1][i] = time_engine(&batch);
            if (times[1][i] > 1e6)
                batches = 3;
        }
        values[round] = median(times[1], batches);
        ratio[round] = values[round] / median(times[0], batches);
    }
    snprintf(name, sizeof(name), "%s / toktab_verify", engine_name);
    print_row(name, "", ratio, rounds);
    print_row(engine_name, "ns", values, rounds);
    toktab_close(table);
    return 0;
}
