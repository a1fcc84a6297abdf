/* What the measurements have in common: a clock, tokens in random order, a table, and rows of results. What
 * goes wrong ends the program: a measurement of something else is none. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../module/toktab.h"
#include "token.h"

/* Unless good: say what could not be done, with errno, and end. */
void must(bool good, const char *what);

/* A number from the command line, at least 1. */
size_t number_of(const char *text);

/* Of a clock that runs, and of the time that this thread was given: on a busy machine the latter is what work
 * that waits for nothing takes. */
uint64_t nanoseconds(void);
uint64_t thread_nanoseconds(void);

/* The one in the middle; sorts the values. */
double median(double *values, size_t count);

/* A random number below bound, fast and the same in each run: xorshift, state not 0. */
size_t draw(uint64_t *state, size_t bound);

struct bytes {
    char *at;
    size_t length;
};

/* All of directory/name, which is not empty; its memory is never freed. */
struct bytes read_file(const char *directory, const char *name);

/* Open directory/name to read it. */
int open_file(const char *directory, const char *name);

/* What bench-store has written: tokens of one length, a line each. */
struct tokens {
    char *text;
    size_t length, count;
};

struct tokens read_tokens(const char *directory, const char *name);

enum { BATCH = 128 };

/* Some tokens, as a host has just read them from its clients: they are in the cache. */
struct batch {
    char text[BATCH][TOKEN_MAX + 1];
    size_t length;
};

void draw_batch(struct batch *batch, const struct tokens *tokens, uint64_t *state);

/* The table of directory/toktab.conf, or of another configuration there. */
struct toktab *open_table(const char *directory);
struct toktab *open_configured(const char *directory, const char *name);

/* Verify a batch as a host does that knows the client's address and wants to know whose token it is. Returns
 * the nanoseconds for one; each answer must be this one. */
double time_batch(struct toktab *table, const struct batch *batch, enum toktab_reason reason);

/* What no verifier can do without: the salted hash of a token's text, by one call of libsodium. */
void hash_token(unsigned char hash[HASH_SIZE], const char *text, size_t length);

/* Print a row: its name, its unit ("" for a ratio), and a value for each round. */
void print_row(const char *name, const char *unit, const double *values, size_t rounds);

/* Memory for a value for each round. */
double *new_values(size_t rounds);

#endif
