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
    bool delegated;   /* a domain admin who runs the tool as the owner of the system's stores, or web */
    bool web;         /* a person whom a web server knows: name begins with "web:", uid is the owner's */
};

/* Find the caller from uid, SUDO_UID and login uid. Prints what is wrong. */
enum status caller_find(struct caller *caller);

/*
 * Let the web person of that valid name stand in the caller's place, which takes rights away and gives none.
 * Only the owner of the store directory may ask for it, by the uid that the tool starts with, and not through
 * sudo. Otherwise prints so and returns STATUS_NOT_PERMITTED.
 */
enum status caller_stand_for(struct caller *caller, const char *web_name, const char *directory);
void caller_free(struct caller *caller);

/* Do the domain's admins name the caller or one of the caller's groups? */
bool caller_is_admin(const struct caller *caller, const struct domain *domain);

/* Is the caller a domain admin only, even though the process owns the stores? */
bool caller_is_delegated(const struct caller *caller);

/* May the caller administer this domain, as far as the files' owners and modes allow? */
bool caller_may(const struct caller *caller, const struct domain *domain);

/* As root: become the owner of the directory for good, so that nothing in it can be turned against root.
 * Whoever it is, a directory that does not exist is reported: it is not one without stores. */
enum status caller_become_owner(const char *directory);

#endif
