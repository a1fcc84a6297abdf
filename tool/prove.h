/* Proves a store's file from its first byte to its last, for `toktab check`. */
#ifndef PROVE_H
#define PROVE_H

#include "expect.h"
#include "index.h"
#include "notice.h"
#include "walk.h"

/* A line that was proved. The lines stay until proof_free(). */
struct event {
    uint64_t n;
    const char *id;     /* the line, from the id on */
    const char *before; /* the same of its token's line before it; NULL: there is none */
    bool in_snapshot;   /* it is what a compaction has kept */
};

/* What such a line says, from its id on: it was proved. */
void event_record(struct record *record, const char *id);

/* Is told of each line. */
struct witness {
    void (*see)(void *context, const struct event *event);
    void *context;
};

struct proof {
    struct walk walk;
    struct index index; /* the tokens, each with its last line */
    uint64_t lines;     /* behind the header */
};

/*
 * Read the file. domain: whose store it should be; expect: NULL, or to be told of all lines;
 * witness: NULL, or the same. False with fault: what is wrong first, and where. Ends with proof_free()
 * whatever it returned.
 */
bool prove(struct proof *proof, int fd, const char *domain, struct expect *expect,
           const struct witness *witness, struct fault *fault);
void proof_free(struct proof *proof);

#endif
