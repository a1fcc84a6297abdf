/*
 * Does the time that a verify takes tell anything of a secret? In the manner of dudect (Reparaz, Balasch and
 * Verbauwhede, "Dude, is my code constant time?", 2017): two classes of input in random turn, and Welch's
 * t-test of their times.
 *
 *     timing CONFIG SAMPLES        standard input: a token of the store that CONFIG names, without a newline
 *
 * Prints a line for each pair of classes: SAMPLES of each, the mean of the times below the 90th percentile,
 * the difference, and the greatest |t| of all crops. Below 4.5 nothing can be told, above 10 the times differ
 * for certain.
 */
#include <err.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "checksum.h"
#include "crypto.h"
#include "text.h"
#include "token.h"
#include "toktab.h"

static char right[TOKEN_MAX + 1];
static size_t length;
static struct toktab *table;
static char text[TOKEN_MAX + 1]; /* what is asked about: both classes at one place */

/* ---- random numbers, cheap ones ---- */

static uint64_t state;

static uint32_t random_below(uint32_t bound)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 32) * bound >> 32);
}

/* ---- what is asked about ---- */

static char *id_of(char token[TOKEN_MAX + 1])
{
    return token + length - TOKEN_BODY;
}

/* Another character of base62 there. */
static void change(char token[TOKEN_MAX + 1], size_t at)
{
    char before = token[at];

    while (token[at] == before)
        token[at] = base62_digits[random_below(62)];
}

/* A token with a new secret, whose checksum is right. */
static void make_wrong(char token[TOKEN_MAX + 1], bool known)
{
    char prefix[PREFIX_MAX + 1] = "";

    memcpy(prefix, right, length - TOKEN_BODY - 1);
    token_make(token, prefix);
    if (known)
        memcpy(id_of(token), id_of(right), ID_LENGTH);
    correct_checksum(token, length);
}

/* Is it refused after it was hashed? */
static void must_be_unknown(const char token[TOKEN_MAX + 1])
{
    struct toktab_result result = {.size = sizeof(result)};

    toktab_verify(table, token, length, NULL, &result);
    if (result.reason != TOKTAB_REASON_UNKNOWN)
        errx(2, "a wrong secret is refused as %s", toktab_reason_name(result.reason));
}

/* ---- times ---- */

static uint64_t now(void)
{
#ifdef __x86_64__
    uint32_t low, high;

    __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
#else
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
#endif
}

struct samples {
    uint32_t *time[2];
    size_t count;
};

struct sums {
    double count, mean, squares; /* of the distances from the mean (Welford) */
};

static void add(struct sums *sums, double time)
{
    double distance = time - sums->mean;

    sums->count++;
    sums->mean += distance / sums->count;
    sums->squares += distance * (time - sums->mean);
}

static int by_size(const void *a, const void *b)
{
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;

    return (first > second) - (first < second);
}

/* Of the times of both classes. */
static uint32_t percentile(const struct samples *samples, double share)
{
    static uint32_t *sorted;
    size_t all = 2 * samples->count, at = (size_t)(share * (double)all);

    if (!sorted && !(sorted = malloc(all * sizeof(*sorted))))
        err(2, "memory");
    memcpy(sorted, samples->time[0], samples->count * sizeof(*sorted));
    memcpy(sorted + samples->count, samples->time[1], samples->count * sizeof(*sorted));
    qsort(sorted, all, sizeof(*sorted), by_size);
    return sorted[at < all ? at : all - 1];
}

/* Welch's t of the times that are not above. */
static double welch(const struct samples *samples, uint32_t above, struct sums sums[2])
{
    double error;

    for (int class = 0; class < 2; class ++) {
        sums[class] = (struct sums){0};
        for (size_t i = 0; i < samples->count; i++)
            if (samples->time[class][i] <= above)
                add(&sums[class], samples->time[class][i]);
    }
    error = sums[0].squares / sums[0].count / (sums[0].count - 1) +
            sums[1].squares / sums[1].count / (sums[1].count - 1);
    return error > 0 ? (sums[0].mean - sums[1].mean) / sqrt(error) : 0;
}

static void report(const char *what, const struct samples *samples)
{
    static const double crops[] = {0.5, 0.75, 0.9, 0.95, 0.99, 1};
    struct sums sums[2], shown[2] = {{0}};
    double greatest = 0;

    for (size_t i = 0; i < sizeof(crops) / sizeof(crops[0]); i++) {
        double t = welch(samples, percentile(samples, crops[i]), sums);

        greatest = fabs(t) > greatest ? fabs(t) : greatest;
        if (crops[i] == 0.9)
            memcpy(shown, sums, sizeof(shown));
    }
    printf("%-50s %9zu of each  %8.1f %8.1f  %+7.2f  |t| %7.2f\n", what, samples->count, shown[0].mean,
           shown[1].mean, shown[1].mean - shown[0].mean, greatest);
    fflush(stdout);
}

/* ---- the classes ---- */

static char fixed[2][TOKEN_MAX + 1];

static void one_of_two(int class)
{
    memcpy(text, fixed[class], sizeof(text));
}

/* The right secret, but for its first or its last character: many of each, because one text takes a tenth of
 * a cycle longer than another, whatever they are. Made beforehand, because what is done before a verify has
 * an effect on its time. */
enum { NEARLY_RIGHT = 64 };

static char nearly_right[2][NEARLY_RIGHT][TOKEN_MAX + 1];

static void make_nearly_right(void)
{
    size_t secret = length - TOKEN_BODY + ID_LENGTH;

    for (int class = 0; class < 2; class ++) {
        for (int i = 0; i < NEARLY_RIGHT; i++) {
            char *made = nearly_right[class][i];

            memcpy(made, right, sizeof(right));
            change(made, class == 0 ? secret : secret + SECRET_LENGTH - 1);
            correct_checksum(made, length);
            must_be_unknown(made);
        }
    }
}

static void first_or_last(int class)
{
    memcpy(text, nearly_right[class][random_below(NEARLY_RIGHT)], sizeof(text));
}

/* One wrong secret again and again, or a new one each time. */
static void fixed_or_random(int class)
{
    char made[TOKEN_MAX + 1];

    make_wrong(made, true);
    memcpy(text, class == 0 ? fixed[0] : made, sizeof(text));
}

static void ask(void)
{
    toktab_verify(table, text, length, NULL, NULL);
}

static char stored[2 * HASH_SIZE];
static unsigned char hashed[HASH_SIZE];
static volatile bool equal;

/* The first or the last of 64 digits differs. */
static void near_or_far(int class)
{
    memset(hashed, 0, sizeof(hashed));
    hashed[class == 0 ? 0 : sizeof(hashed) - 1] = class == 0 ? 0x10 : 0x01;
}

static void compare(void)
{
    equal = hex_equals(stored, hashed, sizeof(hashed));
}

static void measure(const char *what, struct samples *samples, void (*prepare)(int class), void (*run)(void))
{
    size_t done[2] = {0, 0}, warm = samples->count / 100 + 1000;

    while (done[0] < samples->count || done[1] < samples->count) {
        int class = (int)random_below(2);
        uint64_t began, took;

        class = done[class] < samples->count ? class : !class;
        prepare(class);
        began = now();
        run();
        took = now() - began;
        if (warm > 0)
            warm--;
        else
            samples->time[class][done[class]++] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
    }
    report(what, samples);
}

static void measure_all(struct samples *samples)
{
    make_nearly_right();
    measure("wrong in the first / the last character", samples, first_or_last, ask);
    make_wrong(fixed[0], true);
    must_be_unknown(fixed[0]);
    measure("one wrong secret / a new one each time", samples, fixed_or_random, ask);
    memset(stored, '0', sizeof(stored));
    measure("hashes that differ in the first / the last digit", samples, near_or_far, compare);
    make_wrong(fixed[0], true);
    make_wrong(fixed[1], false);
    measure("a known id / an unknown one, by design", samples, one_of_two, ask);
    memcpy(fixed[0], right, sizeof(right));
    make_wrong(fixed[1], true);
    measure("the right secret / a wrong one, by design", samples, one_of_two, ask);
    memcpy(fixed[0], fixed[1], sizeof(fixed[0]));
    change(fixed[1], length - 1);
    measure("a right checksum / a wrong one, by design", samples, one_of_two, ask);
}

int main(int count, char *arguments[])
{
    struct toktab_options options = {.size = sizeof(options), .config = count > 1 ? arguments[1] : NULL};
    struct samples samples = {.count = count > 2 ? strtoul(arguments[2], NULL, 10) : 0};
    ssize_t got = read(STDIN_FILENO, right, sizeof(right) - 1);
    char error[512];

    if (count != 3 || samples.count == 0 || got < TOKEN_BODY || crypto_start() < 0)
        errx(2, "usage: timing CONFIG SAMPLES < TOKEN");
    length = (size_t)got;
    crypto_random_bytes(&state, sizeof(state));
    state |= 1;
    table = toktab_open(&options, error, sizeof(error));
    if (!table)
        errx(2, "%s", error);
    for (int class = 0; class < 2; class ++)
        if (!(samples.time[class] = malloc(samples.count * sizeof(uint32_t))))
            err(2, "memory");
    if (toktab_verify(table, right, length, NULL, NULL) != TOKTAB_ALLOW)
        errx(2, "the token is not admitted");
    measure_all(&samples);
    toktab_close(table);
    return 0;
}
