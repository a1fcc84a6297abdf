#include "renew.h"

#include <errno.h>
#include <string.h>

#include "change.h"

static enum status failed(const struct log *log, struct fault *fault)
{
    fault_set(fault, "%s/%s: nothing was done: %s", log->place.directory, log->place.name, strerror(errno));
    return STATUS_IO;
}

static enum status not_dressed(const struct log *log, const struct stat *old, struct fault *fault)
{
    if (errno != EPERM)
        return failed(log, fault);
    fault_set(
        fault,
        "%s/%s: nothing was done: uid %u may not give the new file group %u, which the old one has: make "
        "that user a member of the group, or chgrp the store to one of the user's groups",
        log->place.directory, log->place.name, (unsigned)old->st_uid, (unsigned)old->st_gid);
    return STATUS_NOT_PERMITTED;
}

/* All that it will have, and the reserve: what does not fit is found out at once. */
static bool allocate(const struct renewal *renewal, const struct replacement *file)
{
    uint64_t size = 2 * (uint64_t)LINE_SIZE_MAX;

    for (size_t i = 0; i < renewal->snapshot.count; i++) {
        const struct last_line *line = &renewal->snapshot.lines[i];

        size += line->length + (line->ends ? line->length + REVOCATION_SIZE : 0);
    }
    return keep_room(file->fd, 0, size + RESERVE);
}

/* The next line of the log. */
static bool add_record(struct renewal *renewal, struct replacement *file, struct record *record)
{
    unsigned char origin[CHAIN_SIZE];
    char text[LINE_SIZE_MAX];
    size_t length;

    header_origin(origin, &renewal->header);
    record->n = renewal->at.n + 1;
    record->prior = renewal->prior;
    memcpy(record->before, renewal->at.chain, CHAIN_SIZE);
    length = change_format(text, record, origin, renewal->at.chain);
    errno = EOVERFLOW;
    if (length == 0 || !replacement_add(file, text, length))
        return false;
    renewal->at.n++;
    renewal->prior = record->serial;
    return true;
}

static bool add_revocation(struct renewal *renewal, struct replacement *file, const struct last_line *last)
{
    struct record record;
    struct line line;

    line_split_accepted(&line, last->id);
    errno = EINVAL;
    if (!record_parse(&record, &line))
        return false;
    record.op = OPERATION_REVOKE;
    record.revoked = record.time = renewal->now;
    record.by = span_of(renewal->by);
    record.reason = span_of(renewal->reason);
    return add_record(renewal, file, &record);
}

static bool add_snapshot(struct renewal *renewal, struct replacement *file)
{
    struct header *header = &renewal->header;
    unsigned char seal[CHAIN_SIZE];
    char text[LINE_SIZE_MAX];
    struct digest digest;

    crypto_digest_start(&digest, HASH_SIZE);
    header->lines = renewal->snapshot.count;
    header->bytes = 0;
    for (size_t i = 0; i < renewal->snapshot.count; i++) {
        size_t length = snapshot_seal(text, &renewal->snapshot.lines[i], header->basechain, seal);

        crypto_digest_add(&digest, seal, CHAIN_SIZE);
        header->bytes += length;
        if (!replacement_add(file, text, length))
            return false;
    }
    crypto_digest_end(&digest, header->digest, HASH_SIZE);
    return true;
}

static bool add_log(struct renewal *renewal, struct replacement *file)
{
    struct record point;

    point_of(&point, &renewal->header, renewal->now, renewal->by, renewal->ext);
    renewal->at.n = renewal->header.base;
    memcpy(renewal->at.chain, renewal->header.basechain, CHAIN_SIZE);
    if (!add_record(renewal, file, &point))
        return false;
    for (size_t i = 0; i < renewal->snapshot.count; i++)
        if (renewal->snapshot.lines[i].ends && !add_revocation(renewal, file, &renewal->snapshot.lines[i]))
            return false;
    return true;
}

/* The header comes last: a file without one is no store, whatever happens in between. Its length does not
 * depend on what is filled in. */
static bool write_file(struct renewal *renewal, struct replacement *file)
{
    char text[LINE_SIZE_MAX];

    replacement_skip(file, header_format(text, &renewal->header));
    return allocate(renewal, file) && add_snapshot(renewal, file) && add_log(renewal, file) &&
           replacement_fill(file, text, header_format(text, &renewal->header), 0) && replacement_finish(file);
}

enum status renewal_write(struct renewal *renewal, struct log *log, struct replacement *file,
                          struct fault *fault)
{
    enum status status = STATUS_DONE;
    struct stat old;

    if (fstat(log->file, &old) < 0)
        return failed(log, fault);
    if (!replacement_begin(file, log->directory, log->place.name)) {
        fault_set(fault, "%s: cannot create a file there: %s", log->place.directory, strerror(errno));
        return STATUS_CANNOT_CREATE;
    }
    if (!replacement_dress(file, &old))
        status = not_dressed(log, &old, fault);
    else if (!write_file(renewal, file))
        status = failed(log, fault);
    if (status != STATUS_DONE)
        replacement_abandon(file);
    renewal->bytes = file->end;
    return status;
}

enum status renewal_install(struct log *log, struct replacement *file, struct fault *fault)
{
    /* log->file stays open for writing until the old file's name is gone: on overlayfs a reader of it would
     * not notice else */
    switch (replacement_install(file)) {
    case INSTALLED:
        log_note_durable(log);
        return STATUS_DONE;
    case INSTALL_FAILED:
        return failed(log, fault);
    case INSTALL_UNKNOWN:
    default:
        fault_set(
            fault,
            "%s/%s: the new file is there, but the disk failed (%s): after a crash the old one may be back: "
            "run it again",
            log->place.directory, log->place.name, strerror(errno));
        return STATUS_IO;
    }
}
