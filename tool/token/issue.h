/* A new token: made, kept in the record as a hash, and printed once. */
#ifndef ISSUE_H
#define ISSUE_H

#include "caller/session.h"
#include "record.h"

struct issue {
    bool copy, json; /* how it is to be printed: --copy, --json; at most one */
    char *token;     /* in memory for secrets */
    struct record record;
    const char *rule; /* what set its expiry; NULL: -e */
};

/* --copy and --json; STATUS_USAGE for any other. */
enum status issue_take_option(struct issue *issue, int option);

/* Do --copy and --json fit together? STATUS_USAGE, printed. */
enum status issue_options_fit(const struct issue *issue);

/*
 * Can it be printed at all? Then make a token for the session's domain, and its record but for expires and
 * the columns that people fill in: those are empty. Prints what is wrong. Ends with issue_end() whatever it
 * returned.
 */
enum status issue_make(struct issue *issue, const struct session *session);
void issue_end(struct issue *issue);

/* The record is on the disk: print the token, and say what it is. STATUS_IO, with a message that it was not
 * seen by anybody. */
enum status issue_print(const struct issue *issue, const struct session *session);

#endif
