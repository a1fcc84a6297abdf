#include "policy.h"

#include <string.h>

static bool in_networks(struct span nets, const struct address *client)
{
    struct span net;
    struct cidr cidr;

    while (span_next_item(&nets, &net))
        if (cidr_parse(&cidr, net) && cidr_contains(&cidr, client))
            return true;
    return false;
}

/* The first reason against it, in the order in which a client would want to hear them: what no other request
 * mends first. */
static enum toktab_reason reason_against(const struct record *record, const struct toktab_result *identity,
                                         const struct demand *demand, int64_t now, bool foreign)
{
    if (record->revoked != TIME_NEVER)
        return TOKTAB_REASON_REVOKED;
    if (record->expires != TIME_NEVER && now >= record->expires)
        return TOKTAB_REASON_EXPIRED;
    if (foreign)
        return TOKTAB_REASON_UNSUPPORTED;
    if (identity->user[0] != '\0' && demand->user && strcmp(identity->user, demand->user) != 0)
        return TOKTAB_REASON_USER;
    if (record->nets.length > 0 && !(demand->client && in_networks(record->nets, demand->client)))
        return TOKTAB_REASON_NETWORK;
    if (!span_list_holds_all(span_of(identity->scopes), demand->scopes))
        return TOKTAB_REASON_SCOPE;
    return TOKTAB_REASON_NONE;
}

static bool fill_identity(struct toktab_result *result, const struct record *record)
{
    memcpy(result->id, record->id, sizeof(record->id));
    result->serial = record->serial;
    result->expires = record->expires;
    return text_unescape_plain(result->label, sizeof(result->label), record->label) >= 0 &&
           text_unescape_plain(result->user, sizeof(result->user), record->user) >= 0 &&
           text_unescape(result->scopes, sizeof(result->scopes), record->scopes) >= 0;
}

void policy_decide(struct toktab_result *result, const struct line *line, const struct demand *demand,
                   int64_t now)
{
    struct record record;
    bool foreign;

    /* where a column that the verdict rests on makes no sense, though the chain vouches for it, toktab did
     * not write it: admit nobody. The other columns are for `toktab check`. */
    if (!record_check_for_verdict(&record, line, &foreign) || !fill_identity(result, &record)) {
        *result = (struct toktab_result){
            .size = result->size, .verdict = TOKTAB_ERROR, .reason = TOKTAB_REASON_STORE};
        return;
    }
    result->reason = reason_against(&record, result, demand, now, foreign);
    result->verdict = result->reason == TOKTAB_REASON_NONE ? TOKTAB_ALLOW : TOKTAB_DENY;
}
