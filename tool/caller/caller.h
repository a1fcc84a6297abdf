/* Who runs the tool, and which domains that person may administer: sudoers knows no domains. */
#ifndef CALLER_H
#define CALLER_H

#include <stdbool.h>
#include <sys/types.h>

#include "config.h"
#include "terminal/say.h"

/* The owner of the stores, if the stores cannot be looked at. */
#define SYSTEM_USER "toktab"

struct caller {
    uid_t uid;        /* of the person, also through sudo */
    char *name;       /* of that uid */
    bool known;       /* the uid has a name; else name is the number */
    char by[256 * 3]; /* the by column of a line: name, uid and login uid */
    bool delegated;   /* a domain admin who runs the tool as the owner of the system's stores */
};

/* Find the caller from uid, SUDO_UID and login uid. Prints what is wrong. */
enum status caller_find(struct caller *caller);
void caller_free(struct caller *caller);

/* Do the domain's admins name the caller or one of the caller's groups? */
bool caller_is_admin(const struct caller *caller, const struct domain *domain);

/* May the caller administer this domain, as far as the files' owners and modes allow? */
bool caller_may(const struct caller *caller, const struct domain *domain);

/* As root: become the owner of the directory for good, so that nothing in it can be turned against root.
 * Whoever it is, a directory that does not exist is reported: it is not one without stores. */
enum status caller_become_owner(const char *directory);

#endif
