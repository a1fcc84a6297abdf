/* Tokens that were found where they should not be: whose they are, and whether they still work. */
#ifndef LEAKS_H
#define LEAKS_H

#include "caller/session.h"
#include "token/finder.h"

struct leak {
    const struct domain *domain;
    char id[ID_LENGTH + 1];
    char *place; /* "FILE, line N": where it was found first */
};

struct leaks {
    struct session *session;
    struct store *stores; /* the proved tokens of the domains that the session is about */
    size_t store_count;
    int64_t now;
    const char *file;    /* what is being looked through, as it may be shown */
    bool json;           /* print it as objects of an array, which leaks_end() ends */
    uint64_t printed;    /* how many */
    struct leak *active; /* each token that still works once */
    size_t active_count;
    bool unprintable;   /* stdout has failed, which was said */
    enum status status; /* the first trouble */
};

/* Read the stores. What cannot be read is said, and kept as status: the others count all the same. Ends with
 * leaks_free(). */
void leaks_make(struct leaks *leaks, struct session *session, bool json);
void leaks_free(struct leaks *leaks);

/* All was looked through. */
void leaks_end(struct leaks *leaks);

/* A finder_visit(); context: leaks. */
finder_visit leaks_note;

#endif
