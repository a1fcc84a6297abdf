/* Proves a store's file from the first byte to the last. */
#ifndef PROVE_H
#define PROVE_H

#include "chain.h"
#include "fault.h"
#include "index.h"
#include "store/head.h"
#include "store/origins.h"

/* A proved line. Its text stays valid until proof_free(). */
struct event {
    uint64_t n;
    const char *id;     /* the line, from the id on; NULL in a brief proof */
    const char *before; /* the same of its token's previous line, or NULL */
    bool in_snapshot;   /* a compaction kept it */
};

/* Parse a proved line, given from its id on. */
void event_record(struct record *record, const char *id);

/* Called for each line. */
struct witness {
    void (*see)(void *context, const struct event *event);
    void *context;
};

/* Shows progress on a terminal. Not under the lock. */
extern const struct witness progress_witness;

struct proof {
    struct chain chain;
    struct expected_head *expect; /* NULL: none */
    struct index index;           /* each token's last line, whole, after an LF */
    struct origins *brief;        /* NULL; or what is kept instead of the index and the serials */
    uint64_t *serials;            /* of the snapshot's lines: only these could be alike */
    size_t serial_count, serial_room;
    uint64_t lines;      /* without the header */
    uint64_t tokens;     /* that these lines are about */
    uint64_t offset;     /* after the last proved line */
    enum rest rest;      /* what follows it, to the end of the file; REST_LINE: that line was proved too */
    uint64_t rest_bytes; /* the length of that */
};

/*
 * Prove the file as the store of that domain. expect and witness see all lines; each may be NULL. False with
 * fault: the first thing wrong, and where. The caller calls proof_free() whatever is returned.
 */
bool prove(struct proof *proof, int fd, const char *domain, struct expected_head *expect,
           const struct witness *witness, struct fault *fault);

/* The same for those who only ask whether the store is sound: in as much memory for a sound one of any size,
 * and without the index. Shows progress on a terminal. */
bool prove_soundness(struct proof *proof, int fd, const char *domain, struct expected_head *expect,
                     struct fault *fault);

/* The same as prove() in three steps. Call prove_on() again if the file has grown. */
bool prove_begin(struct proof *proof, int fd, const char *domain, struct expected_head *expect,
                 struct fault *fault);
bool prove_on(struct proof *proof, int fd, const struct witness *witness, struct fault *fault);
bool prove_end(const struct proof *proof, struct fault *fault);

void proof_free(struct proof *proof);

#endif
