/*
 * The hidden field of a form, by which a form is sent once, soon, and by whoever got it.
 *
 * A nonce is a time and random bytes, and their keyed hash together with the user and what the form does. The
 * key lives as long as the process: a restart makes open forms old, and nothing else. Used nonces are
 * remembered with what became of them, for as long as they would be good; only those that were good are, so
 * an outsider cannot fill the table. Nor can one user: who has more of it than is free gets no more.
 *
 * Times are in seconds, on a clock that nobody sets.
 */
#ifndef PANEL_NONCE_H
#define PANEL_NONCE_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto.h"

enum {
    NONCE_LIFE = 2 * 60 * 60, /* seconds */
    NONCES_MAX = 4096,
    NONCE_RANDOM = 24,
    NONCE_SIZE = 2 * (8 + NONCE_RANDOM + HASH_SIZE) + 1, /* as text */
};

/* What a form does: "create", "revoke", "rotate"; where; id is empty for create. */
struct purpose {
    const char *user, *action, *domain, *id;
};

struct nonce_used {
    unsigned char random[NONCE_RANDOM], user[CHAIN_SIZE]; /* user: a digest of whose form it was */
    bool taken;                                           /* else the place is free */
    int64_t until;                                        /* until when it would be good */
    char result[ID_LENGTH + 1]; /* the id of the token that the form made, or ended; else empty */
    bool refused;               /* the form did nothing; if there is no result either, it is not known */
};

struct nonces {
    unsigned char key[HASH_SIZE];
    struct nonce_used used[NONCES_MAX];
};

enum nonce_answer {
    NONCE_GOOD, /* and used from now on */
    NONCE_OLD,  /* or of another user, another form, another run of the program, or none at all */
    NONCE_USED, /* *used: what became of it */
    NONCE_FULL, /* too many were used, by this user or by all: nothing is forgotten early */
};

/* Takes a new key. */
void nonces_start(struct nonces *nonces);

void nonce_make(const struct nonces *nonces, const struct purpose *purpose, int64_t now,
                char text[NONCE_SIZE]);

/* *used: the nonce's place in the table, for NONCE_GOOD and NONCE_USED. */
enum nonce_answer nonce_use(struct nonces *nonces, const struct purpose *purpose, const char *text,
                            int64_t now, struct nonce_used **used);

#endif
