/* Asks a store about one token. */
#ifndef QUESTION_H
#define QUESTION_H

#include <stddef.h>

#include "policy.h"
#include "reader.h"

/* Is this token good? Or, without its text: is the token of this id still good? */
struct question {
    const char *token; /* NULL: none */
    size_t length;
    const char *id;
    struct demand demand;
};

/* Ask the store, or in trouble the last good state of it. Fills all of result except size. Thread-safe. */
void question_ask(struct reader *reader, const struct question *question, struct toktab_result *result);

#endif
