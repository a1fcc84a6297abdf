/* Leaked tokens: which store knows them, and whether they still work. */
#ifndef LEAKS_H
#define LEAKS_H

#include "caller/session.h"
#include "token/finder.h"

struct leak {
    const struct domain *domain;
    char id[ID_LENGTH + 1];
    char *place; /* where it was first found: "FILE, line N" */
};

struct leaks {
    struct session *session;
    struct store *stores; /* the proved tokens of the session's domains */
    size_t store_count;
    int64_t now;
    const char *file;    /* the file being searched, safe to show */
    bool json;           /* print objects of an array, which leaks_end() closes */
    uint64_t printed;    /* leaks so far */
    struct leak *active; /* each token that still works, once */
    size_t active_count;
    bool unprintable;   /* stdout has failed, and a message says so */
    enum status status; /* the first failure */
};

/* Read the stores. Reports a store that cannot be read, keeps its status, and goes on with the others. The
 * caller calls leaks_free(). */
void leaks_make(struct leaks *leaks, struct session *session, bool json);
void leaks_free(struct leaks *leaks);

/* Call after the last file. */
void leaks_end(struct leaks *leaks);

/* A finder_visit(); context: leaks. */
finder_visit leaks_note;

#endif
