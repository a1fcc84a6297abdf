/*
 * bench-verify DIRECTORY ROUNDS: toktab_verify() of valid tokens in random order, against what no verifier
 * can do without: one salted hash of the same bytes; and against that hash and two reads of memory, of which
 * the second needs the first, as a look-up in a table of that many tokens does.
 *
 * bench-verify DIRECTORY ROUNDS tracked: what it adds to note the last use, which a host does once a minute
 * for each token.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "measure.h"

enum { BATCHES = 128, LINE = 256 };

/* A table of the same size: slots that say where a line is, and the lines. */
struct memory {
    uint64_t *slots;
    char *lines;
    size_t mask;
};

static struct memory make_memory(size_t tokens, uint64_t *state)
{
    size_t slots = 1024;
    struct memory memory;

    while (slots < 2 * tokens)
        slots *= 2;
    memory = (struct memory){malloc(slots * sizeof(uint64_t)), malloc(tokens * LINE), slots - 1};
    must(memory.slots && memory.lines, "memory");
    for (size_t i = 0; i < slots; i++)
        memory.slots[i] = draw(state, tokens) * LINE;
    memset(memory.lines, 1, tokens * LINE);
    return memory;
}

/* Where a token's slot is: from its id, which is random. */
static size_t slot_of(const char *text, size_t length)
{
    uint64_t id;

    memcpy(&id, text + length - TOKEN_BODY, sizeof(id));
    return (size_t)((id * 0x9e3779b97f4a7c15u) >> 20);
}

/* Nanoseconds for one token; memory: NULL: the hash alone. */
static double time_reference(const struct batch *batch, const struct memory *memory)
{
    unsigned char hash[HASH_SIZE];
    uint64_t start = thread_nanoseconds(), end;
    int sum = 0;

    for (size_t i = 0; i < BATCH; i++) {
        hash_token(hash, batch->text[i], batch->length);
        if (memory)
            sum += memory->lines[memory->slots[slot_of(batch->text[i], batch->length) & memory->mask]];
    }
    end = thread_nanoseconds();
    must(sum == (memory ? BATCH : 0), "memory");
    return (double)(end - start) / BATCH;
}

enum { HASH, READS, VERIFY, KINDS };

struct subject {
    struct toktab *table;
    struct memory memory;
    const struct tokens *tokens;
};

static double time_kind(const struct subject *subject, const struct batch *batch, size_t kind)
{
    switch (kind) {
    case HASH:
        return time_reference(batch, NULL);
    case READS:
        return time_reference(batch, &subject->memory);
    default:
        return time_batch(subject->table, batch, TOKTAB_REASON_NONE);
    }
}

/* Small batches of each in turn, beginning with another each time, and each of other tokens: all meet the
 * same machine, and none finds in the cache what another has read. What counts is the median batch. */
static void measure_round(const struct subject *subject, uint64_t *state, double values[KINDS])
{
    double times[KINDS][BATCHES];
    struct batch batch;

    for (size_t i = 0; i < BATCHES; i++)
        for (size_t j = 0; j < KINDS; j++) {
            size_t kind = (i + j) % KINDS;

            draw_batch(&batch, subject->tokens, state);
            times[kind][i] = time_kind(subject, &batch, kind);
        }
    for (size_t kind = 0; kind < KINDS; kind++)
        values[kind] = median(times[kind], BATCHES);
}

static double *ratios(const double *of, const double *to, size_t rounds)
{
    double *values = new_values(rounds);

    for (size_t i = 0; i < rounds; i++)
        values[i] = of[i] / to[i];
    return values;
}

static void against_memory(const char *directory, const struct tokens *tokens, size_t rounds)
{
    uint64_t state = 0x2545f4914f6cdd1d;
    double *values[KINDS], one[KINDS];
    struct subject subject = {open_table(directory), make_memory(tokens->count, &state), tokens};

    for (size_t kind = 0; kind < KINDS; kind++)
        values[kind] = new_values(rounds);
    measure_round(&subject, &state, one); /* to warm up */
    for (size_t i = 0; i < rounds; i++) {
        measure_round(&subject, &state, one);
        for (size_t kind = 0; kind < KINDS; kind++)
            values[kind][i] = one[kind];
    }
    print_row("toktab_verify / one salted hash", "", ratios(values[VERIFY], values[HASH], rounds), rounds);
    print_row("toktab_verify / that hash and two dependent reads", "",
              ratios(values[VERIFY], values[READS], rounds), rounds);
    print_row("one salted hash", "ns", values[HASH], rounds);
    print_row("hash and two dependent reads", "ns", values[READS], rounds);
    print_row("toktab_verify", "ns", values[VERIFY], rounds);
    toktab_close(subject.table);
}

static void with_tracking(const char *directory, const struct tokens *tokens, size_t rounds)
{
    uint64_t state = 0x2545f4914f6cdd1d;
    struct toktab *plain = open_table(directory), *tracked = open_configured(directory, "tracked.conf");
    double *ratio = new_values(rounds);
    struct batch batch;

    for (size_t round = 0; round <= rounds; round++) {
        double of_plain = 0, of_tracked = 0;

        for (size_t i = 0; i < BATCHES; i++) {
            draw_batch(&batch, tokens, &state);
            of_plain += time_batch(plain, &batch, TOKTAB_REASON_NONE);
            of_tracked += time_batch(tracked, &batch, TOKTAB_REASON_NONE);
        }
        if (round > 0) /* before, each token is noted for the first time */
            ratio[round - 1] = of_tracked / of_plain;
    }
    print_row("toktab_verify, with track_usage / without", "", ratio, rounds);
    toktab_close(plain);
    toktab_close(tracked);
}

int main(int count, char **arguments)
{
    struct tokens tokens;

    must(count == 3 || count == 4, "usage: bench-verify DIRECTORY ROUNDS [tracked]");
    tokens = read_tokens(arguments[1], "valid");
    (count == 4 ? with_tracking : against_memory)(arguments[1], &tokens, number_of(arguments[2]));
    return 0;
}
