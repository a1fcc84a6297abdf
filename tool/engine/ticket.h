/*
 * The token that etcd gave for the password, in a file that all programs of this host share: a login is slow
 * on purpose, and costs the nodes more than all else.
 */
#ifndef TICKET_H
#define TICKET_H

#include <stdbool.h>
#include <stddef.h>

/* Read it, with a NUL; "" if there is none, or if anybody else could read or have written it. */
void ticket_read(const char *path, char *token, size_t size);

/* Keep it. A failure is ignored: then each program logs in by itself. */
void ticket_keep(const char *path, const char *token);

#endif
