/* Domain admins are not let in by the files' modes: they run the tool through sudo, as the owner of the
 * system's stores. When one of them just types a command, the tool does that for her. */
#ifndef SUDO_H
#define SUDO_H

#include "caller/caller.h"

/*
 * The caller is an ordinary user, whom the system has not let in at what. argv: of this process; directory:
 * of the stores, or NULL if it is not known. Runs the same command through sudo, and does not return; or
 * STATUS_NOT_PERMITTED, with the reason printed.
 */
enum status sudo_run(const struct caller *caller, char **argv, const char *directory, const char *what);

#endif
