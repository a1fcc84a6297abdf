#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "say.h"

bool last_line_split(struct last_line *line, const char *text, size_t length)
{
    const char *bar = memchr(text, '|', length);

    *line = (struct last_line){.text = text, .id = bar + 1, .length = length};
    return decimal_parse((struct span){text, (size_t)(bar - text)}, &line->n);
}

/* index_each() calls it. */
static void add(void *context, const char *id)
{
    struct snapshot *snapshot = context;
    const char *text = id - 1, *end = (const char *)memchr(id, '\n', LINE_SIZE_MAX) + 1;

    while (text[-1] != '\n')
        text--;
    last_line_split(&snapshot->lines[snapshot->count++], text, (size_t)(end - text));
}

void snapshot_of_index(struct snapshot *snapshot, const struct index *index)
{
    snapshot->lines = must_have(calloc(index->count + 1, sizeof(*snapshot->lines)));
    snapshot->count = 0;
    index_each(index, add, snapshot);
    snapshot_sort(snapshot);
}

void snapshot_free(struct snapshot *snapshot)
{
    free(snapshot->lines);
}

static int by_n(const void *a, const void *b)
{
    uint64_t first = ((const struct last_line *)a)->n, second = ((const struct last_line *)b)->n;

    return (first > second) - (first < second);
}

void snapshot_sort(struct snapshot *snapshot)
{
    qsort(snapshot->lines, snapshot->count, sizeof(*snapshot->lines), by_n);
}

int64_t later_cutoff(int64_t a, int64_t b)
{
    if (a == TIME_NEVER || b == TIME_NEVER)
        return a == TIME_NEVER ? b : a;
    return a > b ? a : b;
}

bool cutoff_ahead(int64_t cutoff, int64_t now)
{
    return cutoff != TIME_NEVER && cutoff > now;
}

static bool dead_before(const struct last_line *last, int64_t cutoff)
{
    int64_t expires, revoked;
    struct line line;

    line_split_accepted(&line, last->id);
    return time_parse(line.column[COLUMN_EXPIRES], &expires) &&
           time_parse(line.column[COLUMN_REVOKED], &revoked) &&
           (expires < revoked ? expires : revoked) < cutoff;
}

void snapshot_drop_dead(struct snapshot *snapshot, int64_t cutoff)
{
    size_t kept = 0;

    if (cutoff == TIME_NEVER)
        return;
    for (size_t i = 0; i < snapshot->count; i++)
        if (!dead_before(&snapshot->lines[i], cutoff))
            snapshot->lines[kept++] = snapshot->lines[i];
    snapshot->count = kept;
}

size_t snapshot_seal(char text[LINE_SIZE_MAX], const struct last_line *line,
                     const unsigned char basechain[CHAIN_SIZE], unsigned char seal[CHAIN_SIZE])
{
    size_t length = line->length - CHAIN_HEX - 1;

    memcpy(text, line->text, length);
    return chain_finish_sealed(text, length, basechain, seal);
}

void point_of(struct record *point, const struct header *header, int64_t now, const char *by, const char *ext)
{
    static const struct span empty = {"", 0};

    *point = (struct record){
        .n = header->base + 1,
        .op = OPERATION_POINT,
        .created = now,
        .expires = header->cutoff,
        .revoked = TIME_NEVER,
        .time = now,
        .by = span_of(by),
        .scopes = empty,
        .nets = empty,
        .user = empty,
        .label = empty,
        .reason = empty,
        .prev = empty,
        .ext = span_of(ext),
    };
    memcpy(point->id, record_no_id, sizeof(record_no_id));
    memcpy(point->hash, header->digest, HASH_SIZE);
}
