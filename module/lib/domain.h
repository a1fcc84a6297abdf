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
    bool foreign;    /* keys that another system issued are looked up too */
    char *source;    /* where this host's log comes from, toktab-fleet(7); "": changes are made here */
    char *snapshot;  /* a command that prints the whole file of another host; "": only the source does */
    int64_t max_lag; /* seconds without a word from the source, after which a monitor is told */
};

/* Set the defaults, without a name. False with errno ENOMEM; call domain_free() even then. */
bool domain_start(struct domain *domain);
bool domain_copy(struct domain *copy, const struct domain *domain);
void domain_free(struct domain *domain);

/* Is a source the name of an engine, one word without "/"? Anything else is a command, split at blanks. */
bool source_is_engine(const char *source);

/* One or more words of UTF-8 without control characters; the name of an engine has only [a-z0-9-]. */
bool source_valid(const char *source);

/* Does an entry of admins begin with "web:", and so mean a person whom a web server knows, and no user of the
 * system? */
bool admin_is_web(struct span admin);

/* Is it "web:" and 1 to 128 of A-Z a-z 0-9 . _ @ + -? */
bool web_admin_valid(struct span admin);

/* Does the domain have each scope of the list? If not, *foreign is the first that is unknown or invalid. */
bool domain_has_scopes(const struct domain *domain, struct span scopes, struct span *foreign);

#endif
