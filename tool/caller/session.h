/* What a command works with: the configuration, the domain and the caller. */
#ifndef SESSION_H
#define SESSION_H

#include <sys/stat.h>

#include "caller/caller.h"
#include "config.h"
#include "storefile.h"
#include "terminal/options.h"

struct session {
    struct where where;
    const char *web_name; /* --as, valid; NULL: not given */
    char **argv;          /* of the process */
    bool changes;         /* the command writes */
    struct config config;
    const struct domain *domain;
    struct caller caller;
};

/*
 * Find the caller, read the configuration, choose the domain (without -d: the only one that the caller may
 * change, else "default", else the only one there is), check the caller's rights, and as root become
 * the owner of the stores for good. If files deny access to an ordinary user, runs the command through sudo
 * instead, and does not return. Prints what is wrong. Call session_close() whatever is returned.
 */
enum status session_open(struct session *session);

/* The same for a command that writes: only the stores' owner can, and only on a host that is not a follower,
 * writer.h. */
enum status session_open_to_change(struct session *session);

/* Does DOMAIN.writer name this epoch, writer_named()? */
bool session_is_writer(const struct session *session, uint64_t epoch);

/* May this host change the domain of the session, writer_may()? Asks nothing else. */
enum status session_may_write(const struct session *session, struct fault *fault);

/* The same as session_open() for a command that writes what a source says, or ends that: on a follower too.
 */
enum status session_open_to_follow(struct session *session);

/* Refuse to guess the domain if the caller may change several and did not give -d: prints so and returns
 * STATUS_USAGE. Call it after session_open(). */
enum status session_need_domain(const struct session *session);

/* Print that there is no domain -d, and which ones the caller may choose from. Returns STATUS_NOT_FOUND. */
enum status session_unknown_domain(const struct session *session);

/* Is the caller, whom this finds, only a domain admin: through sudo, or by --as? */
enum status session_find_delegated(struct session *session, bool *delegated);

/* Refuse a command to domain admins who came through sudo or by --as: prints so and returns
 * STATUS_NOT_PERMITTED. Call it before arguments are looked at, for sudo lets them give any, and before
 * session_open(). */
enum status session_refuse_delegated(struct session *session, const char *command);

/* The same as session_open() for all domains: domain stays NULL whatever -d says. caller_may() tells which
 * domains the caller may administer; there is at least one, else this fails. */
enum status session_open_all(struct session *session);

/* Should a command on all domains include this one? Yes, if -d does not exclude it and the caller may
 * administer it. */
bool session_wants(const struct session *session, const struct domain *domain);

/* Where there is no store: is that because this host follows another? Then it says so, for there may be
 * tokens.
 */
bool session_awaits_store(const struct session *session);

/* error: why storefile_open() failed. Where the store of a host that follows another is missing, let fault
 * not advise to create the first token, which is refused there. */
void session_explain_missing(const struct session *session, int error, struct fault *fault);

/* Open the domain's store for reading, if it can be trusted. Returns a descriptor and sets storefile; or
 * prints what is wrong, sets status and returns -1. */
int session_open_store(struct storefile *storefile, const struct session *session,
                       struct stat *status_of_file, enum status *status);

/* Print why the store could not be proved. Returns STATUS_DAMAGED, or STATUS_IO if trying again may help. */
enum status session_unproved(const struct storefile *storefile, const struct fault *fault);

void session_close(struct session *session);

#endif
