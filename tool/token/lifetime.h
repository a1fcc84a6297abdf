/* How long a token lives, by -e and by the domain's rules. */
#ifndef LIFETIME_H
#define LIFETIME_H

#include "config.h"
#include "terminal/say.h"

/*
 * The expiry that -e names, for a token of the domain that was created then, or (NULL) that is created now.
 * Prints what is wrong and returns STATUS_USAGE if the text is not a time, the time is past, or it is more
 * than max_lifetime after creation.
 */
enum status lifetime_parse(const char *text, const struct domain *domain, const int64_t *created, int64_t now,
                           int64_t *expires);

/* The expiry of a token that is created now without -e, and the rule that sets it, for a message. */
int64_t lifetime_default(const struct domain *domain, int64_t now, const char **rule);

/* The expiry of a token that lives from now for length (TIME_NEVER: for ever), or for max_lifetime if that is
 * shorter: then *capped is set. */
int64_t lifetime_end(const struct domain *domain, int64_t length, int64_t now, bool *capped);

#endif
