/* A host process, as far as the library sees one: it opens a table and asks. */
#ifndef HOST_H
#define HOST_H

#include "../../module/toktab.h"
#include "forge.h"

#define HOST_DOMAIN "example.com"

struct host {
    struct toktab *table;
    unsigned alerts, others; /* messages of LOG_ALERT, and of any other priority */
    char last[1024];         /* message */
};

/* A table of one domain, HOST_DOMAIN, whose store is in the directory. stale_limit: "60s" */
void host_open(struct host *host, const char *directory, const char *stale_limit);

/* The same with these settings of the domain: "track_usage = true;" */
void host_open_with(struct host *host, const char *directory, const char *settings);

/* A table for a host that asks once. */
void host_open_once(struct host *host, const char *directory);
void host_close(struct host *host);

/* "allow", or the verdict and the reason: "deny revoked", "error store". Asks when no look from before holds.
 */
const char *host_ask(struct host *host, const struct sample *sample);

/* The same for a request. */
const char *host_ask_for(struct host *host, const struct sample *sample, const struct toktab_request *request,
                         struct toktab_result *result);

#endif
