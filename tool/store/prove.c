#include "store/prove.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load.h"
#include "store/lines.h"
#include "terminal/progress.h"
#include "terminal/say.h"

/* For the first size of the index: a file may say that it is larger than it is. */
enum { SIZE_BELIEVED = 1 << 30, LINE_SIZE_USUAL = 200 };

static bool wrong_line(const struct proof *proof, struct fault *fault, const char *what)
{
    return fault_set(fault, "line %" PRIu64 ": %s", proof->lines + 2, what);
}

/* Does the line fit the last one of its token? Both from the id on; before is NULL: there is none. */
static const char *against_history(const struct record *record, const char *id, const char *before,
                                   bool in_snapshot)
{
    bool creates = in_snapshot || record->op == OPERATION_CREATE;

    if (!before)
        return creates ? NULL : "changes a token that was never created";
    if (creates)
        return "creates an id that already exists";
    return span_same(line_origin(id), line_origin(before))
               ? NULL
               : "changes the hash, serial or creation time of its token";
}

/* Copy the line into the index, after an LF: a snapshot needs the line from its number on. Returns it from
 * its id on. */
static const char *keep(struct proof *proof, const struct line *line, const char *text, size_t length)
{
    size_t size;
    char *room = must_have(index_room(&proof->index, length + 1, length + 1, &size));

    room[0] = '\n';
    memcpy(room + 1, text, length);
    index_keep(&proof->index, length + 1);
    return room + 1 + (line->column[COLUMN_ID].at - text);
}

static void keep_serial(struct proof *proof, uint64_t serial)
{
    if (proof->serial_count == proof->serial_room) {
        proof->serial_room = 2 * proof->serial_room + 64;
        proof->serials = must_have(reallocarray(proof->serials, proof->serial_room, sizeof(*proof->serials)));
    }
    proof->serials[proof->serial_count++] = serial;
}

/* Note what a token's line says, and find the line before it. Whether the lines of a token fit, a brief proof
 * leaves to its end. */
static const char *note(struct proof *proof, const struct record *record, const struct line *line,
                        struct event *event)
{
    const char *id = line->column[COLUMN_ID].at, *wrong;

    if (proof->brief) {
        proof->tokens += event->in_snapshot || record->op == OPERATION_CREATE;
        if (!origins_see(proof->brief, record, event->in_snapshot))
            return "no room for a temporary file";
    } else {
        event->before = index_find(&proof->index, id);
        proof->tokens += !event->before;
    }
    if (record->op == OPERATION_CREATE && record->serial != record->n)
        return "the serial of a new token must be the number of its line";
    if (proof->brief)
        return NULL;
    wrong = against_history(record, id, event->before, event->in_snapshot);
    if (wrong)
        return wrong;
    if (event->in_snapshot)
        keep_serial(proof, record->serial);
    if (!index_holds(&proof->index, 1) && !index_grow(&proof->index))
        must_have(NULL);
    index_put(&proof->index, event->id, (size_t)(line->column[COLUMN_CHAIN].at + CHAIN_HEX + 1 - id));
    return NULL;
}

static bool prove_line(struct proof *proof, const char *text, size_t length, const struct witness *witness,
                       struct fault *fault)
{
    struct event event = {.in_snapshot = proof->chain.bytes_left > 0};
    bool knows_prior =
        !event.in_snapshot && !proof->chain.point_due; /* the file does not have the line at base */
    uint64_t prior = proof->chain.serial;
    const char *bar = proof->brief ? NULL : memchr(text, '|', length), *wrong;
    struct record record;
    struct line line;

    if (bar && text + length - bar > ID_LENGTH)
        index_prefetch(&proof->index, bar + 1); /* the memory arrives while the line is hashed */
    wrong = chain_line(&proof->chain, &line, text, length);
    if (wrong)
        return wrong_line(proof, fault, wrong);
    wrong = record_check(&record, &line);
    if (!wrong && knows_prior && record.prior != prior)
        wrong = "prior";
    if (wrong)
        return fault_set(fault, "line %" PRIu64 ": bad column %s", proof->lines + 2, wrong);
    event.n = record.n;
    if (!proof->brief)
        event.id = keep(proof, &line, text, length);
    wrong = record.op == OPERATION_POINT ? NULL : note(proof, &record, &line, &event);
    if (wrong)
        return wrong_line(proof, fault, wrong);
    if (proof->expect && !event.in_snapshot)
        head_see_line(proof->expect, proof->chain.at.n, proof->chain.at.chain);
    if (witness)
        witness->see(witness->context, &event);
    proof->lines++;
    return true;
}

/* Judge the bytes after the last proved line, up to size. good: no whole line there is bad; else fault is
 * set. */
static bool prove_rest(struct proof *proof, int fd, uint64_t size, bool good, const struct witness *witness,
                       struct fault *fault)
{
    char bytes[REST_SIZE_MAX + 1];
    size_t length;
    uint64_t left = size > proof->offset ? size - proof->offset : 0;
    ssize_t got = read_at(fd, bytes, left < sizeof(bytes) ? (size_t)left : sizeof(bytes), proof->offset);

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

static int by_number(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;

    return (first > second) - (first < second);
}

static bool begin(struct proof *proof, int fd, const char *domain, struct expected_head *expect,
                  struct fault *fault)
{
    const char *text, *wrong = "not a toktab store";
    enum lines_got got;
    struct lines lines;
    struct stat status;
    size_t length;
    bool good;

    proof->expect = expect;
    if (fstat(fd, &status) < 0 || status.st_size > SIZE_BELIEVED)
        status.st_size = SIZE_BELIEVED;
    if (!proof->brief && !index_make(&proof->index, (size_t)status.st_size / LINE_SIZE_USUAL))
        must_have(NULL);
    lines_make(&lines, fd, 0);
    got = lines_next(&lines, &text, &length);
    if (got == LINES_LINE)
        wrong = chain_begin(&proof->chain, domain, text, length);
    if (got == LINES_ERROR)
        good = fault_set_passing(fault, "cannot be read: %s", strerror(errno));
    else
        good = !wrong || fault_set(fault, "line 1: %s", wrong);
    proof->offset = lines.offset;
    lines_free(&lines);
    if (good && proof->expect)
        head_see_header(proof->expect, &proof->chain.header);
    return good;
}

bool prove_begin(struct proof *proof, int fd, const char *domain, struct expected_head *expect,
                 struct fault *fault)
{
    *proof = (struct proof){0};
    return begin(proof, fd, domain, expect, fault);
}

bool prove_on(struct proof *proof, int fd, const struct witness *witness, struct fault *fault)
{
    enum lines_got got = LINES_END;
    struct lines lines;
    struct stat status;
    const char *text;
    bool good = true;
    size_t length;
    char byte;

    if (proof->rest == REST_LINE) { /* the last line may have got its missing LF since */
        ssize_t more = read_at(fd, &byte, 1, proof->offset);

        if (more < 0)
            return fault_set_passing(fault, "cannot be read: %s", strerror(errno));
        if (more == 0 || byte != '\n')
            return true; /* nothing was added */
        proof->offset++;
    }
    /* what a writer appends meanwhile is for another time: it would be seen in parts */
    if (fstat(fd, &status) < 0)
        return fault_set_passing(fault, "cannot be read: %s", strerror(errno));
    lines_make(&lines, fd, proof->offset);
    while (good && lines.offset < (uint64_t)status.st_size &&
           (got = lines_next(&lines, &text, &length)) == LINES_LINE) {
        good = prove_line(proof, text, length, witness, fault);
        if (good)
            proof->offset = lines.offset;
    }
    if (good && got == LINES_ERROR)
        good = fault_set_passing(fault, "cannot be read: %s", strerror(errno));
    else
        good = prove_rest(proof, fd, (uint64_t)status.st_size, good, witness, fault);
    lines_free(&lines);
    return good;
}

/* Any other serial is the number of a line. */
static bool serials_differ(const struct proof *proof, struct fault *fault)
{
    const uint64_t *serials = proof->serials;

    if (proof->serial_count == 0)
        return true;
    qsort(proof->serials, proof->serial_count, sizeof(*serials), by_number);
    for (size_t i = 1; i < proof->serial_count; i++)
        if (serials[i] == serials[i - 1])
            return fault_set(fault, "two tokens have the serial %" PRIu64, serials[i]);
    return true;
}

bool prove_end(const struct proof *proof, struct fault *fault)
{
    const char *wrong = chain_end(&proof->chain);

    if (wrong)
        return wrong_line(proof, fault, wrong);
    if (!serials_differ(proof, fault))
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

bool prove_soundness(struct proof *proof, int fd, const char *domain, struct expected_head *expect,
                     struct fault *fault)
{
    struct expected_head asked = expect ? *expect : (struct expected_head){0};
    struct origins origins;
    struct stat status;
    bool good, fit;

    origins_make(&origins, fstat(fd, &status) == 0 ? (uint64_t)status.st_size : 0);
    *proof = (struct proof){.brief = &origins};
    good = begin(proof, fd, domain, expect, fault) && prove_on(proof, fd, &progress_witness, fault) &&
           prove_end(proof, fault);
    fit = (!good && fault->passing) || origins_fit(&origins);
    origins_free(&origins);
    proof->brief = NULL;
    if (fit)
        return good;
    /* which line does not fit first? The numbers shown begin anew. */
    progress_clear();
    if (expect)
        *expect = asked;
    return prove(proof, fd, domain, expect, &progress_witness, fault);
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
    free(proof->serials);
}
