#include "store/agree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "load.h"
#include "record.h"
#include "store/lines.h"

enum {
    REVOKED = 1,
    KEPT = 2, /* by the snapshot */
    OLD = 4,  /* a token that this host's log has created */
};

/* What a line says of its token; after fold() what all of them say. */
struct state {
    char id[ID_LENGTH];
    uint32_t flags;
    uint64_t n;
};

struct side {
    struct chain chain; /* at the last line, if they are proved */
    bool proves;
    uint64_t until; /* the end of this host's log: what it has created is OLD */
    struct state *states;
    size_t count, room;
    char twice[ID_LENGTH + 1]; /* a token that the snapshot has twice; "": none */
};

static const char *take_line(struct side *side, const char *text, size_t length, bool kept)
{
    struct state *state = &side->states[side->count];
    struct line line;
    const char *wrong = side->proves                      ? chain_line(&side->chain, &line, text, length)
                        : line_split(&line, text, length) ? NULL
                                                          : "the line does not have 20 columns",
               *id = line.column[COLUMN_ID].at;
    uint64_t serial;

    if (wrong || memcmp(id, record_no_id, ID_LENGTH) == 0)
        return wrong;
    if (side->count == side->room) /* what only proves itself may lack columns */
        return "the lines are too short";
    if (!decimal_parse(line.column[COLUMN_N], &state->n) ||
        !decimal_parse(line.column[COLUMN_SERIAL], &serial))
        return "the line has no number or no serial";
    memcpy(state->id, id, ID_LENGTH);
    state->flags = (line_revoked(id) ? REVOKED : 0) | (kept ? KEPT : 0) | (serial <= side->until ? OLD : 0);
    side->count++;
    return NULL;
}

/* The last line may lack its LF. */
static const char *take_rest(struct side *side, const char *bytes, size_t length, uint64_t offset)
{
    char text[LINE_SIZE_MAX];
    size_t line_length;

    switch (chain_rest(&side->chain, bytes, length, offset, &line_length)) {
    case REST_LINE:
        memcpy(text, bytes, line_length);
        text[line_length] = '\n';
        return take_line(side, text, line_length + 1, false);
    case REST_NONE:
    case REST_TORN:
    case REST_UNSYNCED:
        return NULL;
    case REST_DAMAGE:
    default:
        return "the end of the file is damaged";
    }
}

/* The lines up to an offset. */
static bool take_lines(struct side *side, struct lines *lines, uint64_t end, struct fault *fault)
{
    const uint64_t snapshot = lines->offset + side->chain.header.bytes;
    enum lines_got got = LINES_END;
    const char *text, *wrong = NULL;
    uint64_t start = lines->offset;
    size_t length;

    while (!wrong && start < end && (got = lines_next(lines, &text, &length)) == LINES_LINE) {
        wrong = take_line(side, text, length, start < snapshot);
        start = lines->offset;
    }
    if (got == LINES_ERROR)
        return fault_set_passing(fault, "cannot be read: %s", strerror(errno));
    if (got == LINES_TOO_LONG)
        wrong = "the line is too long";
    if (!wrong && got == LINES_TORN && side->proves)
        wrong = take_rest(side, text, length, start);
    if (!wrong && side->proves)
        wrong = chain_end(&side->chain);
    return !wrong || fault_set(fault, "n=%" PRIu64 " or the line after it: %s", side->chain.at.n, wrong);
}

/* Read a file, or its snapshot alone. */
static bool read_side(struct side *side, int fd, const char *domain, bool snapshot_alone, struct fault *fault)
{
    const char *text, *wrong = "this is not a toktab store";
    enum lines_got got;
    struct lines lines;
    struct stat status;
    size_t length;
    bool good;

    if (fstat(fd, &status) < 0)
        return fault_set_passing(fault, "cannot be read: %s", strerror(errno));
    /* only what is used of it becomes memory */
    side->room = load_lines_most((uint64_t)status.st_size);
    side->states = reallocarray(NULL, side->room, sizeof(*side->states));
    if (!side->states)
        return fault_set_passing(fault, "out of memory");
    lines_make(&lines, fd, 0);
    got = lines_next(&lines, &text, &length);
    if (got == LINES_LINE)
        wrong = chain_begin(&side->chain, domain, text, length);
    if (got == LINES_ERROR)
        good = fault_set_passing(fault, "cannot be read: %s", strerror(errno));
    else if (wrong)
        good = fault_set(fault, "line 1: %s", wrong);
    else
        good = take_lines(side, &lines,
                          snapshot_alone ? lines.offset + side->chain.header.bytes : (uint64_t)status.st_size,
                          fault);
    lines_free(&lines);
    return good;
}

static int by_id(const void *a, const void *b)
{
    const struct state *first = a, *second = b;
    int order = memcmp(first->id, second->id, ID_LENGTH);

    return order != 0 ? order : (first->n > second->n) - (first->n < second->n);
}

/* Leave one state for each token, in order of the ids: revoked if any line of it is, with the number of the
 * first line, or of the last that counts. */
static void fold(struct side *side, bool last)
{
    size_t tokens = 0;

    if (side->count > 0) /* else there may be no memory either, which qsort() must not be given */
        qsort(side->states, side->count, sizeof(*side->states), by_id);
    for (size_t i = 0; i < side->count; i++) {
        const struct state *line = &side->states[i];
        struct state *token = tokens > 0 ? &side->states[tokens - 1] : NULL;

        if (!token || memcmp(token->id, line->id, ID_LENGTH) != 0) {
            side->states[tokens++] = *line;
            continue;
        }
        if (line->flags & KEPT)
            memcpy(side->twice, line->id, ID_LENGTH);
        if ((token->flags & REVOKED) && !(line->flags & REVOKED)) /* passed over, as by readers */
            continue;
        token->flags |= line->flags & REVOKED;
        if (last)
            token->n = line->n;
    }
    side->count = tokens;
}

static enum status disagree(struct fault *fault, const struct state *token, const char *what)
{
    fault_set(fault, "token %.*s %s", ID_LENGTH, token->id, what);
    return STATUS_NO;
}

/* A file that begins after the end of our log lacks the line where its own may have parted from ours. It has
 * not if what its snapshot keeps from before that end is the last that we know of each token, and what it
 * keeps from after it is of tokens that we know, or that were created since (load.h: readers ask the same).
 */
static enum status compare_token(const struct state *ours, const struct state *theirs,
                                 const struct side *file, struct fault *fault)
{
    if (!theirs)
        return file->chain.header.cutoff != TIME_NEVER ? STATUS_DONE
                                                       : disagree(fault, ours, "is here and not there");
    if (!(theirs->flags & KEPT))
        return STATUS_DONE;
    if (!ours)
        return theirs->flags & OLD ? disagree(fault, theirs, "was created there and not here") : STATUS_DONE;
    return theirs->n > file->until || theirs->n == ours->n
               ? STATUS_DONE
               : disagree(fault, ours, "was changed here and not there");
}

static enum status compare(const struct side *store, const struct side *file, bool same_epoch,
                           struct fault *fault)
{
    const struct state *ours = store->states, *theirs = file->states, *revived = NULL;
    const struct state *ours_end = ours + store->count, *theirs_end = theirs + file->count;
    enum status status = STATUS_DONE;
    size_t count = 0;

    while (status == STATUS_DONE && (ours < ours_end || theirs < theirs_end)) {
        int order = ours == ours_end       ? 1
                    : theirs == theirs_end ? -1
                                           : memcmp(ours->id, theirs->id, ID_LENGTH);

        if (same_epoch)
            status = compare_token(order <= 0 ? ours : NULL, order >= 0 ? theirs : NULL, file, fault);
        if (order == 0 && (ours->flags & REVOKED) && !(theirs->flags & REVOKED)) {
            revived = ours;
            count++;
        }
        ours += order <= 0;
        theirs += order >= 0;
    }
    if (status != STATUS_DONE || !revived)
        return status;
    fault_set(fault, "%zu token%s revoked here and not there, such as %.*s", count,
              count == 1 ? " is" : "s are", ID_LENGTH, revived->id);
    return STATUS_NO;
}

static enum status refuse_twice(const struct side *side, struct fault *fault)
{
    if (side->twice[0] == '\0')
        return STATUS_DONE;
    fault_set(fault, "this id is in the snapshot twice: %s", side->twice);
    return STATUS_DAMAGED;
}

enum status agree_snapshot(const void *context, struct fault *fault)
{
    const struct agree *agree = context;
    struct side file = {0};
    enum status status = STATUS_IO;

    if (read_side(&file, agree->file, agree->domain, true, fault)) {
        fold(&file, false);
        status = refuse_twice(&file, fault);
    }
    free(file.states);
    return status;
}

enum status agree(const void *context, struct fault *fault)
{
    const struct agree *agree = context;
    struct side store = {.proves = true}, file = {0};
    enum status status = STATUS_DONE;

    if (!read_side(&store, agree->store, agree->domain, false, fault) &&
        (agree->same_epoch || fault->passing))
        status = fault->passing ? STATUS_IO : STATUS_DAMAGED;
    fold(&store, true);
    if (status == STATUS_DONE && agree->same_epoch)
        status = refuse_twice(&store, fault);
    file.until = store.chain.at.n;
    if (status == STATUS_DONE && !read_side(&file, agree->file, agree->domain, false, fault))
        status = STATUS_IO;
    if (status == STATUS_DONE) {
        fold(&file, false);
        status = compare(&store, &file, agree->same_epoch, fault);
    }
    free(store.states);
    free(file.states);
    return status;
}
