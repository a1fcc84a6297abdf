/* Proves a store's file from its first byte to its last, for `toktab check`. */
#ifndef PROVE_H
#define PROVE_H

#include "chain.h"
#include "fault.h"
#include "index.h"
#include "store/head.h"

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

/* Shows on a terminal how far the proof is. Not under the lock. */
extern const struct witness progress_witness;

struct proof {
    struct chain chain;
    struct index index; /* the tokens, each with its last line: whole, behind an LF */
    uint64_t lines;     /* behind the header */
    uint64_t offset;    /* behind the last line that was proved */
    enum rest rest; /* what stands there, up to the end of the file; REST_LINE: that line was proved too */
    uint64_t rest_bytes; /* how long it is */
};

/*
 * Read the file. domain: whose store it should be; expect: NULL, or to be told of all lines;
 * witness: NULL, or the same. False with fault: what is wrong first, and where. Ends with proof_free()
 * whatever it returned.
 */
bool prove(struct proof *proof, int fd, const char *domain, struct expected_head *expect,
           const struct witness *witness, struct fault *fault);

/* The same in three steps. prove_on() may be called again when the file has grown. */
bool prove_begin(struct proof *proof, int fd, const char *domain, struct expected_head *expect,
                 struct fault *fault);
bool prove_on(struct proof *proof, int fd, struct expected_head *expect, const struct witness *witness,
              struct fault *fault);
bool prove_end(const struct proof *proof, struct expected_head *expect, struct fault *fault);

void proof_free(struct proof *proof);

#endif
