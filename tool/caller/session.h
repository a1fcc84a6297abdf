/* What a command works with: the configuration, the domain, who calls. */
#ifndef SESSION_H
#define SESSION_H

#include <sys/stat.h>

#include "caller/caller.h"
#include "config.h"
#include "storefile.h"
#include "terminal/say.h"

struct session {
    const char *config_path; /* -c; NULL: the system's */
    const char *domain_name; /* -d; NULL: none was named */
    char **argv;             /* of the process */
    bool changes;            /* it is open for a command that writes */
    struct config config;
    const struct domain *domain;
    struct caller caller;
};

/*
 * Find out who calls, read the configuration, choose the domain, see whether the caller may, and as root
 * become the owner of the stores for good. An ordinary user whom the system's files do not let in is sent
 * through sudo: then it does not return. Prints what is wrong. Ends with session_close() whatever it
 * returned.
 */
enum status session_open(struct session *session);

/* The same for a command that writes, which only the stores' owner can. */
enum status session_open_to_change(struct session *session);

/* For a command whose effects must outlive what a domain's admin may do: STATUS_NOT_PERMITTED, printed, to
 * who came by sudo as one, whatever the arguments are: sudo lets her give any. Before session_open(). */
enum status session_refuse_delegated(struct session *session, const char *command);

/* The same without a domain: it stays NULL, whatever -d says. The caller may those for which caller_may()
 * says so, of which there is one at least. */
enum status session_open_all(struct session *session);

/* Is a command on all domains about this one? It may be that of -d alone, and nothing that is none of the
 * caller's business. */
bool session_wants(const struct session *session, const struct domain *domain);

/* Open the store of its domain to read it, if it may be trusted. Returns a descriptor, and its place; or -1
 * with the status, printed. */
int session_open_store(struct storefile *storefile, const struct session *session,
                       struct stat *status_of_file, enum status *status);

/* That store could not be proved: prints why. Returns STATUS_DAMAGED, or STATUS_IO where that may pass. */
enum status session_unproved(const struct storefile *storefile, const struct fault *fault);

void session_close(struct session *session);

#endif
