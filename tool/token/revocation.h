/* Revokes tokens. */
#ifndef REVOCATION_H
#define REVOCATION_H

#include "caller/session.h"
#include "store/refs.h"
#include "token/attributes.h"

/* One token to revoke, and what became of it. */
struct revocation {
    const struct attributes *attributes; /* the reason */
    enum status status;
    char *why;        /* why it was not revoked; NULL: it was */
    bool was_revoked; /* already, before this */
    bool doubt;       /* if it failed: its line may be in the store all the same, or in the engine */
};

/*
 * Revoke the tokens of refs->list, which refs_resolve() has found. revocations has one entry for each, all
 * zeros but attributes. Once the disk has a revocation, old or new, prints that; else prints why the token is
 * NOT revoked, or not known to be. After a failure goes on with the other tokens, unless the store cannot be
 * written at all. refs has read what the tokens are now. Returns the last status that is not STATUS_DONE.
 */
enum status revoke_tokens(const struct session *session, struct refs *refs, struct revocation *revocations);

#endif
