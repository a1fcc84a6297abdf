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
    PARTS = 128,
    BUFFERED = 128,     /* entries of a part in memory */
    LINE_SIZE_MIN = 128 /* no line is as short */
};

/* All zeros: empty, for no id has a NUL. */
struct origin_entry {
    uint32_t id[ID_LENGTH / 4]; /* of a serial: 0, and the serial */
    uint32_t origin;
};

struct origin_part {
    size_t buffered;
    uint64_t written;
};

/* A bit of the id, which is ASCII. */
#define CHANGES UINT32_C(0x80)

void origins_make(struct origins *origins, uint64_t size)
{
    *origins = (struct origins){.part_size_max = 2 * (size / LINE_SIZE_MIN + BUFFERED), .fd = -1};
    origins->buffers = must_have(calloc(PARTS * BUFFERED, sizeof(*origins->buffers)));
    origins->parts = must_have(calloc(PARTS, sizeof(*origins->parts)));
    crypto_random_bytes(origins->keys, sizeof(origins->keys));
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

static uint64_t hash_of(const struct origin_entry *entry)
{
    uint64_t first = (uint64_t)entry->id[1] << 32 | (entry->id[0] & ~CHANGES);

    return (first ^ (uint64_t)entry->id[2] << 17) * UINT64_C(0x9e3779b97f4a7c15);
}

static void add(struct origins *origins, const struct origin_entry *entry)
{
    size_t number = hash_of(entry) >> 32 & (PARTS - 1);
    struct origin_part *part = &origins->parts[number];

    origins->buffers[number * BUFFERED + part->buffered++] = *entry;
    if (part->buffered == BUFFERED && !write_part(origins, number))
        origins->lost = true;
}

/* Multilinear-HM of Lemire and Kaser: two texts that were chosen without the keys have the same sum with a
 * probability of 2^-32. */
static uint32_t sum_of(const struct origins *origins, const struct record *record)
{
    uint32_t words[ORIGIN_WORDS];
    uint64_t sum = origins->keys[0];

    memcpy(words, record->hash, HASH_SIZE);
    memcpy(words + HASH_SIZE / 4, &record->serial, sizeof(record->serial));
    memcpy(words + HASH_SIZE / 4 + 2, &record->created, sizeof(record->created));
    for (size_t i = 0; i < ORIGIN_WORDS; i += 2)
        sum += (origins->keys[i + 1] + words[i]) * (origins->keys[i + 2] + words[i + 1]);
    return (uint32_t)(sum >> 32);
}

bool origins_see(struct origins *origins, const struct record *record, bool in_snapshot)
{
    struct origin_entry entry = {.origin = sum_of(origins, record)}, serial = {.origin = 0};

    memcpy(entry.id, record->id, ID_LENGTH);
    if (!in_snapshot && record->op != OPERATION_CREATE)
        entry.id[0] |= CHANGES;
    add(origins, &entry);
    if (in_snapshot) { /* where a serial is no longer the number of a line */
        memcpy(serial.id + 1, &record->serial, sizeof(record->serial));
        add(origins, &serial);
    }
    return !origins->lost;
}

/* The creations of a part so far. */
struct origin_table {
    const struct origin_entry **slots; /* NULL: empty */
    size_t mask;
};

static bool same_id(const struct origin_entry *a, const struct origin_entry *b)
{
    return ((a->id[0] ^ b->id[0]) & ~CHANGES) == 0 && a->id[1] == b->id[1] && a->id[2] == b->id[2];
}

/* The lines of a part, in the order of the file. */
static bool entries_fit(const struct origin_entry *entries, size_t count, const struct origin_table *table)
{
    for (const struct origin_entry *entry = entries; entry < entries + count; entry++) {
        size_t i = hash_of(entry) >> 40 & table->mask;
        const struct origin_entry *first;

        while (table->slots[i] && !same_id(table->slots[i], entry))
            i = (i + 1) & table->mask;
        first = table->slots[i];
        if ((entry->id[0] & CHANGES) == 0) {
            if (first)
                return false;
            table->slots[i] = entry;
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
