#include "store/prove.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lines.h"
#include "terminal/progress.h"
#include "terminal/say.h"

static bool wrong_line(const struct proof *proof, struct fault *fault, const char *what)
{
    return fault_set(fault, "line %" PRIu64 ": %s", proof->lines + 2, what);
}

static bool wrong_column(const struct proof *proof, struct fault *fault, const char *column)
{
    return fault_set(fault, "line %" PRIu64 ": bad column %s", proof->lines + 2, column);
}

/* Does the line fit the earlier line of its token? */
static const char *against_history(const struct proof *proof, const struct record *record, bool in_snapshot)
{
    const char *known = index_find(&proof->index, record->id);
    struct record before;
    struct line line;

    if (record->op == OPERATION_CREATE && record->serial != record->n)
        return "the serial of a new token must be the number of its line";
    if (!known)
        return record->op == OPERATION_CREATE || in_snapshot ? NULL
                                                             : "changes a token that was never created";
    if (record->op == OPERATION_CREATE || in_snapshot)
        return "creates an id that already exists";
    line_split_accepted(&line, known);
    if (!record_parse(&before, &line) || before.serial != record->serial ||
        before.created != record->created || memcmp(before.hash, record->hash, HASH_SIZE) != 0)
        return "changes the hash, serial or creation time of its token";
    return NULL;
}

/* Copy the line into the index, behind an LF: a snapshot needs the line from its number on. */
static const char *keep(struct proof *proof, const char *text, size_t length)
{
    size_t size;
    char *room = must_have(index_room(&proof->index, length + 1, length + 1, &size));

    room[0] = '\n';
    memcpy(room + 1, text, length);
    index_keep(&proof->index, length + 1);
    return room + 1;
}

static void remember(struct proof *proof, struct event *event, size_t length)
{
    event->before = index_find(&proof->index, event->id);
    if (!index_holds(&proof->index, 1) && !index_grow(&proof->index))
        must_have(NULL);
    index_put(&proof->index, event->id, length);
}

static bool prove_line(struct proof *proof, const char *text, size_t length, const struct witness *witness,
                       struct fault *fault)
{
    struct event event = {.in_snapshot = proof->chain.bytes_left > 0};
    bool knows_prior =
        !event.in_snapshot && !proof->chain.point_due; /* the file does not have the line at base */
    uint64_t prior = proof->chain.serial;
    struct record record;
    struct line line;
    const char *wrong = chain_line(&proof->chain, &line, text, length);

    if (wrong)
        return wrong_line(proof, fault, wrong);
    wrong = record_check(&record, &line);
    if (!wrong && knows_prior && record.prior != prior)
        wrong = "prior";
    if (wrong)
        return wrong_column(proof, fault, wrong);
    event.n = record.n;
    event.id = keep(proof, text, length) + (line.column[COLUMN_ID].at - text);
    length -= (size_t)(line.column[COLUMN_ID].at - text);
    if (record.op != OPERATION_POINT) {
        wrong = against_history(proof, &record, event.in_snapshot);
        if (wrong)
            return wrong_line(proof, fault, wrong);
        remember(proof, &event, length);
    }
    if (proof->expect && !event.in_snapshot)
        head_see_line(proof->expect, proof->chain.at.n, proof->chain.at.chain);
    if (witness)
        witness->see(witness->context, &event);
    proof->lines++;
    return true;
}

static bool prove_header(struct proof *proof, struct lines *lines, const char *domain, struct fault *fault)
{
    const char *text, *wrong;
    size_t length;

    if (lines_next(lines, &text, &length) != LINES_LINE)
        return fault_set(fault, "line 1: not a toktab store");
    wrong = chain_begin(&proof->chain, domain, text, length);
    if (wrong)
        return fault_set(fault, "line 1: %s", wrong);
    if (proof->expect)
        head_see_header(proof->expect, &proof->chain.header);
    return true;
}

/* Judge the bytes behind the last proved line, up to size. good: no whole line there is bad; else fault is
 * set. */
static bool prove_rest(struct proof *proof, int fd, uint64_t size, bool good, const struct witness *witness,
                       struct fault *fault)
{
    char bytes[REST_SIZE_MAX + 1];
    size_t length;
    uint64_t left = size > proof->offset ? size - proof->offset : 0;
    ssize_t got = pread(fd, bytes, left < sizeof(bytes) ? (size_t)left : sizeof(bytes), (off_t)proof->offset);

    if (got < 0)
        return fault_set_passing(fault, "cannot be read: %s", strerror(errno));
    proof->rest_bytes = (uint64_t)got;
    proof->rest = chain_rest(&proof->chain, bytes, (size_t)got, proof->offset, &length);
    if (proof->rest == REST_DAMAGE)
        return good && wrong_line(proof, fault,
                                  proof->chain.bytes_left > 0 ? "the snapshot is cut short"
                                  : got > REST_SIZE_MAX       ? "too long"
                                                              : "the end of the file is damaged");
    if (proof->rest != REST_LINE)
        return true;
    proof->offset += length;
    bytes[length] = '\n';
    return prove_line(proof, bytes, length + 1, witness, fault);
}

/* The last line may have got its missing LF since. */
static bool pass_lf(struct proof *proof, int fd)
{
    char byte;

    if (proof->rest != REST_LINE)
        return true;
    if (pread(fd, &byte, 1, (off_t)proof->offset) != 1 || byte != '\n')
        return false;
    proof->offset++;
    return true;
}

static bool prove_lines(struct proof *proof, struct lines *lines, const struct witness *witness,
                        struct fault *fault)
{
    const char *text;
    enum lines_got got = LINES_END;
    struct stat status;
    bool good = true;
    size_t length;

    /* what a writer appends meanwhile is for another time: it would be seen in parts */
    if (fstat(lines->fd, &status) < 0)
        return fault_set_passing(fault, "cannot be read: %s", strerror(errno));
    while (good && lines->offset < (uint64_t)status.st_size &&
           (got = lines_next(lines, &text, &length)) == LINES_LINE) {
        good = prove_line(proof, text, length, witness, fault);
        if (good)
            proof->offset = lines->offset;
    }
    if (good && got == LINES_ERROR)
        return fault_set_passing(fault, "cannot be read: %s", strerror(errno));
    return prove_rest(proof, lines->fd, (uint64_t)status.st_size, good, witness, fault);
}

/* For index_each(); context: where the next serial goes. */
static void take_serial(void *context, const char *id)
{
    uint64_t **next = context;
    struct line line;

    line_split_accepted(&line, id);
    decimal_parse(line.column[COLUMN_SERIAL], (*next)++);
}

static int by_number(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;

    return (first > second) - (first < second);
}

static bool serials_unique(const struct proof *proof, struct fault *fault)
{
    size_t count = proof->index.count;
    uint64_t *serials = must_have(calloc(count + 1, sizeof(*serials))), *next = serials;
    bool good = true;

    index_each(&proof->index, take_serial, &next);
    qsort(serials, count, sizeof(*serials), by_number);
    for (size_t i = 1; i < count && good; i++)
        if (serials[i] == serials[i - 1])
            good = fault_set(fault, "two tokens have the serial %" PRIu64, serials[i]);
    free(serials);
    return good;
}

bool prove_begin(struct proof *proof, int fd, const char *domain, struct expected_head *expect,
                 struct fault *fault)
{
    struct lines lines;
    bool good;

    memset(proof, 0, sizeof(*proof));
    proof->expect = expect;
    must_have(index_make(&proof->index, 0) ? proof->index.slots : NULL);
    lines_make(&lines, fd, 0);
    good = prove_header(proof, &lines, domain, fault);
    proof->offset = lines.offset;
    lines_free(&lines);
    return good;
}

bool prove_on(struct proof *proof, int fd, const struct witness *witness, struct fault *fault)
{
    struct lines lines;
    bool good;

    if (!pass_lf(proof, fd))
        return true; /* nothing was added */
    lines_make(&lines, fd, proof->offset);
    good = prove_lines(proof, &lines, witness, fault);
    lines_free(&lines);
    return good;
}

bool prove_end(const struct proof *proof, struct fault *fault)
{
    const char *wrong = chain_end(&proof->chain);

    if (wrong)
        return wrong_line(proof, fault, wrong);
    if (!serials_unique(proof, fault))
        return false;
    if (proof->expect)
        head_see_end(proof->expect);
    return true;
}

bool prove(struct proof *proof, int fd, const char *domain, struct expected_head *expect,
           const struct witness *witness, struct fault *fault)
{
    return prove_begin(proof, fd, domain, expect, fault) && prove_on(proof, fd, witness, fault) &&
           prove_end(proof, fault);
}

void event_record(struct record *record, const char *id)
{
    struct line line;

    line_split_accepted(&line, id);
    if (!record_parse(record, &line)) /* never: the line was proved */
        *record = (struct record){0};
}

static void show_progress(void *context, const struct event *event)
{
    (void)context;
    if (event->n % 1024 == 0)
        progress_show(event->n, "lines");
}

const struct witness progress_witness = {show_progress, NULL};

void proof_free(struct proof *proof)
{
    index_free(&proof->index);
}
