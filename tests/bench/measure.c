#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

enum { PATH_SIZE = 4096 };

void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
    exit(1);
}

size_t number_of(const char *text)
{
    uint64_t number;

    errno = EINVAL;
    must(decimal_parse(span_of(text), &number) && number > 0, text);
    return (size_t)number;
}

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t nanoseconds(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t thread_nanoseconds(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static int by_size(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;

    return first < second ? -1 : first > second;
}

double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), by_size);
    return values[count / 2];
}

size_t draw(uint64_t *state, size_t bound)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (size_t)(*state % bound);
}

static void join_path(char path[PATH_SIZE], const char *directory, const char *name)
{
    errno = ENAMETOOLONG;
    must(snprintf(path, PATH_SIZE, "%s/%s", directory, name) < PATH_SIZE, directory);
}

int open_file(const char *directory, const char *name)
{
    char path[PATH_SIZE];
    int fd;

    join_path(path, directory, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    must(fd >= 0, path);
    return fd;
}

struct bytes read_file(const char *directory, const char *name)
{
    int fd = open_file(directory, name);
    struct bytes bytes = {0};
    struct stat status;
    ssize_t got = 0;

    must(fstat(fd, &status) == 0, name);
    bytes.at = malloc((size_t)status.st_size);
    must(bytes.at != NULL, name);
    while (bytes.length < (size_t)status.st_size &&
           (got = read(fd, bytes.at + bytes.length, (size_t)status.st_size - bytes.length)) > 0)
        bytes.length += (size_t)got;
    must(got > 0, name);
    close(fd);
    return bytes;
}

struct tokens read_tokens(const char *directory, const char *name)
{
    struct bytes file = read_file(directory, name);
    size_t line = (size_t)((char *)rawmemchr(file.at, '\n') - file.at) + 1;

    return (struct tokens){.text = file.at, .length = line - 1, .count = file.length / line};
}

void draw_batch(struct batch *batch, const struct tokens *tokens, uint64_t *state)
{
    batch->length = tokens->length;
    for (size_t i = 0; i < BATCH; i++)
        memcpy(batch->text[i], tokens->text + draw(state, tokens->count) * (tokens->length + 1),
               tokens->length);
}

struct toktab *open_configured(const char *directory, const char *name)
{
    struct toktab_options options = {.size = sizeof(options)};
    char path[PATH_SIZE], error[512] = "";
    struct toktab *table;

    join_path(path, directory, name);
    options.config = path;
    table = toktab_open(&options, error, sizeof(error));
    must(table != NULL, error);
    return table;
}

struct toktab *open_table(const char *directory)
{
    return open_configured(directory, "toktab.conf");
}

double time_batch(struct toktab *table, const struct batch *batch, enum toktab_reason reason)
{
    static const struct sockaddr_in client = {.sin_family = AF_INET};
    struct toktab_request request = {
        .size = sizeof(request), .domain = "default", .client = (const struct sockaddr *)&client};
    struct toktab_result result;
    uint64_t start = thread_nanoseconds(), end;
    size_t right = 0;

    result.size = sizeof(result);
    for (size_t i = 0; i < BATCH; i++) {
        toktab_verify(table, batch->text[i], batch->length, &request, &result);
        right += result.reason == reason;
    }
    end = thread_nanoseconds();
    errno = EPROTO;
    must(right == BATCH, toktab_reason_name(result.reason));
    return (double)(end - start) / BATCH;
}

void hash_token(unsigned char hash[HASH_SIZE], const char *text, size_t length)
{
    static const unsigned char personal[crypto_generichash_blake2b_PERSONALBYTES] = "toktab/token/v1";
    unsigned char salt[crypto_generichash_blake2b_SALTBYTES] = {0};

    memcpy(salt, text + length - TOKEN_BODY, ID_LENGTH);
    crypto_generichash_blake2b_salt_personal(hash, HASH_SIZE, (const unsigned char *)text, length, NULL, 0,
                                             salt, personal);
}

void print_row(const char *name, const char *unit, const double *values, size_t rounds)
{
    printf("%s\t%s\t", name, unit);
    for (size_t i = 0; i < rounds; i++)
        printf("%.6g%c", values[i], i + 1 < rounds ? ' ' : '\n');
}

double *new_values(size_t rounds)
{
    double *values = calloc(rounds, sizeof(*values));

    must(values != NULL, "values");
    return values;
}
