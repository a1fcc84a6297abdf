/* `toktab check --mend`: a new epoch for a store, with all of it that is sound. */
#ifndef MEND_H
#define MEND_H

#include "session.h"

struct mending {
    bool yes;        /* do not ask */
    bool revoke_all; /* end all tokens */
    bool json;
};

/* The session is open. Prints what is done, or why not. */
enum status mend(const struct session *session, const struct mending *mending);

#endif
