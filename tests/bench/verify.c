/*
 * bench-verify DIRECTORY ROUNDS GOAL: toktab_verify() of valid tokens in random order against what no
 * verifier can do without: one salted hash of the same bytes.
 */
#include <sodium.h>
#include <string.h>

#include "measure.h"

enum { BATCHES = 128 };

/* Nanoseconds for one token. */
static double time_hash(const struct batch *batch)
{
    static const unsigned char personal[crypto_generichash_blake2b_PERSONALBYTES] = "toktab/token/v1";
    unsigned char hash[HASH_SIZE], salt[crypto_generichash_blake2b_SALTBYTES] = {0};
    uint64_t start = thread_nanoseconds();

    for (size_t i = 0; i < BATCH; i++) {
        const char *text = batch->text[i];

        memcpy(salt, text + batch->length - TOKEN_BODY, ID_LENGTH);
        crypto_generichash_blake2b_salt_personal(hash, sizeof(hash), (const unsigned char *)text,
                                                 batch->length, NULL, 0, salt, personal);
    }
    return (double)(thread_nanoseconds() - start) / BATCH;
}

/* Small batches of each in turn, so that both meet the same machine; what counts is the median batch. */
static void measure_round(struct toktab *table, const struct tokens *tokens, uint64_t *state, double *hash,
                          double *verify)
{
    double hash_times[BATCHES], verify_times[BATCHES];
    struct batch batch;

    for (size_t i = 0; i < BATCHES; i++) {
        draw_batch(&batch, tokens, state);
        if (i % 2 == 0)
            hash_times[i] = time_hash(&batch);
        verify_times[i] = time_batch(table, &batch, TOKTAB_REASON_NONE);
        if (i % 2 == 1)
            hash_times[i] = time_hash(&batch);
    }
    *hash = median(hash_times, BATCHES);
    *verify = median(verify_times, BATCHES);
}

int main(int count, char **arguments)
{
    uint64_t state = 0x2545f4914f6cdd1d;
    double *hash, *verify, *ratio;
    struct tokens tokens;
    struct toktab *table;
    size_t rounds;

    must(count == 4, "usage: bench-verify DIRECTORY ROUNDS GOAL");
    rounds = number_of(arguments[2]);
    tokens = read_tokens(arguments[1], "valid");
    table = open_table(arguments[1]);
    hash = new_values(rounds);
    verify = new_values(rounds);
    ratio = new_values(rounds);
    measure_round(table, &tokens, &state, &hash[0], &verify[0]); /* to warm up */
    for (size_t i = 0; i < rounds; i++) {
        measure_round(table, &tokens, &state, &hash[i], &verify[i]);
        ratio[i] = verify[i] / hash[i];
    }
    print_row("toktab_verify / one salted hash", "", arguments[3], ratio, rounds);
    print_row("one salted hash", "ns", "", hash, rounds);
    print_row("toktab_verify", "ns", "", verify, rounds);
    toktab_close(table);
    return 0;
}
