/*
 * A libtoktab that gives the answer $ANSWER, or else the one that the token says, "VERDICT REASON": also
 * answers that the real one does not know. The token belongs to alice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../module/toktab.h"

struct toktab {
    char unused;
};

struct toktab *toktab_open(const struct toktab_options *options, char *error, size_t error_size)
{
    static struct toktab table;

    (void)options;
    (void)error;
    (void)error_size;
    return &table;
}

void toktab_close(struct toktab *table)
{
    (void)table;
}

int toktab_check_request(const struct toktab *table, const struct toktab_request *request, char *error,
                         size_t error_size)
{
    (void)table;
    (void)request;
    (void)error;
    (void)error_size;
    return 0;
}

const char *toktab_reason_name(enum toktab_reason reason)
{
    (void)reason;
    return "whatever";
}

int toktab_status(struct toktab *table, const char *domain, struct toktab_status *status)
{
    (void)table;
    (void)domain;
    memset((char *)status + sizeof(status->size), 0, sizeof(*status) - sizeof(status->size));
    status->good = 1;
    status->last_contact = -1;
    return 0;
}

static enum toktab_verdict answer(const char *said, struct toktab_result *result)
{
    int verdict, reason;

    if (!said || sscanf(said, "%d %d", &verdict, &reason) != 2)
        abort();
    memset((char *)result + sizeof(result->size), 0, sizeof(*result) - sizeof(result->size));
    result->verdict = (enum toktab_verdict)verdict;
    result->reason = (enum toktab_reason)reason;
    strcpy(result->id, "0123456789ab");
    result->label = result->scopes = "";
    result->user = strcpy(result->text, "alice");
    return result->verdict;
}

enum toktab_verdict toktab_verify(struct toktab *table, const char *token, size_t length,
                                  const struct toktab_request *request, struct toktab_result *result)
{
    char text[32] = "";

    (void)table;
    (void)request;
    if (length < sizeof(text))
        memcpy(text, token, length);
    return answer(getenv("ANSWER") ? getenv("ANSWER") : text, result);
}

enum toktab_verdict toktab_recheck(struct toktab *table, const char *id, const struct toktab_request *request,
                                   struct toktab_result *result)
{
    (void)table;
    (void)request;
    if (strcmp(id, "0123456789ab") != 0)
        abort();
    return answer(getenv("ANSWER"), result);
}
