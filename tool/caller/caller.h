/* Who runs the tool, and what that person may do. It is decided here because sudoers knows no domains.
 */
#ifndef CALLER_H
#define CALLER_H

#include <stdbool.h>
#include <sys/types.h>

#include "config.h"
#include "terminal/say.h"

/* Who owns the stores, where these cannot be looked at. */
#define SYSTEM_USER "toktab"

struct caller {
    uid_t uid;        /* of the person: through sudo, of who called it */
    char *name;       /* of that uid */
    bool known;       /* that name is one, not just a number */
    char by[256 * 3]; /* name, uid and login uid, as a line of a store has them */
    bool delegated;   /* a domain admin who runs the tool as the owner of the system's stores */
};

/* Look at the process: its uids, SUDO_UID, the login uid. */
enum status caller_find(struct caller *caller);
void caller_free(struct caller *caller);

/* Do the domain's admins name the caller, or a group of the caller's? */
bool caller_is_admin(const struct caller *caller, const struct domain *domain);

/* May the caller administer this domain, if the system lets the process? */
bool caller_may(const struct caller *caller, const struct domain *domain);

/* As root: become the owner of the directory for good, so that nothing in it can be turned against root. */
enum status caller_become_owner(const char *directory);

#endif
