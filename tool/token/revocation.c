#include "token/revocation.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/change.h"
#include "token/describe.h"

enum { AT_ONCE = 500 }; /* tokens revoked under one lock, for which others may be waiting */

static enum status append(struct log *log, const struct session *session, struct refs *refs, size_t i,
                          struct revocation *revocation, struct fault *fault)
{
    struct record record;
    enum status status = change_read(log, refs, i, &record, fault);

    if (status != STATUS_DONE)
        return status;
    revocation->was_revoked = record.revoked != TIME_NEVER;
    if (revocation->was_revoked)
        return STATUS_DONE;
    record.op = OPERATION_REVOKE;
    record.revoked = record.time = (int64_t)time(NULL);
    record.reason = (struct span){"", 0};
    attributes_apply(revocation->attributes, &record);
    return change_append(log, session, &record, true, fault);
}

static void give_up(struct revocation *revocation, enum status status, const struct fault *fault)
{
    revocation->status = status;
    revocation->why = must_have(strdup(fault->text));
}

/* After this failure, can other tokens of the store still be revoked? */
static bool goes_on(enum status status)
{
    return status == STATUS_DONE || status == STATUS_NOT_FOUND || status == STATUS_USAGE;
}

/* Under the lock. Returns the failure after which nothing more can be written to the store, or STATUS_DONE.
 */
static enum status append_all(struct log *log, const struct session *session, struct refs *refs,
                              struct revocation *revocations, size_t first, size_t last, struct fault *fault)
{
    enum status status = STATUS_DONE;
    size_t i;

    for (i = first; i < last && goes_on(status); i++) {
        status = append(log, session, refs, i, &revocations[i], fault);
        if (status != STATUS_DONE)
            give_up(&revocations[i], status, fault);
    }
    if (goes_on(status))
        return STATUS_DONE;
    for (; i < last; i++)
        give_up(&revocations[i], status, fault);
    return status;
}

/* Make durable what we appended, and what others appended before us; then read the tokens' new state. */
static enum status settle(struct log *log, struct refs *refs, struct revocation *revocations, size_t first,
                          size_t last, struct fault *fault)
{
    enum status status = change_confirm(log, fault);

    if (status == STATUS_DONE)
        status = refs_read(refs, log->file, false, fault);
    for (size_t i = first; i < last; i++) {
        if (revocations[i].status != STATUS_DONE)
            continue;
        if (status != STATUS_DONE)
            give_up(&revocations[i], status, fault);
    }
    return status;
}

/* Revoke first to last - 1 under one lock, with one sync. */
static enum status revoke_some(const struct session *session, struct refs *refs,
                               struct revocation *revocations, size_t first, size_t last, struct fault *fault)
{
    struct log log;
    enum status status = log_begin(&log, session->config.store_dir, session->domain->name, false, fault),
                settled;

    if (status != STATUS_DONE) {
        for (size_t i = first; i < last; i++)
            give_up(&revocations[i], status, fault);
        return status;
    }
    status = append_all(&log, session, refs, revocations, first, last, fault);
    settled = settle(&log, refs, revocations, first, last, fault);
    change_end(&log, session);
    return status == STATUS_DONE ? settled : status;
}

static void acknowledge(const struct ref *ref, struct revocation *revocation)
{
    struct record record;
    char *label;

    if (revocation->why) {
        say("token %.15s: NOT revoked: %s", ref->text, revocation->why);
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
    struct fault fault = {0};
    size_t last;

    for (size_t first = 0; first < refs->count; first = last) {
        last = refs->count - first > AT_ONCE ? first + AT_ONCE : refs->count;
        if (stopped == STATUS_DONE)
            stopped = revoke_some(session, refs, revocations, first, last, &fault);
        else
            for (size_t i = first; i < last; i++)
                give_up(&revocations[i], stopped, &fault);
        for (size_t i = first; i < last; i++) {
            worst = revocations[i].status == STATUS_DONE ? worst : revocations[i].status;
            acknowledge(&refs->list[i], &revocations[i]);
        }
    }
    return worst;
}
