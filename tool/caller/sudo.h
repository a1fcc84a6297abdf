/* The files' modes keep domain admins out; they run the tool through sudo as the owner of the system's
 * stores. If an admin types a plain command, the tool calls sudo itself. */
#ifndef SUDO_H
#define SUDO_H

#include "caller/caller.h"

/*
 * Run this command through sudo, for an ordinary user who was denied access to the file what. argv: of this
 * process; directory: of the stores, NULL: not known. Does not return if sudo allows it; else prints why not
 * and returns STATUS_NOT_PERMITTED.
 */
enum status sudo_run(const struct caller *caller, char **argv, const char *directory, const char *what);

#endif
