/* What a command works with: the configuration, the domain, who calls. */
#ifndef SESSION_H
#define SESSION_H

#include <sys/stat.h>

#include "caller.h"
#include "config.h"
#include "say.h"

struct session {
    const char *config_path; /* -c; NULL: the system's */
    const char *domain_name; /* -d; NULL: none was named */
    struct config config;
    const struct domain *domain;
    struct caller caller;
};

/*
 * Find out who calls, read the configuration, choose the domain, see whether the caller may, and as root
 * become the owner of the stores for good. Prints what is wrong. Ends with session_close() whatever it
 * returned.
 */
enum status session_open(struct session *session);

/* The same for a command that is about all domains that the caller may administer: domain stays NULL, unless
 * one was named. STATUS_NOT_PERMITTED if there is none. */
enum status session_open_all(struct session *session);
void session_close(struct session *session);

#endif
