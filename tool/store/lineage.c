#include "store/lineage.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "terminal/progress.h"
#include "terminal/stall.h"

static void add(void *context, const struct event *event)
{
    struct lineage *lineage = context;

    progress_witness.see(NULL, event);
    if (lineage->count == lineage->room) {
        lineage->room = lineage->room * 2 + 64;
        lineage->list = must_have(reallocarray(lineage->list, lineage->room, sizeof(*event)));
    }
    lineage->list[lineage->count++] = *event;
}

enum status lineage_read(struct lineage *lineage, const struct session *session)
{
    const struct witness witness = {add, lineage};
    enum status status;
    struct storefile storefile;
    struct fault fault = {0};
    struct stat store;
    bool proved;
    int fd;

    memset(lineage, 0, sizeof(*lineage));
    fd = session_open_store(&storefile, session, &store, &status);
    if (fd < 0)
        return status;
    stall_watch(&storefile);
    proved = prove(&lineage->proof, fd, session->domain->name, NULL, &witness, &fault);
    progress_clear();
    stall_over();
    if (!proved)
        status = session_unproved(&storefile, &fault);
    close(fd);
    return status;
}

void lineage_free(struct lineage *lineage)
{
    proof_free(&lineage->proof);
    free(lineage->list);
}

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

/* True: the id is new. */
static bool add_id(struct family *family, const char *id)
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

/* The id of the token that this line's token succeeds, or NULL. */
static const char *predecessor(const char *line_id)
{
    struct line line;

    line_split_accepted(&line, line_id);
    return line.column[COLUMN_PREV].length == ID_LENGTH ? line.column[COLUMN_PREV].at : NULL;
}

void lineage_mark(const struct lineage *lineage, const char *id, bool *wanted)
{
    struct family family = {0};
    const char *prev = id, *line;
    bool grew = id && add_id(&family, id);

    /* its successors; after a compaction their lines may come before their predecessors', so search again
     * until nothing is new */
    while (grew) {
        grew = false;
        for (size_t i = 0; i < lineage->count; i++) {
            const char *succeeds = predecessor(lineage->list[i].id);

            if (succeeds && holds(&family, succeeds))
                grew = add_id(&family, lineage->list[i].id) || grew;
        }
    }
    /* its predecessors, but not their other successors */
    while (prev && (line = index_find(&lineage->proof.index, prev)) != NULL) {
        prev = predecessor(line);
        if (prev && !add_id(&family, prev))
            break;
    }
    for (size_t i = 0; i < lineage->count; i++)
        wanted[i] = !id || holds(&family, lineage->list[i].id);
    free(family.ids);
}
