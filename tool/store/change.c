#include "store/change.h"

#include <errno.h>
#include <string.h>

#include "store/format.h"
#include "store/propose.h"
#include "store/used.h"

static enum status not_vouched_for(struct log *log, struct fault *fault)
{
    log->doubt = true;
    fault_set(
        fault,
        "%s/%s: the disk failed (%s), so toktab cannot vouch for this change: run `toktab compact`, which "
        "writes and syncs a new file",
        log->storefile.directory, log->storefile.name, strerror(errno));
    return STATUS_IO;
}

static enum status explain(struct log *log, enum appended appended, struct fault *fault)
{
    const char *directory = log->storefile.directory, *name = log->storefile.name;

    switch (appended) {
    case APPENDED:
        return STATUS_DONE;
    case APPEND_CONFLICT:
        fault_set(fault, "%s/%s: another process is writing to it without the lock: nothing was done",
                  directory, name);
        return STATUS_LOCKED;
    case APPEND_UNAVAILABLE:
        fault_set(fault, "%s/%s: nothing was done: %s", directory, name, strerror(errno));
        return STATUS_IO;
    case APPEND_UNKNOWN:
    default:
        return not_vouched_for(log, fault);
    }
}

/* Nothing takes it back: this host gets it as other hosts do. */
static enum status only_in_engine(struct log *log, struct fault *fault)
{
    log->doubt = true;
    fault_set(fault,
              "the engine %s has the change, so other hosts get it, but here %s/%s cannot be written: %s: "
              "`toktab follow` writes it as soon as that is mended",
              log->session->domain->source, log->storefile.directory, log->storefile.name, strerror(errno));
    return STATUS_IO;
}

enum status change_read(struct log *log, struct refs *refs, size_t i, struct record *record,
                        struct fault *fault)
{
    enum status status = refs_read(refs, log->file, fault);

    if (status != STATUS_DONE)
        return status;
    if (refs->list[i].line && ref_record(&refs->list[i], record))
        return STATUS_DONE;
    fault_set(fault, "no longer in the store: somebody replaced the store with another one");
    return STATUS_NOT_FOUND;
}

enum status change_append(struct log *log, const struct session *session, struct record *record, bool ends,
                          struct fault *fault)
{
    char text[LINE_SIZE_MAX];
    unsigned char chain[CHAIN_SIZE];
    bool creates = record->serial == 0;
    enum appended appended;
    enum status status;
    struct tip tip;
    size_t length;

    status = log_tip(log, &tip, fault);
    if (status != STATUS_DONE)
        return status;
    record->n = tip.chain.at.n + 1;
    record->prior = tip.chain.serial;
    memcpy(record->before, tip.chain.at.chain, CHAIN_SIZE);
    record->by = span_of(session->caller.by);
    if (creates) {
        record->serial = record->n;
        record->created = record->time;
    }
    if (record->n == 0) {
        fault_set(fault,
                  "the log has no number left for another line: move the store away, and create its tokens "
                  "anew");
        return STATUS_DAMAGED;
    }
    length = change_format(text, record, tip.chain.origin, chain);
    if (length == 0 || (!ends && length > LINE_SIZE_MAX - REVOCATION_SIZE)) {
        fault_set(fault,
                  "too much for one line of the store: shorten the texts, or give fewer scopes or networks");
        return STATUS_USAGE;
    }
    /* a full disk may stop create, but not revoke */
    if (log_has_engine(log) && !ends && !log_has_room(log, &tip, length))
        return explain(log, APPEND_UNAVAILABLE, fault);
    journal_note(&log->journal, session->caller.by, log->domain, record);
    status = propose(log, &tip, text, length, fault);
    if (status == STATUS_DONE) {
        appended = log_append(log, &tip, text, length, !ends && !log_has_engine(log));
        status = log_has_engine(log) && (appended == APPEND_UNAVAILABLE || appended == APPEND_CONFLICT)
                     ? only_in_engine(log, fault)
                     : explain(log, appended, fault);
    }
    if (status == STATUS_DONE || log->doubt) { /* hosts may have applied it */
        journal_made(&log->journal, record, status != STATUS_DONE);
        return status;
    }
    journal_forget(&log->journal);
    if (creates)
        record->serial = 0; /* it may get another number */
    return status;
}

enum status change_sync(struct log *log, struct fault *fault)
{
    return log_sync(log) ? STATUS_DONE : not_vouched_for(log, fault);
}

enum status change_make(struct log *log, const struct session *session, struct record *record, bool ends,
                        struct fault *fault)
{
    enum status status = change_append(log, session, record, ends, fault);

    return status == STATUS_DONE ? change_sync(log, fault) : status;
}

enum status change_confirm(struct log *log, struct fault *fault)
{
    struct tip tip;
    enum status status = log_tip(log, &tip, fault);

    if (status == STATUS_DONE && !log_sync_tip(log, &tip)) {
        fault_set(fault,
                  "%s/%s: cannot be written to the disk: %s: run `toktab compact`, which writes and syncs a "
                  "new file",
                  log->storefile.directory, log->storefile.name, strerror(errno));
        status = STATUS_IO;
    }
    return status;
}

void change_end(struct log *log, const struct session *session)
{
    log_end(log);
    used_make_directory(session);
}
