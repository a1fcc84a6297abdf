/* All changes that a store still knows of, proved, in their order; and which of them belong together, because
 * rotating a token makes a successor that names it. */
#ifndef LINEAGE_H
#define LINEAGE_H

#include "caller/session.h"
#include "store/prove.h"

struct lineage {
    struct proof proof;
    struct event *list;
    size_t count, room;
};

/* Read and prove the store of the session. Prints what is wrong. Ends with lineage_free() whatever it
 * returned. */
enum status lineage_read(struct lineage *lineage, const struct session *session);
void lineage_free(struct lineage *lineage);

/* Which lines of the past belong to the token, those that it succeeds and those that succeed it? wanted: one
 * for each line, all false; id: NULL: all of them do. */
void lineage_mark(const struct lineage *lineage, const char *id, bool *wanted);

#endif
