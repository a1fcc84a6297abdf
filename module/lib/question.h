/* Asks a store about one token. */
#ifndef QUESTION_H
#define QUESTION_H

#include <stdatomic.h>
#include <stddef.h>

#include "domain.h"
#include "onepass.h"
#include "policy.h"
#include "reader.h"

/* Is this token good? Or, without its text: is the token of this id still good? */
struct question {
    int64_t began;     /* clock_now() */
    const char *token; /* NULL: none */
    size_t length;
    const char *id; /* NULL: the token is a foreign key, whose id depends on the store */
    struct demand demand;
};

/* Ask the store, or in trouble the last good state of it. Fills all of result except size. Thread-safe. */
void question_ask(struct reader *reader, const struct question *question, struct toktab_result *result);

/* A table for few questions: what it knows, and what the last pass over a file has found. */
struct once {
    const char *store_dir;
    const struct notice *notice;
    atomic_flag busy; /* a thread uses `last`; others do without */
    struct onepass last;
};

/* Ask the store of a domain, without a reader if that can be done (onepass.h). storeid: receives the store's,
 * if the verdict is no error. Thread-safe. */
void question_ask_once(struct once *once, const struct domain *domain, const struct question *question,
                       struct toktab_result *result, char storeid[STOREID_HEX + 1]);

#endif
