/* Which tokens to list, and in which order. */
#ifndef SELECTION_H
#define SELECTION_H

#include "caller/session.h"
#include "store/tokens.h"
#include "token/describe.h"

/* All conditions must hold. */
struct selection {
    bool state[STATES];     /* any of these; none: active, and the others are counted */
    int64_t expiring;       /* active, without a successor, expires by then; -1: not asked */
    int64_t unused;         /* created before, and not used since; -1: not asked */
    uint64_t before;        /* serials below; 0: any */
    const char *label;      /* a glob, or exactly the label; NULL: any */
    const char *user;       /* whose it is; NULL: any */
    const char *created_by; /* the name of who created it; NULL: anybody */
};

struct row {
    const struct token *token;
    const char *domain;
};

/* What was selected. All zeros: nothing yet. */
struct rows {
    struct row *list;
    size_t count, room;
    size_t hidden[STATES]; /* what is missing only because no state was asked for */
    size_t older;          /* what rows_keep_newest() has dropped */
    size_t unknown;        /* tokens that may be missing, for it is not known who created them */
};

/*
 * Add the selected tokens of the session's domain, in the order of the list. Keeps pointers into tokens. If
 * last uses are not known for as long as selection->unused asks, prints so and returns STATUS_MISSING; if a
 * line cannot be read, STATUS_DAMAGED.
 */
enum status rows_add(struct rows *rows, const struct selection *selection, const struct tokens *tokens,
                     const struct session *session);

/* Sort by an attribute: numbers and times by value, never last, others by their text. Equal ones stay in
 * order. */
void rows_sort(struct rows *rows, enum attribute attribute);

/* Of one domain's rows, in the order of the list, keep so many with the greatest serials, newest first. */
void rows_keep_newest(struct rows *rows, size_t most);

void rows_free(struct rows *rows);

#endif
