/* The end of tokens, now and for good. */
#ifndef REVOCATION_H
#define REVOCATION_H

#include "caller/session.h"
#include "store/refs.h"
#include "token/attributes.h"

/* One token to revoke, and what became of it. */
struct revocation {
    const struct attributes *attributes; /* the reason */
    enum status status;
    char *why;        /* it could not be revoked; NULL: it is */
    bool was_revoked; /* it had been revoked before */
};

/*
 * Revoke the tokens that refs->list was found to mean; revocations has one for each, all zeros but for
 * attributes. Says of each that it is done when the disk has it, also where it had been revoked before, or
 * why it is not. One that fails does not keep the others from being tried, unless nothing can be done to the
 * store. What the tokens are then, refs know. Returns the last status that is not STATUS_DONE.
 */
enum status revoke_tokens(const struct session *session, struct refs *refs, struct revocation *revocations);

#endif
