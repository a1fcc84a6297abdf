#include "ending.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "change.h"
#include "describe.h"

static enum status change(struct log *log, const struct session *session, const struct attributes *attributes,
                          struct refs *refs, size_t i, struct record *record, bool *was_revoked,
                          struct fault *fault)
{
    enum status status = change_read(log, refs, i, record, fault);

    if (status != STATUS_DONE)
        return status;
    *was_revoked = record->revoked != TIME_NEVER;
    if (*was_revoked)
        return change_confirm(log, fault);
    record->op = OPERATION_REVOKE;
    record->revoked = record->time = (int64_t)time(NULL);
    record->reason = (struct span){"", 0};
    attributes_apply(attributes, record);
    return change_append(log, session, record, true, fault);
}

static enum status append(const struct session *session, const struct attributes *attributes,
                          struct refs *refs, size_t i, struct record *record, bool *was_revoked,
                          struct fault *fault)
{
    struct log log;
    enum status status = log_begin(&log, session->config.store_dir, session->domain->name, false, fault);

    if (status == STATUS_DONE) {
        status = change(&log, session, attributes, refs, i, record, was_revoked, fault);
        change_end(&log, session);
    }
    return status;
}

static void acknowledge(const struct record *record, bool was_revoked)
{
    char *label = unescaped(record->label);

    say("%s token %" PRIu64 " (id %s): \"%s\"", was_revoked ? "already revoked:" : "revoked", record->serial,
        record->id, label);
    free(label);
}

enum status ending_revoke(const struct session *session, const struct attributes *attributes,
                          struct refs *refs, size_t i, struct record *record)
{
    struct fault fault;
    bool was_revoked;
    enum status status = append(session, attributes, refs, i, record, &was_revoked, &fault);

    if (status == STATUS_DONE)
        acknowledge(record, was_revoked);
    else
        say("token %.15s: not revoked: %s", refs->list[i].text, fault.text);
    return status;
}
