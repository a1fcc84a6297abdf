/* Decides on a token's line and a request. Pure. */
#ifndef POLICY_H
#define POLICY_H

#include "../toktab.h"
#include "cidr.h"
#include "record.h"

struct demand {
    struct span scopes;           /* not escaped; the token must have all */
    const struct address *client; /* NULL: not known */
    const char *user;             /* NULL: the host names no user */
};

/* Set a verdict without an identity. Fills all of result except size. */
void policy_answer(struct toktab_result *result, enum toktab_verdict verdict, enum toktab_reason reason);

/* Decide on a token whose secret is proved, at this time. Fills all of result except size. */
void policy_decide(struct toktab_result *result, const struct line *line, const struct demand *demand,
                   int64_t now);

#endif
