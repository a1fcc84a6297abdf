#include "store/origins.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"
#include "terminal/say.h"

enum {
    PARTS = 64,
    BUFFERED = 256,     /* entries of a part in memory */
    LINE_SIZE_MIN = 128 /* no line is as short */
};

struct origin_entry {
    uint32_t name[2]; /* as by name_of(); but in the first, CHANGES says that the line changes its token */
    uint32_t origin;
};

struct origin_part {
    size_t buffered;
    uint64_t written;
};

#define CHANGES UINT32_C(1)

void origins_make(struct origins *origins, uint64_t size)
{
    *origins = (struct origins){.part_size_max = 2 * (size / LINE_SIZE_MIN + BUFFERED), .fd = -1};
    origins->buffers = must_have(calloc(PARTS * BUFFERED, sizeof(*origins->buffers)));
    origins->parts = must_have(calloc(PARTS, sizeof(*origins->parts)));
    crypto_random_bytes(origins->keys, sizeof(origins->keys));
    crypto_random_bytes(origins->name_keys, sizeof(origins->name_keys));
}

void origins_free(struct origins *origins)
{
    free(origins->buffers);
    free(origins->parts);
    if (origins->fd >= 0)
        close(origins->fd);
}

/* A file without a name. */
static int open_temporary_in(const char *directory)
{
    char path[PATH_MAX];
    int fd;

    if (snprintf(path, sizeof(path), "%s/toktab-XXXXXX", directory) >= PATH_MAX)
        return -1;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

/* TMPDIR may be closed to the user who owns the store, as whom root's tool goes on. */
static int open_temporary(void)
{
    const char *directory = secure_getenv("TMPDIR");
    int fd = directory && directory[0] ? open_temporary_in(directory) : -1;

    return fd >= 0 ? fd : open_temporary_in("/var/tmp");
}

static uint64_t place_of(const struct origins *origins, size_t part)
{
    return part * origins->part_size_max * sizeof(struct origin_entry);
}

static bool write_part(struct origins *origins, size_t number)
{
    struct origin_part *part = &origins->parts[number];
    const struct origin_entry *buffer = origins->buffers + number * BUFFERED;
    uint64_t offset = place_of(origins, number) + part->written * sizeof(*buffer);
    ssize_t size = BUFFERED * (ssize_t)sizeof(*buffer), wrote;

    part->buffered = 0; /* also if it fails: another entry may follow */
    if (part->written + BUFFERED > origins->part_size_max)
        return false; /* the file has grown much since */
    if (origins->fd < 0)
        origins->fd = open_temporary();
    if (origins->fd < 0)
        return false;
    do
        wrote = pwrite(origins->fd, buffer, (size_t)size, (off_t)offset);
    while (wrote < 0 && errno == EINTR);
    part->written += BUFFERED;
    return wrote == size;
}

static void add(struct origins *origins, uint64_t name, bool changes, uint32_t origin)
{
    uint32_t low = (uint32_t)name & ~CHANGES, high = (uint32_t)(name >> 32);
    size_t number = high & (PARTS - 1);
    struct origin_part *part = &origins->parts[number];

    origins->buffers[number * BUFFERED + part->buffered++] =
        (struct origin_entry){{changes ? low | CHANGES : low, high}, origin};
    if (part->buffered == BUFFERED && !write_part(origins, number))
        origins->lost = true;
}

static uint64_t half_name(const uint64_t keys[NAME_KEYS], uint64_t first, uint32_t last)
{
    return (keys[0] + keys[1] * (first & UINT32_MAX) + keys[2] * (first >> 32) + keys[3] * last) >> 32;
}

/* The name of an id, or of the serial of a snapshot's line, by Multilinear of Lemire and Kaser: two of them
 * that were chosen without the keys have the same 63 bits with a probability of 2^-63. */
static uint64_t name_of(const struct origins *origins, uint64_t first, uint32_t last)
{
    return half_name(origins->name_keys[0], first, last) << 32 |
           half_name(origins->name_keys[1], first, last);
}

static uint64_t product_of(const uint64_t keys[2], uint64_t both)
{
    return (keys[0] + (both & UINT32_MAX)) * (keys[1] + (both >> 32));
}

/* By Multilinear-HM of the same: here it is 2^-32. */
static uint32_t sum_of(const struct origins *origins, const struct record *record)
{
    const uint64_t *keys = origins->keys;
    uint64_t sum =
        keys[0] + product_of(keys + 1, record->serial) + product_of(keys + 3, (uint64_t)record->created);

    for (size_t i = 0; i < HASH_SIZE; i += sizeof(uint64_t)) {
        uint64_t both;

        memcpy(&both, record->hash + i, sizeof(both));
        sum += product_of(keys + 5 + i / 4, both);
    }
    return (uint32_t)(sum >> 32);
}

bool origins_see(struct origins *origins, const struct record *record, bool in_snapshot)
{
    uint64_t first;
    uint32_t last;

    memcpy(&first, record->id, sizeof(first));
    memcpy(&last, record->id + sizeof(first), sizeof(last));
    add(origins, name_of(origins, first, last), !in_snapshot && record->op != OPERATION_CREATE,
        sum_of(origins, record));
    if (in_snapshot) /* where a serial is no longer the number of a line; no id ends with NULs */
        add(origins, name_of(origins, record->serial, 0), false, 0);
    return !origins->lost;
}

/* The creations of a part so far. */
struct origin_table {
    uint32_t *slots; /* 1 + the number of the entry; 0: empty */
    size_t mask;
};

static bool same_name(const struct origin_entry *a, const struct origin_entry *b)
{
    return ((a->name[0] ^ b->name[0]) & ~CHANGES) == 0 && a->name[1] == b->name[1];
}

/* The lines of a part, in the order of the file. */
static bool entries_fit(const struct origin_entry *entries, size_t count, const struct origin_table *table)
{
    for (size_t n = 0; n < count; n++) {
        const struct origin_entry *entry = &entries[n], *first;
        size_t i = entry->name[1] / PARTS & table->mask;

        while (table->slots[i] > 0 && !same_name(&entries[table->slots[i] - 1], entry))
            i = (i + 1) & table->mask;
        first = table->slots[i] > 0 ? &entries[table->slots[i] - 1] : NULL;
        if ((entry->name[0] & CHANGES) == 0) {
            if (first)
                return false;
            table->slots[i] = (uint32_t)n + 1;
        } else if (!first || first->origin != entry->origin) {
            return false;
        }
    }
    return true;
}

/* Read a part whole. */
static bool read_part(const struct origins *origins, size_t number, struct origin_entry *entries)
{
    const struct origin_part *part = &origins->parts[number];
    size_t size = (size_t)part->written * sizeof(*entries);

    if (size > 0 && read_at(origins->fd, entries, size, place_of(origins, number)) != (ssize_t)size)
        return false;
    memcpy(entries + part->written, origins->buffers + number * BUFFERED, part->buffered * sizeof(*entries));
    return true;
}

static size_t entries_of(const struct origin_part *part)
{
    return (size_t)part->written + part->buffered;
}

bool origins_fit(struct origins *origins)
{
    struct origin_table table = {.mask = 15};
    struct origin_entry *entries;
    size_t most = 0;
    bool fit = !origins->lost;

    for (size_t i = 0; i < PARTS; i++)
        most = entries_of(&origins->parts[i]) > most ? entries_of(&origins->parts[i]) : most;
    while (table.mask < 2 * most)
        table.mask = 2 * table.mask + 1;
    entries = must_have(calloc(most + 1, sizeof(*entries)));
    table.slots = must_have(calloc(table.mask + 1, sizeof(*table.slots)));
    for (size_t i = 0; i < PARTS && fit; i++) {
        memset(table.slots, 0, (table.mask + 1) * sizeof(*table.slots));
        fit = read_part(origins, i, entries) && entries_fit(entries, entries_of(&origins->parts[i]), &table);
    }
    free(table.slots);
    free(entries);
    return fit;
}
