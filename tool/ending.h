/* The end of a token, now and for good. */
#ifndef ENDING_H
#define ENDING_H

#include "attributes.h"
#include "refs.h"
#include "session.h"

/*
 * Revoke the token that refs->list[i] was found to mean. attributes: the reason. Says that it is done when
 * the disk has it, also where somebody else had revoked it before, or why it is not. record receives the
 * token as it is then, and points into refs and attributes.
 */
enum status ending_revoke(const struct session *session, const struct attributes *attributes,
                          struct refs *refs, size_t i, struct record *record);

#endif
