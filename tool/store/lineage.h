/* All that a store still knows of the past: its lines, proved, in their order. */
#ifndef PAST_H
#define PAST_H

#include "prove.h"
#include "session.h"

struct past {
    struct proof proof;
    struct event *list;
    size_t count, room;
};

/* Read and prove the store of the session. Prints what is wrong. Ends with past_free() whatever it
 * returned. */
enum status past_read(struct past *past, const struct session *session);
void past_free(struct past *past);

#endif
