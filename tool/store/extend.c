#include "store/extend.h"

#include <string.h>

#include "store/format.h"
#include "store/rewrite.h"

/* Up to the last line; what a killed writer left behind it stays behind. */
static bool copy_lines(struct newfile *file, int from, const struct tip *tip)
{
    static char bytes[64 * 1024]; /* too large for a small stack */
    uint64_t offset = 0;

    while (offset < tip->end) {
        size_t length = tip->end - offset < sizeof(bytes) ? (size_t)(tip->end - offset) : sizeof(bytes);

        if (!read_all(from, bytes, length, offset) || !newfile_add(file, bytes, length))
            return false;
        offset += length;
    }
    return !tip->lf_due || newfile_add(file, "\n", 1);
}

enum status extend_begin(struct extension *extension, struct log *log, const struct session *session,
                         struct fault *fault)
{
    enum status status = log_tip(log, &extension->tip, fault);

    extension->by = session->caller.by;
    if (status == STATUS_DONE)
        status = rewrite_begin(log, &extension->file, fault);
    if (status == STATUS_DONE && !copy_lines(&extension->file, log->file, &extension->tip)) {
        status = rewrite_failed(log, fault);
        newfile_abandon(&extension->file);
    }
    return status;
}

bool extend_too_long(const struct record *record)
{
    enum {
        NUMBERS = 7 * 20, /* n, serial, four times and prior, as long as they get */
        REST = ID_LENGTH + 1 + HASH_HEX + 2 * CHAIN_HEX,
        BARS = COLUMN_CHAIN + 1 /* with the LF */
    };

    return NUMBERS + REST + BARS + record->by.length + record->scopes.length + record->nets.length +
               record->user.length + record->label.length + record->reason.length + record->prev.length +
               record->ext.length >
           LINE_SIZE_MAX - REVOCATION_SIZE;
}

enum status extend_add(struct extension *extension, const struct log *log, struct record *record,
                       struct fault *fault)
{
    struct chain *chain = &extension->tip.chain;
    char text[LINE_SIZE_MAX];
    size_t length;

    record->n = record->serial = chain->at.n + 1;
    record->prior = chain->serial;
    memcpy(record->before, chain->at.chain, CHAIN_SIZE);
    record->by = span_of(extension->by);
    length = change_format(text, record, chain->origin, chain->at.chain);
    if (length == 0 || length > LINE_SIZE_MAX - REVOCATION_SIZE) {
        fault_set(fault, "too much for one line of the store");
        return STATUS_USAGE;
    }
    if (!newfile_add(&extension->file, text, length))
        return rewrite_failed(log, fault);
    chain->at.n = record->n;
    chain->serial = record->serial;
    return STATUS_DONE;
}

enum status extend_install(struct extension *extension, struct log *log, struct fault *fault)
{
    struct newfile *file = &extension->file;

    /* the room for revocations too, before the old file with its own is gone */
    if (keep_room(file->fd, file->end, RESERVE) && newfile_finish(file))
        return rewrite_install(log, file, REWRITE_ADVICE, fault);
    rewrite_failed(log, fault);
    newfile_abandon(file);
    return STATUS_IO;
}
