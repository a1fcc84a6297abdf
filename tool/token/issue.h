/* A new token: generated, hashed into its record, and printed once. */
#ifndef ISSUE_H
#define ISSUE_H

#include "caller/session.h"
#include "record.h"
#include "terminal/options.h"

struct issue {
    struct given given; /* copy, json, no_newline: at most one */
    char *token;        /* in memory for secrets */
    struct record record;
    const char *rule; /* what set its expiry; NULL: -e */
};

/* Refuse more than one of --copy, --json and -n: prints so and returns STATUS_USAGE. */
enum status issue_options_fit(const struct issue *issue);

/*
 * Make sure that a token can be printed, then make one for the session's domain, and its record. The caller
 * sets expires and the attributes that people give. Prints what is wrong. The caller calls issue_end()
 * whatever is returned.
 */
enum status issue_make(struct issue *issue, const struct session *session);
void issue_end(struct issue *issue);

/* Once the record is on disk: print the token, and a message about it. If it cannot be printed, says that
 * nobody has seen the token and returns STATUS_IO. */
enum status issue_print(const struct issue *issue, const struct session *session);

#endif
