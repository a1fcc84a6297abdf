#include "store/rewrite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/format.h"
#include "terminal/say.h"

/* ---- the snapshot ---- */

bool last_line_split(struct last_line *line, const char *text, size_t length)
{
    const char *bar = memchr(text, '|', length);

    *line = (struct last_line){.text = text, .id = bar + 1, .length = length};
    return decimal_parse((struct span){text, (size_t)(bar - text)}, &line->n);
}

/* For index_each(). */
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

void snapshot_drop_dead(struct snapshot *snapshot, int64_t cutoff)
{
    int64_t expires, revoked;
    struct line line;
    size_t kept = 0;

    if (cutoff == TIME_NEVER)
        return;
    for (size_t i = 0; i < snapshot->count; i++) {
        line_split_accepted(&line, snapshot->lines[i].id);
        if (!time_parse(line.column[COLUMN_EXPIRES], &expires) ||
            !time_parse(line.column[COLUMN_REVOKED], &revoked) ||
            (expires < revoked ? expires : revoked) >= cutoff)
            snapshot->lines[kept++] = snapshot->lines[i];
    }
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

/* ---- the file ---- */

enum status rewrite_failed(const struct log *log, struct fault *fault)
{
    fault_set(fault, "%s/%s: nothing was done: %s", log->storefile.directory, log->storefile.name,
              strerror(errno));
    return STATUS_IO;
}

static bool add_record(struct rewrite *rewrite, struct newfile *file, struct record *record)
{
    unsigned char origin[CHAIN_SIZE];
    char text[LINE_SIZE_MAX];
    size_t length;

    header_origin(origin, &rewrite->header);
    record->n = rewrite->at.n + 1;
    record->prior = rewrite->prior;
    memcpy(record->before, rewrite->at.chain, CHAIN_SIZE);
    length = change_format(text, record, origin, rewrite->at.chain);
    errno = EOVERFLOW;
    if (length == 0 || !newfile_add(file, text, length))
        return false;
    rewrite->at.n++;
    rewrite->prior = record->serial;
    return true;
}

static bool add_snapshot(struct rewrite *rewrite, struct newfile *file)
{
    struct header *header = &rewrite->header;
    unsigned char seal[CHAIN_SIZE];
    char text[LINE_SIZE_MAX];
    struct digest digest;

    crypto_digest_start(&digest, HASH_SIZE);
    header->lines = rewrite->snapshot.count;
    header->bytes = 0;
    for (size_t i = 0; i < rewrite->snapshot.count; i++) {
        size_t length = snapshot_seal(text, &rewrite->snapshot.lines[i], header->basechain, seal);

        crypto_digest_add(&digest, seal, CHAIN_SIZE);
        header->bytes += length;
        if (!newfile_add(file, text, length))
            return false;
    }
    crypto_digest_end(&digest, header->digest, HASH_SIZE);
    return true;
}

static bool add_log(struct rewrite *rewrite, struct newfile *file)
{
    struct record record;
    struct line line;

    point_of(&record, &rewrite->header, rewrite->now, rewrite->by, rewrite->ext);
    rewrite->at.n = rewrite->header.base;
    memcpy(rewrite->at.chain, rewrite->header.basechain, CHAIN_SIZE);
    if (!add_record(rewrite, file, &record))
        return false;
    for (size_t i = 0; i < rewrite->snapshot.count; i++) {
        const struct last_line *last = &rewrite->snapshot.lines[i];

        if (!last->ends)
            continue;
        line_split_accepted(&line, last->id);
        errno = EINVAL;
        if (!record_parse(&record, &line))
            return false;
        record.op = OPERATION_REVOKE;
        record.revoked = record.time = rewrite->now;
        record.by = span_of(rewrite->by);
        record.reason = span_of(rewrite->reason);
        if (!add_record(rewrite, file, &record))
            return false;
    }
    return true;
}

static bool write_file(struct rewrite *rewrite, struct newfile *file)
{
    uint64_t size = 2 * (uint64_t)LINE_SIZE_MAX;
    char text[LINE_SIZE_MAX];

    /* the header is written last, so that an unfinished file is never a store; its length does not depend on
     * its values */
    newfile_skip(file, header_format(text, &rewrite->header));
    /* allocate the whole file and the reserve first, so that a full disk is noticed at once */
    for (size_t i = 0; i < rewrite->snapshot.count; i++) {
        const struct last_line *line = &rewrite->snapshot.lines[i];

        size += line->length + (line->ends ? line->length + REVOCATION_SIZE : 0);
    }
    return keep_room(file->fd, 0, size + RESERVE) && add_snapshot(rewrite, file) && add_log(rewrite, file) &&
           newfile_fill(file, text, header_format(text, &rewrite->header), 0) && newfile_finish(file);
}

enum status rewrite_begin(struct log *log, struct newfile *file, struct fault *fault)
{
    enum status status = STATUS_NOT_PERMITTED;
    struct stat old;

    if (fstat(log->file, &old) < 0)
        return rewrite_failed(log, fault);
    if (!newfile_begin(file, log->directory, log->storefile.name)) {
        fault_set(fault, "%s: cannot create a file in it: %s", log->storefile.directory, strerror(errno));
        return STATUS_CANNOT_CREATE;
    }
    if (newfile_dress(file, log->file))
        return STATUS_DONE;
    if (errno == EPERM)
        fault_set(
            fault,
            "%s/%s: nothing was done: uid %u may not give the new file the old file's group %u or its access "
            "control list: add that user to the group, or chgrp the store to one of the user's groups",
            log->storefile.directory, log->storefile.name, (unsigned)old.st_uid, (unsigned)old.st_gid);
    else
        status = rewrite_failed(log, fault);
    newfile_abandon(file);
    return status;
}

enum status rewrite_write(struct rewrite *rewrite, struct log *log, struct newfile *file, struct fault *fault)
{
    enum status status = rewrite_begin(log, file, fault);

    if (status != STATUS_DONE)
        return status;
    if (!write_file(rewrite, file)) {
        status = rewrite_failed(log, fault);
        newfile_abandon(file);
    }
    rewrite->bytes = file->end;
    return status;
}

enum status rewrite_install(struct log *log, struct newfile *file, const char *advice, struct fault *fault)
{
    /* log->file stays open for writing until the old file's name is gone: on overlayfs its readers would not
     * notice otherwise */
    switch (newfile_install(file)) {
    case INSTALLED:
        log_note_durable(log);
        journal_made(&log->journal, NULL, false);
        say_if_out_of_memory("before that the new file of domain %s was put in place", log->domain);
        return STATUS_DONE;
    case INSTALL_FAILED:
        return rewrite_failed(log, fault);
    case INSTALL_UNKNOWN:
    default:
        journal_made(&log->journal, NULL, true); /* hosts may have applied it */
        fault_set(fault,
                  "%s/%s: the new file is in place, but the disk failed (%s), and after a crash the old one "
                  "may be back%s",
                  log->storefile.directory, log->storefile.name, strerror(errno), advice);
        return STATUS_IO;
    }
}
