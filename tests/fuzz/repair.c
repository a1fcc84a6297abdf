#include "repair.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "header.h"

enum { HEADER_COLUMNS = 11, NUMBER_WIDTH = 20 };

enum { DOMAIN = 1, STOREID, EPOCH, BASE, BASECHAIN, CUTOFF, SNAPSHOT_LINES, SNAPSHOT_BYTES, DIGEST, CHECK };

/* A column that may be written over. */
struct field {
    char *at;
    size_t length;
};

struct parts {
    struct field header[HEADER_COLUMNS];
    char *snapshot, *log, *end; /* each after an LF, but perhaps end */
};

static void put_hex(struct field field, const unsigned char *bytes, size_t size)
{
    if (field.length == 2 * size)
        hex_encode(field.at, bytes, size);
}

static void put_number(struct field field, uint64_t number, int width)
{
    char text[NUMBER_WIDTH + 1];

    if (snprintf(text, sizeof(text), "%0*" PRIu64, width, number) == (int)field.length)
        memcpy(field.at, text, field.length);
}

static uint64_t number_in(struct field field)
{
    uint64_t number = 0;

    for (size_t i = 0; i < field.length; i++)
        number = number * 10 + (uint64_t)(field.at[i] - '0');
    return number;
}

static void digest_of(unsigned char *result, size_t size, const char *from, const char *to)
{
    struct digest digest;

    crypto_digest_start(&digest, size);
    crypto_digest_add(&digest, from, (size_t)(to - from));
    crypto_digest_end(&digest, result, size);
}

/* After the LF of the line at from; end if it has none. */
static char *next_line(char *from, char *end)
{
    char *lf = memchr(from, '\n', (size_t)(end - from));

    return lf ? lf + 1 : end;
}

static int find_fields(struct field *fields, int most, char *from, char *to)
{
    int count = 0;

    while (count < most && from <= to) {
        char *bar = memchr(from, '|', (size_t)(to - from));
        char *stop = bar ? bar : to;

        fields[count++] = (struct field){from, (size_t)(stop - from)};
        from = stop + 1;
    }
    return from > to ? count : 0;
}

/* The columns of the line from at to next; false: it has not so many. The last line may lack its LF. */
static bool find_columns(struct field column[COLUMNS], char *at, char *next)
{
    return find_fields(column, COLUMNS, at, next[-1] == '\n' ? next - 1 : next) == COLUMNS;
}

/* The snapshot is as many lines as the header says; fewer where the file has not so many. */
static void find_log(struct parts *parts)
{
    uint64_t lines = number_in(parts->header[SNAPSHOT_LINES]), found = 0;

    parts->log = parts->snapshot;
    while (found < lines && parts->log < parts->end) {
        parts->log = next_line(parts->log, parts->end);
        found++;
    }
    put_number(parts->header[SNAPSHOT_LINES], found, NUMBER_WIDTH);
    put_number(parts->header[SNAPSHOT_BYTES], (uint64_t)(parts->log - parts->snapshot), NUMBER_WIDTH);
}

static void repair_snapshot(struct parts *parts, const unsigned char basechain[CHAIN_SIZE],
                            unsigned char digest[HASH_SIZE])
{
    struct field column[COLUMNS];
    unsigned char seal[CHAIN_SIZE];
    struct digest seals;
    char *at, *next;

    crypto_digest_start(&seals, HASH_SIZE);
    for (at = parts->snapshot; at < parts->log; at = next) {
        next = next_line(at, parts->log);
        if (!find_columns(column, at, next))
            continue;
        crypto_sum_seal(seal, at, (size_t)(column[COLUMN_CHAIN].at - at), basechain);
        put_hex(column[COLUMN_CHAIN], seal, CHAIN_SIZE);
        crypto_digest_add(&seals, seal, CHAIN_SIZE);
    }
    crypto_digest_end(&seals, digest, HASH_SIZE);
}

/* chain: of line base. */
static void repair_log(struct parts *parts, const unsigned char origin[CHAIN_SIZE],
                       unsigned char chain[CHAIN_SIZE], const unsigned char digest[HASH_SIZE], bool numbers)
{
    struct field column[COLUMNS];
    uint64_t base = number_in(parts->header[BASE]), n = base, prior = 0;
    char *at, *next;

    for (at = parts->log; at < parts->end; at = next) {
        next = next_line(at, parts->end);
        if (!find_columns(column, at, next))
            continue;
        if (numbers)
            put_number(column[COLUMN_N], ++n, 0);
        if (numbers && (base == 0 || at > parts->log))
            put_number(column[COLUMN_PRIOR], prior, 0);
        if (at == parts->log && base > 0)
            put_hex(column[COLUMN_HASH], digest, HASH_SIZE);
        put_hex(column[COLUMN_BEFORE], chain, CHAIN_SIZE);
        crypto_sum_line(chain, at, (size_t)(column[COLUMN_CHAIN].at - at), origin);
        put_hex(column[COLUMN_CHAIN], chain, CHAIN_SIZE);
        prior = number_in(column[COLUMN_SERIAL]);
    }
}

static void repair(struct store_bytes *store, bool numbers)
{
    struct parts parts = {.end = store->at + store->length};
    unsigned char origin[CHAIN_SIZE] = {0}, basechain[CHAIN_SIZE] = {0}, digest[HASH_SIZE], check[CHAIN_SIZE];
    struct header header = {0};

    parts.snapshot = next_line(store->at, parts.end);
    if (find_fields(parts.header, HEADER_COLUMNS, store->at, parts.snapshot - 1) != HEADER_COLUMNS)
        return;
    find_log(&parts);
    if (parts.header[STOREID].length == STOREID_HEX) {
        memcpy(header.storeid, parts.header[STOREID].at, STOREID_HEX);
        header.epoch = number_in(parts.header[EPOCH]);
        header_origin(origin, &header);
    }
    if (number_in(parts.header[BASE]) == 0)
        put_hex(parts.header[BASECHAIN], origin, CHAIN_SIZE);
    if (parts.header[BASECHAIN].length == CHAIN_HEX)
        hex_decode(basechain, parts.header[BASECHAIN].at, CHAIN_SIZE);
    repair_snapshot(&parts, basechain, digest);
    put_hex(parts.header[DIGEST], digest, HASH_SIZE);
    digest_of(check, CHAIN_SIZE, parts.header[0].at, parts.header[CHECK].at);
    put_hex(parts.header[CHECK], check, CHAIN_SIZE);
    repair_log(&parts, origin, basechain, digest, numbers);
}

struct store_bytes store_from_input(const uint8_t *data, size_t size)
{
    unsigned char last = size > 0 ? data[size - 1] : 0;
    size_t length = size - last % 2;
    struct store_bytes store = {malloc(length > 0 ? length : 1), length};

    if (!store.at)
        abort();
    memcpy(store.at, data, length);
    if (last % 2 == 1 && length > 0)
        repair(&store, last % 4 == 3);
    return store;
}
