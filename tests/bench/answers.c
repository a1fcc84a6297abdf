/*
 * bench-answers DIRECTORY ROUNDS: what it takes to refuse a token, against what it takes to admit one.
 */
#include <string.h>

#include "measure.h"

enum { BATCHES = 64, KINDS = 4 };

/* Mistyped in one place, so that the checksum is wrong. */
static void spoil(struct batch *batch)
{
    for (size_t i = 0; i < BATCH; i++) {
        char *last = &batch->text[i][batch->length - 1];

        *last = *last == 'x' ? 'y' : 'x';
    }
}

/* Tokens that no store knows. */
static struct batch make_unknown(void)
{
    struct batch batch = {0};

    for (size_t i = 0; i < BATCH; i++)
        batch.length = token_make(batch.text[i], "tok");
    return batch;
}

static const struct {
    enum toktab_reason reason;
    const char *name;
} kinds[KINDS] = {
    {TOKTAB_REASON_NONE, ""},
    {TOKTAB_REASON_MALFORMED, "a malformed token / a valid one"},
    {TOKTAB_REASON_UNKNOWN, "an unknown token / a valid one"},
    {TOKTAB_REASON_REVOKED, "a revoked token / a valid one"},
};

/* ratios: of each kind, for this round */
static void measure_round(struct toktab *table, const struct tokens *valid, const struct tokens *revoked,
                          uint64_t *state, double ratios[KINDS])
{
    struct batch unknown = make_unknown(), batches[KINDS];
    double times[KINDS][BATCHES];

    for (size_t i = 0; i < BATCHES; i++) {
        draw_batch(&batches[0], valid, state);
        draw_batch(&batches[1], valid, state);
        spoil(&batches[1]);
        batches[2] = unknown;
        draw_batch(&batches[3], revoked, state);
        for (size_t kind = 0; kind < KINDS; kind++)
            times[kind][i] = time_batch(table, &batches[kind], kinds[kind].reason);
    }
    for (size_t kind = 0; kind < KINDS; kind++)
        ratios[kind] = median(times[kind], BATCHES);
    for (size_t kind = 1; kind < KINDS; kind++)
        ratios[kind] /= ratios[0];
}

int main(int count, char **arguments)
{
    uint64_t state = 0x2545f4914f6cdd1d;
    struct tokens valid, revoked;
    double *values[KINDS], ratios[KINDS];
    struct toktab *table;
    size_t rounds;

    must(count == 3, "usage: bench-answers DIRECTORY ROUNDS");
    rounds = number_of(arguments[2]);
    valid = read_tokens(arguments[1], "valid");
    revoked = read_tokens(arguments[1], "revoked");
    table = open_table(arguments[1]);
    for (size_t kind = 1; kind < KINDS; kind++)
        values[kind] = new_values(rounds);
    for (size_t i = 0; i < rounds; i++) {
        measure_round(table, &valid, &revoked, &state, ratios);
        for (size_t kind = 1; kind < KINDS; kind++)
            values[kind][i] = ratios[kind];
    }
    for (size_t kind = 1; kind < KINDS; kind++)
        print_row(kinds[kind].name, "", values[kind], rounds);
    toktab_close(table);
    return 0;
}
