/* From a token's line and a request to a verdict. Pure. */
#ifndef POLICY_H
#define POLICY_H

#include "../toktab.h"
#include "cidr.h"
#include "record.h"

struct demand {
    struct span scopes;           /* not escaped; the token must have all */
    const struct address *client; /* NULL: not known */
    const char *user;             /* NULL: nobody in particular */
};

/* An answer that names nobody. Fills all of result but size. */
void policy_answer(struct toktab_result *result, enum toktab_verdict verdict, enum toktab_reason reason);

/* May this token, whose secret was proved, be admitted at this time? Fills all of result but size. */
void policy_decide(struct toktab_result *result, const struct line *line, const struct demand *demand,
                   int64_t now);

#endif
