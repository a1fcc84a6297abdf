#include "refs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lines.h"
#include "place.h"
#include "used.h"
#include "walk.h"

enum { SERIAL_DIGITS_MAX = 10, ID_PREFIX_MIN = 4 };

static bool has_letter(const char *text)
{
    return strspn(text, "0123456789") < strlen(text);
}

static enum status ref_parse(struct ref *ref, const char *text)
{
    size_t length = strlen(text);

    ref->text = text;
    if (length <= SERIAL_DIGITS_MAX && decimal_parse(span_of(text), &ref->serial) && ref->serial > 0)
        return STATUS_DONE;
    ref->serial = 0;
    ref->name = text;
    ref->name_length = length;
    if (base62_valid(text, length) &&
        (length == ID_LENGTH || (length >= ID_PREFIX_MIN && length < ID_LENGTH && has_letter(text))))
        return STATUS_DONE;
    /* never all of it: it might be a token, whose secret begins behind the id */
    if (strchr(text, '_'))
        return fail(STATUS_USAGE,
                    "token \"%.12s%s\": of a whole token give the id alone: the 12 characters behind the _",
                    text, length > 12 ? "…" : "");
    return fail(STATUS_USAGE,
                "token \"%.12s%s\": give a serial, an id, or the first 4 or more characters of an id", text,
                length > 12 ? "…" : "");
}

/* Serials by number, then names by length. */
static int compare(const struct ref *a, const struct ref *b)
{
    if (a->name_length != b->name_length)
        return (a->name_length > b->name_length) - (a->name_length < b->name_length);
    if (a->name_length == 0)
        return (a->serial > b->serial) - (a->serial < b->serial);
    return memcmp(a->name, b->name, a->name_length);
}

static int compare_sorted(const void *a, const void *b)
{
    return compare(*(struct ref *const *)a, *(struct ref *const *)b);
}

static void sort(struct refs *refs)
{
    memset(refs->named, 0, sizeof(refs->named));
    for (size_t i = 0; i < refs->count; i++)
        refs->named[refs->list[i].name_length] = true;
    qsort(refs->sorted, refs->count, sizeof(struct ref *), compare_sorted);
}

enum status refs_make(struct refs *refs, const char *domain, char **texts, int count)
{
    enum status status = STATUS_DONE;

    *refs = (struct refs){.domain = domain,
                          .list = must_have(calloc((size_t)count + 1, sizeof(*refs->list))),
                          .sorted = must_have(calloc((size_t)count + 1, sizeof(struct ref *))),
                          .count = (size_t)count};
    for (int i = 0; i < count && status == STATUS_DONE; i++) {
        refs->sorted[i] = &refs->list[i];
        status = ref_parse(&refs->list[i], texts[i]);
    }
    if (status == STATUS_DONE)
        sort(refs);
    return status;
}

static void forget(struct ref *ref)
{
    free(ref->line);
    ref->line = NULL;
    ref->candidate_count = 0;
}

void refs_free(struct refs *refs)
{
    for (size_t i = 0; i < refs->count; i++)
        forget(&refs->list[i]);
    free(refs->list);
    free(refs->sorted);
}

static void keep_line(struct ref *ref, const char *text, size_t length)
{
    free(ref->line);
    ref->line = must_have(malloc(length));
    memcpy(ref->line, text, length);
    ref->length = length;
}

/* Another id than the one that was found: which are they? Returns whether it is new. */
static void add_candidate(struct ref *ref, const char *id)
{
    size_t known = ref->candidate_count < CANDIDATES_MAX ? ref->candidate_count : CANDIDATES_MAX;

    for (size_t i = 0; i < known; i++)
        if (memcmp(ref->candidates[i], id, ID_LENGTH) == 0)
            return;
    if (known < CANDIDATES_MAX) {
        memcpy(ref->candidates[known], id, ID_LENGTH);
        ref->candidates[known][ID_LENGTH] = '\0';
    }
    ref->candidate_count++;
}

static void take_line(struct ref *ref, const struct line *line, const char *text, size_t length)
{
    const char *id = line->column[COLUMN_ID].at;
    struct line old;

    add_candidate(ref, id);
    if (memcmp(ref->candidates[0], id, ID_LENGTH) != 0)
        return;
    /* revoked absorbs: a line that would bring it back is passed over */
    if (ref->line && line_split(&old, ref->line, ref->length) && line_revoked(old.column[COLUMN_ID].at) &&
        !line_revoked(id))
        return;
    keep_line(ref, text, length);
}

/* The first of the sorted ones that is not below what is wanted. */
static size_t find(const struct refs *refs, const struct ref *wanted)
{
    size_t low = 0, high = refs->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(refs->sorted[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Hand a line to those that mean its token by what is wanted. */
static void hand_to(struct refs *refs, const struct ref *wanted, const struct line *line, const char *text,
                    size_t length)
{
    for (size_t i = find(refs, wanted); i < refs->count && compare(refs->sorted[i], wanted) == 0; i++)
        take_line(refs->sorted[i], line, text, length);
}

static void hand_out(struct refs *refs, const struct line *line, const char *text, size_t length)
{
    struct ref wanted = {.name = line->column[COLUMN_ID].at};

    if (memcmp(wanted.name, record_no_id, ID_LENGTH) == 0)
        return;
    if (!decimal_parse(line->column[COLUMN_SERIAL], &wanted.serial))
        wanted.serial = 0; /* no ref has that */
    for (; wanted.name_length <= ID_LENGTH; wanted.name_length++)
        if (refs->named[wanted.name_length])
            hand_to(refs, &wanted, line, text, length);
}

static enum status damaged(struct fault *fault, uint64_t offset, const char *what)
{
    fault_set(fault, "the line at byte %" PRIu64 ": %s: run `toktab check`", offset, what);
    return STATUS_DAMAGED;
}

/* All lines behind the header, or behind what was read before. walk: NULL, or to prove them. */
static enum status read_lines(struct refs *refs, struct lines *lines, struct walk *walk, struct fault *fault)
{
    const char *text, *wrong;
    struct line line;
    size_t length;
    enum lines_got got;

    while ((got = lines_next(lines, &text, &length)) == LINES_LINE) {
        wrong = walk                              ? walk_line(walk, &line, text, length)
                : line_split(&line, text, length) ? NULL
                                                  : "it has not the shape of one";
        if (wrong)
            return damaged(fault, refs->offset, wrong);
        hand_out(refs, &line, text, length);
        refs->offset = lines->offset;
        memcpy(refs->last, text, length);
        refs->last_length = length;
    }
    if (got == LINES_TOO_LONG)
        return damaged(fault, refs->offset, "it is too long");
    if (got == LINES_ERROR) {
        fault_set(fault, "cannot read it: %s", strerror(errno));
        return STATUS_IO;
    }
    wrong = walk ? walk_end(walk) : NULL;
    return wrong ? damaged(fault, refs->offset, wrong) : STATUS_DONE;
}

/* Is this the file that was read, still with the last line that was? Then the chain vouches for all before
 * it. */
static bool goes_on(const struct refs *refs, int fd, const struct stat *status)
{
    char line[LINE_SIZE_MAX];

    return refs->last_length > 0 && refs->inode == (uint64_t)status->st_ino &&
           refs->device == (uint64_t)status->st_dev &&
           pread(fd, line, refs->last_length, (off_t)(refs->offset - refs->last_length)) ==
               (ssize_t)refs->last_length &&
           memcmp(line, refs->last, refs->last_length) == 0;
}

/* From the start, or from where it was left. */
static enum status start(struct refs *refs, int fd, struct fault *fault)
{
    struct stat status;

    if (fstat(fd, &status) < 0) {
        fault_set(fault, "cannot read it: %s", strerror(errno));
        return STATUS_IO;
    }
    if (goes_on(refs, fd, &status))
        return STATUS_DONE;
    for (size_t i = 0; i < refs->count; i++)
        forget(&refs->list[i]);
    refs->inode = (uint64_t)status.st_ino;
    refs->device = (uint64_t)status.st_dev;
    refs->offset = refs->last_length = 0;
    return STATUS_DONE;
}

/* The header, at the start. */
static enum status read_header(struct refs *refs, struct lines *lines, struct walk *walk, struct fault *fault)
{
    const char *text, *wrong = "this is not a toktab store";
    size_t length;
    enum lines_got got = lines_next(lines, &text, &length);

    if (got == LINES_ERROR) {
        fault_set(fault, "cannot read it: %s", strerror(errno));
        return STATUS_IO;
    }
    if (got == LINES_LINE)
        wrong = walk_start(walk, refs->domain, text, length);
    if (!wrong)
        strcpy(refs->storeid, walk->header.storeid);
    refs->offset = lines->offset;
    return wrong ? damaged(fault, 0, wrong) : STATUS_DONE;
}

enum status refs_read(struct refs *refs, int fd, bool prove, struct fault *fault)
{
    enum status status = start(refs, fd, fault);
    struct lines lines;
    struct walk walk;
    bool from_start;

    if (status != STATUS_DONE)
        return status;
    from_start = refs->offset == 0;
    lines_make(&lines, fd, refs->offset);
    if (from_start)
        status = read_header(refs, &lines, &walk, fault);
    if (status == STATUS_DONE)
        status = read_lines(refs, &lines, prove && from_start ? &walk : NULL, fault);
    lines_free(&lines);
    return status;
}

static enum status say_ambiguous(const struct ref *ref)
{
    size_t known = ref->candidate_count < CANDIDATES_MAX ? ref->candidate_count : CANDIDATES_MAX;
    char names[CANDIDATES_MAX * (ID_LENGTH + 2) + 1] = "";

    for (size_t i = 0; i < known; i++) {
        strcat(names, i > 0 ? ", " : "");
        strcat(names, ref->candidates[i]);
    }
    return fail(STATUS_USAGE, "token \"%s\": it may mean %zu tokens: %s%s", ref->text, ref->candidate_count,
                names, ref->candidate_count > known ? " …" : "");
}

/* Does each mean one token? From now on it means that one, whatever comes to its place. */
static enum status check_and_pin(struct refs *refs)
{
    for (size_t i = 0; i < refs->count; i++) {
        struct ref *ref = &refs->list[i];

        if (ref->candidate_count == 0)
            return fail(STATUS_NOT_FOUND, "token \"%s\": there is none in domain \"%s\"", ref->text,
                        refs->domain);
        if (ref->candidate_count > 1)
            return say_ambiguous(ref);
        strcpy(ref->id, ref->candidates[0]);
        ref->name = ref->id;
        ref->name_length = ID_LENGTH;
    }
    sort(refs);
    return STATUS_DONE;
}

static void look_when_used(struct refs *refs, const struct session *session)
{
    struct use *uses = must_have(calloc(refs->count + 1, sizeof(*uses)));
    struct record record;

    for (size_t i = 0; i < refs->count; i++)
        if (ref_record(&refs->list[i], &record))
            uses[i].serial = record.serial;
    used_read(session, refs->storeid, uses, refs->count);
    for (size_t i = 0; i < refs->count; i++)
        refs->list[i].used = uses[i].time;
    free(uses);
}

enum status refs_resolve(struct refs *refs, const struct session *session, bool prove)
{
    struct place place;
    struct fault fault;
    struct stat store;
    enum status status;
    int fd;

    place_of_store(&place, session->config.store_dir, refs->domain);
    fd = place_open(&place, O_RDONLY, &store, &fault);
    status = fd < 0 ? status_of(errno) : refs_read(refs, fd, prove, &fault);
    if (fd >= 0)
        close(fd);
    if (status != STATUS_DONE)
        return fail(status, "%s/%s: %s", place.directory, place.name, fault.text);
    status = check_and_pin(refs);
    if (status == STATUS_DONE)
        look_when_used(refs, session);
    return status;
}

bool ref_record(const struct ref *ref, struct record *record)
{
    struct line line;

    if (!line_split(&line, ref->line, ref->length) || !record_parse(record, &line))
        return false;
    used_show(record, ref->used);
    return true;
}
