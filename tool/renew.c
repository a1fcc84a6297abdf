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
    uint64_t size = 2 * (uint64_t)LINE_SIZE_MAX + renewal->header.bytes;

    for (size_t i = 0; i < renewal->snapshot.count; i++)
        if (renewal->snapshot.lines[i].ends)
            size += renewal->snapshot.lines[i].length + REVOCATION_SIZE;
    return keep_room(file->fd, 0, size + RESERVE);
}

static bool add_record(struct renewal *renewal, struct replacement *file, struct record *record)
{
    char text[LINE_SIZE_MAX];
    size_t length;

    record->n = renewal->n + 1;
    length = change_format(text, record, renewal->chain);
    errno = EOVERFLOW;
    if (length == 0 || !replacement_add(file, text, length))
        return false;
    renewal->n++;
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

static bool add_lines(struct renewal *renewal, struct replacement *file)
{
    struct record point;

    for (size_t i = 0; i < renewal->snapshot.count; i++)
        if (!replacement_add(file, renewal->snapshot.lines[i].text, renewal->snapshot.lines[i].length))
            return false;
    point_of(&point, &renewal->header, renewal->now, renewal->by, renewal->ext);
    renewal->n = renewal->header.base;
    memcpy(renewal->chain, renewal->header.basechain, CHAIN_SIZE);
    if (!add_record(renewal, file, &point))
        return false;
    for (size_t i = 0; i < renewal->snapshot.count; i++)
        if (renewal->snapshot.lines[i].ends && !add_revocation(renewal, file, &renewal->snapshot.lines[i]))
            return false;
    return true;
}

/* The header comes last: a file without one is no store, whatever happens in between. */
static bool write_file(struct renewal *renewal, struct replacement *file)
{
    char text[LINE_SIZE_MAX];
    size_t length;

    snapshot_describe(&renewal->snapshot, &renewal->header);
    length = header_format(text, &renewal->header);
    replacement_skip(file, length);
    return allocate(renewal, file) && add_lines(renewal, file) && replacement_fill(file, text, length, 0) &&
           replacement_finish(file);
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
