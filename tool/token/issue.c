#include "token/issue.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "terminal/output.h"
#include "terminal/secret.h"
#include "token/describe.h"
#include "token/when.h"

enum status issue_options_fit(const struct issue *issue)
{
    const struct given *given = &issue->given;

    if (given->copy + given->json + given->no_newline > 1)
        return fail(STATUS_USAGE, "--copy, --json and --no-newline exclude each other");
    return STATUS_DONE;
}

enum status issue_make(struct issue *issue, const struct session *session)
{
    enum status status = issue->given.copy ? secret_can_copy() : output_possible();
    size_t length;
    const char *id;

    if (status != STATUS_DONE)
        return status;
    issue->token = must_have(crypto_alloc(TOKEN_MAX + 1));
    length = token_make(issue->token, session->domain->prefix);
    if (!token_shape_valid(issue->token, length, &id))
        return fail(STATUS_IO, "the new token is malformed: nothing was done");
    issue->record =
        (struct record){.op = OPERATION_CREATE, .revoked = TIME_NEVER, .time = (int64_t)time(NULL)};
    memcpy(issue->record.id, id, ID_LENGTH);
    crypto_hash_token(issue->record.hash, issue->token, length, id);
    return STATUS_DONE;
}

void issue_end(struct issue *issue)
{
    if (!issue->token)
        return;
    crypto_free(issue->token);
    crypto_wipe_stack();
}

enum status issue_print(const struct issue *issue, const struct session *session)
{
    const struct record *record = &issue->record;
    char expires[WHEN_SIZE], distance[WHEN_SIZE / 2], *notes, *label;
    enum status status;

    if (issue->given.copy) {
        status = secret_copy(issue->token);
    } else if (issue->given.json) {
        json_t *object;

        secret_guard_json();
        object = describe_json(record, session->domain->name, record->time);
        json_add(object, "token", json_string(issue->token));
        status = print_json(object);
    } else if (issue->given.no_newline) {
        status = output_text(issue->token) ? STATUS_DONE : output_failed();
        if (isatty(STDOUT_FILENO))
            fputc('\n', stderr); /* else a double click would select the message too */
    } else {
        status = output_line(issue->token);
    }
    if (status != STATUS_DONE) {
        say("token %" PRIu64
            " was created, but could not be shown: revoke it (toktab revoke %s), then create another",
            record->serial, record->id);
        return status;
    }
    label = unescaped(record->label);
    when_format_local(expires, record->expires);
    when_format_distance(distance, record->expires, record->time);
    if (record->expires != TIME_NEVER)
        notes = composed(" (%s%s%s)", distance, issue->rule ? ", " : "", issue->rule ? issue->rule : "");
    else
        notes = composed(issue->rule ? " (%s)" : "%s", issue->rule ? issue->rule : "");
    say("created token %" PRIu64 " (id %s) in domain %s: \"%s\", expires: %s%s", record->serial, record->id,
        session->domain->name, label, expires, notes);
    free(notes);
    if (issue->given.copy) {
        say("sent the token to your terminal, for its clipboard (OSC 52): paste it now; it cannot be shown "
            "again");
        say("if nothing is pasted, the terminal ignored it: tmux needs `set -g set-clipboard on`");
    } else {
        say("copy the token now; it cannot be shown again");
    }
    free(label);
    return STATUS_DONE;
}
