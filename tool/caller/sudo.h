/* Domain admins are not let in by the files' modes: they run the tool through sudo, as the owner of the
 * system's stores. When one of them just types a command, the tool does that for her. */
#ifndef DELEGATE_H
#define DELEGATE_H

#include "session.h"

/*
 * The session's caller is an ordinary user, whom the system has not let in at what. directory: of the stores,
 * or NULL if it is not known. Runs the same command through sudo, and does not return; or
 * STATUS_NOT_PERMITTED, with the reason printed.
 */
enum status delegate(const struct session *session, const char *directory, const char *what);

/* Tells the session's caller that the chosen domain is not hers: STATUS_NOT_PERMITTED. */
enum status delegate_refuse(const struct session *session);

#endif
