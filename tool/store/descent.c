#include "descent.h"

#include <stdlib.h>
#include <string.h>

#include "say.h"

struct family {
    char (*ids)[ID_LENGTH];
    size_t count, room;
};

static bool holds(const struct family *family, const char *id)
{
    for (size_t i = 0; i < family->count; i++)
        if (memcmp(family->ids[i], id, ID_LENGTH) == 0)
            return true;
    return false;
}

/* Returns whether it is new. */
static bool add(struct family *family, const char *id)
{
    if (holds(family, id))
        return false;
    if (family->count == family->room) {
        family->room = family->room * 2 + 8;
        family->ids = must_have(reallocarray(family->ids, family->room, ID_LENGTH));
    }
    memcpy(family->ids[family->count++], id, ID_LENGTH);
    return true;
}

/* The id that the token of this line succeeds; NULL: none. */
static const char *predecessor(const char *line_id)
{
    struct line line;

    line_split_accepted(&line, line_id);
    return line.column[COLUMN_PREV].length == ID_LENGTH ? line.column[COLUMN_PREV].at : NULL;
}

/* A successor's line may stand before that of whom it succeeds, after a compaction: so all are asked again
 * until none is new. */
static void add_successors(struct family *family, const struct past *past)
{
    bool grew = true;

    while (grew) {
        grew = false;
        for (size_t i = 0; i < past->count; i++) {
            const char *prev = predecessor(past->list[i].id);

            if (prev && holds(family, prev))
                grew = add(family, past->list[i].id) || grew;
        }
    }
}

static void add_predecessors(struct family *family, const struct past *past, const char *id)
{
    const char *line = index_find(&past->proof.index, id);
    const char *prev = line ? predecessor(line) : NULL;

    while (prev && add(family, prev)) {
        line = index_find(&past->proof.index, prev);
        prev = line ? predecessor(line) : NULL;
    }
}

void descent_mark(const struct past *past, const char *id, bool *wanted)
{
    struct family family = {0};

    if (id) {
        add(&family, id);
        add_successors(&family, past);
        add_predecessors(&family, past, id); /* and not their other successors */
    }
    for (size_t i = 0; i < past->count; i++)
        wanted[i] = !id || holds(&family, past->list[i].id);
    free(family.ids);
}
