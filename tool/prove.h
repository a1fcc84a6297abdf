/* Proves a store's file from its first byte to its last, for `toktab check`. */
#ifndef PROVE_H
#define PROVE_H

#include "expect.h"
#include "index.h"
#include "notice.h"
#include "walk.h"

struct proof {
    struct walk walk;
    struct index index; /* the tokens, each with its last line */
    uint64_t lines;     /* behind the header */
};

/*
 * Read the file. domain: whose store it should be; expect: NULL, or to be told of all lines. False with
 * fault: what is wrong first, and where. Ends with proof_free() whatever it returned.
 */
bool prove(struct proof *proof, int fd, const char *domain, struct expect *expect, struct fault *fault);
void proof_free(struct proof *proof);

#endif
