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
    char *admins;                           /* "alice,@webops"; "": only root */
    char *scopes;                           /* "read,write"; "": any scope may be granted and demanded */
    int64_t default_lifetime, max_lifetime; /* seconds; 0: none */
    int64_t stale_limit;                    /* seconds */
    bool track_usage;
    bool foreign; /* keys that another system issued are looked up too */
};

/* Set the defaults, without a name. False with errno ENOMEM; call domain_free() even then. */
bool domain_start(struct domain *domain);
bool domain_copy(struct domain *copy, const struct domain *domain);
void domain_free(struct domain *domain);

/* Does an entry of admins begin with "web:", and so mean a person whom a web server knows, and no user of the
 * system? */
bool admin_is_web(struct span admin);

/* Is it "web:" and 1 to 128 of A-Z a-z 0-9 . _ @ + -? */
bool web_admin_valid(struct span admin);

/* Does the domain have each scope of the list? If not, *foreign is the first that is unknown or invalid. */
bool domain_has_scopes(const struct domain *domain, struct span scopes, struct span *foreign);

#endif
