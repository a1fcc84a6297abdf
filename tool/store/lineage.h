/* All changes that a store still has, proved and in order; and which tokens succeed each other by rotation.
 */
#ifndef LINEAGE_H
#define LINEAGE_H

#include "caller/session.h"
#include "store/prove.h"

struct lineage {
    struct proof proof;
    struct event *list;
    size_t count, room;
};

/* Read and prove the session's store. Prints what is wrong. The caller calls lineage_free() whatever is
 * returned. */
enum status lineage_read(struct lineage *lineage, const struct session *session);
void lineage_free(struct lineage *lineage);

/* Mark the lines of a token, of the tokens it succeeds and of those that succeed it. wanted: one entry for
 * each line, all false; id: NULL: mark all lines. */
void lineage_mark(const struct lineage *lineage, const char *id, bool *wanted);

#endif
