#include "token/revocation.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/change.h"
#include "store/lock.h"
#include "token/describe.h"

/* What is revoked under one lock: tokens first to last - 1. */
struct batch {
    const struct session *session;
    struct refs *refs;
    struct revocation *revocations;
    size_t first, last;
};

/* STATUS_AGAIN: another host was faster, and may have revoked it. */
static enum status try_append(struct log *log, const struct batch *batch, size_t i, struct fault *fault)
{
    struct revocation *revocation = &batch->revocations[i];
    struct record record;
    enum status status = change_read(log, batch->refs, i, &record, fault);

    if (status != STATUS_DONE)
        return status;
    revocation->was_revoked = revocation->doubt = record.revoked != TIME_NEVER;
    if (revocation->was_revoked)
        return STATUS_DONE;
    record.op = OPERATION_REVOKE;
    record.revoked = record.time = (int64_t)time(NULL);
    record.reason = (struct span){"", 0};
    attributes_apply(revocation->attributes, &record);
    status = change_append(log, batch->session, &record, true, fault);
    revocation->doubt = status == STATUS_DONE || log->doubt;
    return status;
}

static enum status append(struct log *log, const struct batch *batch, size_t i, struct fault *fault)
{
    enum status status;

    do
        status = try_append(log, batch, i, fault);
    while (status == STATUS_AGAIN);
    return status;
}

static void give_up(struct revocation *revocation, enum status status, const struct fault *fault)
{
    revocation->status = status;
    revocation->why = must_have(strdup(fault->text));
}

/* Give up those that have not failed yet, from token i on. */
static void give_up_from(const struct batch *batch, size_t i, enum status status, const struct fault *fault)
{
    for (; i < batch->last; i++)
        if (batch->revocations[i].status == STATUS_DONE)
            give_up(&batch->revocations[i], status, fault);
}

/* Append a revocation for each token until others should have their turn: *batch ends there. Returns the
 * failure after which nothing more can be written to the store, or STATUS_DONE. */
static enum status append_some(struct log *log, struct batch *batch, struct fault *fault)
{
    for (size_t i = batch->first; i < batch->last; i++) {
        enum status status = append(log, batch, i, fault);

        if (log_held_long(log) && status == STATUS_DONE)
            batch->last = i + 1;
        if (status == STATUS_DONE)
            continue;
        give_up(&batch->revocations[i], status, fault);
        if (log->doubt)
            fault_set(fault, "nothing was done, after what became of the token before");
        if (status != STATUS_NOT_FOUND && status != STATUS_USAGE) {
            give_up_from(batch, i + 1, status, fault);
            return status;
        }
    }
    return STATUS_DONE;
}

static enum status revoke_batch(struct batch *batch, struct fault *fault)
{
    const struct session *session = batch->session;
    struct log log;
    enum status status = log_begin(&log, session, LOG_CHANGE, fault), settled;

    if (status != STATUS_DONE) {
        give_up_from(batch, batch->first, status, fault);
        return status;
    }
    status = append_some(&log, batch, fault);
    /* make durable what we appended, and what others appended before us; then read the tokens' new state */
    settled = change_confirm(&log, fault);
    if (settled == STATUS_DONE)
        settled = refs_read(batch->refs, log.file, fault);
    if (settled != STATUS_DONE)
        give_up_from(batch, batch->first, settled, fault);
    change_end(&log, session);
    return status == STATUS_DONE ? settled : status;
}

static void acknowledge(const struct session *session, const struct ref *ref, struct revocation *revocation)
{
    struct record record;
    char *label;

    if (revocation->why) {
        bool again = revocation->doubt && source_is_engine(session->domain->source);

        fail(revocation->status, "token %.15s: NOT %s: %s%s", ref->text,
             revocation->doubt ? "known to be revoked" : "revoked", revocation->why,
             again ? "; revoking again does no harm" : "");
        free(revocation->why);
        revocation->why = NULL;
        return;
    }
    if (!ref_record(ref, &record))
        return;
    label = unescaped(record.label);
    say("%s token %" PRIu64 " (id %s): \"%s\"", revocation->was_revoked ? "already revoked:" : "revoked",
        record.serial, record.id, label);
    free(label);
}

enum status revoke_tokens(const struct session *session, struct refs *refs, struct revocation *revocations)
{
    enum status stopped = STATUS_DONE, worst = STATUS_DONE;
    struct batch batch = {session, refs, revocations, 0, 0};
    struct fault fault = {0};

    for (; batch.first < refs->count; batch.first = batch.last) {
        batch.last = refs->count;
        if (batch.first > 0)
            lock_let_others();
        if (stopped == STATUS_DONE)
            stopped = revoke_batch(&batch, &fault);
        else
            give_up_from(&batch, batch.first, stopped, &fault);
        for (size_t i = batch.first; i < batch.last; i++) {
            worst = revocations[i].status == STATUS_DONE ? worst : revocations[i].status;
            acknowledge(session, &refs->list[i], &revocations[i]);
        }
    }
    return worst;
}
