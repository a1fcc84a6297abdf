/* Who runs the tool, and what that person may do. It is decided here because sudoers knows no domains.
 */
#ifndef CALLER_H
#define CALLER_H

#include <stdbool.h>
#include <sys/types.h>

#include "config.h"
#include "say.h"

struct caller {
    uid_t uid;        /* of the person: through sudo, of who called it */
    char *name;       /* of that uid */
    char by[256 * 3]; /* name, uid and login uid, as a line of a store has them */
    bool delegated;   /* a domain admin who runs the tool as the owner of the system's stores */
};

/* Look at the process: its uids, SUDO_UID, the login uid. */
enum status caller_find(struct caller *caller);
void caller_free(struct caller *caller);

/* May the caller administer this domain? */
bool caller_may(const struct caller *caller, const struct domain *domain);

/* As root: become the owner of the directory for good, so that nothing in it can be turned against root. */
enum status caller_become_owner(const char *directory);

#endif
