/* How long a token lives: what was said, and the domain's rules. */
#ifndef LIFETIME_H
#define LIFETIME_H

#include "config.h"
#include "terminal/say.h"

/*
 * The end that -e names for a token of the domain that was created then. Prints what is wrong and returns
 * STATUS_USAGE: it is no time, lineage, or more than max_lifetime behind the creation.
 */
enum status lifetime_parse(const char *text, const struct domain *domain, int64_t created, int64_t now,
                           int64_t *expires);

/* The end of a life that begins now and is as long as it may be, which is at most length (TIME_NEVER:
 * without an end). *capped: max_lifetime made it shorter. */
int64_t lifetime_end(const struct domain *domain, int64_t length, int64_t now, bool *capped);

#endif
