/* The settings of one domain. */
#ifndef DOMAIN_H
#define DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "header.h"
#include "token.h"

struct domain {
    char name[DOMAIN_NAME_MAX + 1];
    char prefix[PREFIX_MAX + 1];
    char *admins;                           /* "alice,@webops"; "": nobody but root */
    char *scopes;                           /* "read,write"; "": any scope may be granted and demanded */
    int64_t default_lifetime, max_lifetime; /* seconds; 0: none */
    int64_t stale_limit;                    /* seconds */
    bool track_usage;
};

/* What holds where nothing is said; without a name. False with errno ENOMEM: domain_free() is wanted even so.
 */
bool domain_start(struct domain *domain);
bool domain_copy(struct domain *copy, const struct domain *domain);
void domain_free(struct domain *domain);

/* Has the domain each scope of the list? Else *foreign is the first that it has not, or that is none. */
bool domain_has_scopes(const struct domain *domain, struct span scopes, struct span *foreign);

#endif
