/*
 * bench-open DIRECTORY ROUNDS: toktab_open() of a store against the hashing of its lines alone, in memory;
 * and the memory that a table takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain.h"
#include "header.h"
#include "measure.h"
#include "pages.h"

/* What is hashed of each line. */
struct log {
    struct span *lines;
    size_t count, tokens;
    size_t last_bytes; /* of the last line of each token, with its LF */
    const char *file;
    unsigned char origin[CHAIN_SIZE];
    unsigned char end[CHAIN_SIZE]; /* chain of the last line */
};

static double resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long pages = 0;

    must(file && fscanf(file, "%*u %lu", &pages) == 1, "/proc/self/statm");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void add_line(struct log *log, const char *at, size_t length)
{
    struct line line;
    uint64_t serial;

    must(line_split(&line, at, length) && decimal_parse(line.column[COLUMN_SERIAL], &serial), "line");
    log->lines[log->count++] = (struct span){at, (size_t)(line.column[COLUMN_CHAIN].at - at)};
    log->last_bytes += length;
    if (line.column[COLUMN_OP].at[0] == OPERATION_CREATE)
        log->tokens++;
    else
        log->last_bytes -= log->lines[serial - 1].length + CHAIN_HEX + 1; /* of the line that created it */
    must(hex_decode(log->end, line.column[COLUMN_CHAIN].at, CHAIN_SIZE), "line");
}

static struct log split_log(struct bytes file)
{
    const char *at = file.at, *end = file.at + file.length, *next = memchr(at, '\n', file.length);
    struct log log = {.lines = calloc(file.length / 100, sizeof(*log.lines)), .file = file.at};
    struct header header;

    must(next && log.lines, "memory");
    next++;
    must(!header_parse(&header, at, (size_t)(next - at)), "header");
    header_origin(log.origin, &header);
    for (at = next; at < end; at = next) {
        next = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
        add_line(&log, at, (size_t)(next - at));
    }
    return log;
}

static double time_hashes(const struct log *log)
{
    unsigned char chain[CHAIN_SIZE];
    uint64_t start = thread_nanoseconds();

    for (size_t i = 0; i < log->count; i++)
        crypto_sum_line(chain, log->lines[i].at, log->lines[i].length, log->origin);
    must(memcmp(chain, log->end, CHAIN_SIZE) == 0, "chain");
    return (double)(thread_nanoseconds() - start);
}

/* What no table that has its lines in memory can do without: they are read into new memory, and hashed while
 * they are in the cache. */
static double time_read_and_hash(const char *directory, const struct log *log)
{
    enum { PIECE = 256 * 1024 };
    unsigned char chain[CHAIN_SIZE];
    uint64_t start = thread_nanoseconds();
    int fd = open_file(directory, "default.tokens");
    struct stat status;
    size_t had = 0, line = 0;
    char *memory;

    must(fstat(fd, &status) == 0, "stat");
    memory = pages_allocate((size_t)status.st_size);
    must(memory != NULL, "memory");
    while (had < (size_t)status.st_size) {
        ssize_t got = read(fd, memory + had, PIECE);

        must(got > 0, "read");
        had += (size_t)got;
        for (; line < log->count; line++) {
            size_t at = (size_t)(log->lines[line].at - log->file);

            if (at + log->lines[line].length > had)
                break;
            crypto_sum_line(chain, memory + at, log->lines[line].length, log->origin);
        }
    }
    must(memcmp(chain, log->end, CHAIN_SIZE) == 0, "chain");
    close(fd);
    free(memory);
    return (double)(thread_nanoseconds() - start);
}

static double time_open(const char *directory)
{
    uint64_t start = thread_nanoseconds();
    struct toktab *table = open_table(directory);

    start = thread_nanoseconds() - start;
    toktab_close(table);
    return (double)start;
}

/* Before anything else takes memory. */
static double table_bytes(const char *directory)
{
    double before = resident_bytes();
    struct toktab *table = open_table(directory);
    double after = resident_bytes();

    toktab_close(table);
    return after - before;
}

int main(int count, char **arguments)
{
    double bytes, beyond, *ratio, *least, *milliseconds;
    struct log log;
    size_t rounds;

    must(count == 3, "usage: bench-open DIRECTORY ROUNDS");
    rounds = number_of(arguments[2]);
    bytes = table_bytes(arguments[1]);
    log = split_log(read_file(arguments[1], "default.tokens"));
    bytes /= (double)log.tokens;
    beyond = bytes - (double)log.last_bytes / (double)log.tokens;
    ratio = new_values(rounds);
    least = new_values(rounds);
    milliseconds = new_values(rounds);
    for (size_t i = 0; i < rounds; i++) {
        double hash = time_hashes(&log);

        milliseconds[i] = time_open(arguments[1]) / 1e6;
        ratio[i] = milliseconds[i] * 1e6 / hash;
        least[i] = time_read_and_hash(arguments[1], &log) / hash;
    }
    print_row("toktab_open / hashing the lines once", "", ratio, rounds);
    print_row("reading the lines into new memory and hashing them / hashing them once", "", least, rounds);
    print_row("toktab_open", "ms", milliseconds, rounds);
    print_row("memory of a token", "bytes", &bytes, 1);
    print_row("memory of a token beyond its last line", "bytes", &beyond, 1);
    return 0;
}
