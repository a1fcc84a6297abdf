#include "store/refs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "freshness.h"
#include "store/backward.h"
#include "store/disk.h"
#include "store/lines.h"
#include "store/tip.h"

int ref_compare(const struct ref *a, const struct ref *b)
{
    if (a->name_length != b->name_length)
        return (a->name_length > b->name_length) - (a->name_length < b->name_length);
    if (a->name_length == 0)
        return (a->serial > b->serial) - (a->serial < b->serial);
    return memcmp(a->name, b->name, a->name_length);
}

void ref_forget(struct ref *ref)
{
    free(ref->line);
    ref->line = NULL;
    ref->begun = false;
    ref->candidate_count = 0;
    ref->successor_serial = 0;
    ref->successor_revoked = false;
}

/* Note an id that the ref may mean, unless it is known. */
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

/* A line of the file. */
struct found {
    struct line columns;
    const char *text;
    size_t length;
    uint64_t n;  /* once it has proved itself */
    bool sealed; /* in a snapshot, which has one line of each token */
};

/* Is it the token's last line, as far as the lines are known? They come in any order, but no line brings a
 * revoked token back. */
static bool is_later(const struct ref *ref, const struct found *found)
{
    bool revoked = line_revoked(found->columns.column[COLUMN_ID].at), was_revoked;
    struct line old;

    if (!ref->line || !line_split(&old, ref->line, ref->length))
        return true;
    was_revoked = line_revoked(old.column[COLUMN_ID].at);
    return revoked == was_revoked ? found->n >= ref->n : revoked;
}

static void take_line(struct ref *ref, const struct found *found)
{
    const struct span *column = found->columns.column;
    const char *id = column[COLUMN_ID].at;
    uint64_t serial;

    add_candidate(ref, id);
    if (memcmp(ref->candidates[0], id, ID_LENGTH) != 0)
        return;
    ref->begun |= decimal_parse(column[COLUMN_SERIAL], &serial) && serial == found->n;
    ref->kept |= found->sealed;
    if (!is_later(ref, found))
        return;
    free(ref->line);
    ref->line = must_have(malloc(found->length));
    memcpy(ref->line, found->text, found->length);
    ref->length = found->length;
    ref->n = found->n;
}

/* The line of a token that succeeds the ref's one. */
static void take_successor(struct ref *ref, const struct found *found)
{
    const char *id = found->columns.column[COLUMN_ID].at;
    uint64_t serial;

    if (!decimal_parse(found->columns.column[COLUMN_SERIAL], &serial) || serial < ref->successor_serial)
        return;
    if (serial > ref->successor_serial)
        ref->successor_revoked = false;
    ref->successor_serial = serial;
    ref->successor_revoked |= line_revoked(id);
    memcpy(ref->successor, id, ID_LENGTH);
    ref->successor[ID_LENGTH] = '\0';
}

/* Give the line, if it proves itself, to the refs that equal wanted. It may be a line of the log or of the
 * snapshot: in a damaged file nobody knows where the snapshot ends. */
static void hand_to(struct refs *refs, const struct ref *wanted, struct found *found,
                    void (*take)(struct ref *, const struct found *))
{
    unsigned char seal[CHAIN_SIZE];
    struct position position;
    size_t low = 0, high = refs->count;

    /* the first ref that is not below wanted */
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ref_compare(refs->sorted[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == refs->count || ref_compare(refs->sorted[low], wanted) != 0)
        return;
    found->sealed = !chain_proves(refs->chain.origin, &found->columns, found->text, &position);
    if (!found->sealed)
        found->n = position.n;
    else if (!chain_sealed(refs->chain.header.basechain, &found->columns, found->text, seal, &found->n))
        return;
    for (; low < refs->count && ref_compare(refs->sorted[low], wanted) == 0; low++)
        take(refs->sorted[low], found);
}

static void hand_out(struct refs *refs, struct found *found)
{
    struct ref wanted = {.name = found->columns.column[COLUMN_ID].at};
    const struct span *prev = &found->columns.column[COLUMN_PREV];

    if (memcmp(wanted.name, record_no_id, ID_LENGTH) == 0)
        return;
    if (refs->named[0] && !decimal_parse(found->columns.column[COLUMN_SERIAL], &wanted.serial))
        wanted.serial = 0; /* matches no ref */
    for (size_t i = 0; i < refs->length_count; i++) {
        wanted.name_length = refs->lengths[i];
        hand_to(refs, &wanted, found, take_line);
    }
    if (refs->named[ID_LENGTH] && prev->length == ID_LENGTH)
        hand_to(refs, &(struct ref){.name = prev->at, .name_length = ID_LENGTH}, found, take_successor);
}

static enum status unreadable(struct fault *fault)
{
    fault_set(fault, "cannot be read: %s", strerror(errno));
    return STATUS_IO;
}

#define TO_REPAIR ": run `toktab check` to see the damage, and `toktab mend` to repair it"

/* prove: every line must continue the chain; otherwise only the wanted lines must prove themselves.
 * line_split() refuses a line that is too long. */
static enum status take_text(struct refs *refs, struct found *found, bool prove, struct fault *fault)
{
    const char *wrong = prove ? chain_line(&refs->chain, &found->columns, found->text, found->length) : NULL;

    if (wrong) {
        fault_set(fault, "line at byte %" PRIu64 ": %s" TO_REPAIR, refs->offset, wrong);
        return STATUS_DAMAGED;
    }
    if (prove || line_split(&found->columns, found->text, found->length))
        hand_out(refs, found);
    return STATUS_DONE;
}

/* Read the last line, which lacks its LF. */
static enum status read_unended(struct found *found, char text[LINE_SIZE_MAX], int fd, uint64_t start,
                                uint64_t end, struct fault *fault)
{
    size_t length = (size_t)(end - start);

    if (length >= LINE_SIZE_MAX) {
        fault_set(fault, "another process is writing to it without the lock");
        return STATUS_DAMAGED;
    }
    if (!read_all(fd, text, length, start))
        return unreadable(fault);
    text[length] = '\n';
    *found = (struct found){.text = text, .length = length + 1};
    return STATUS_DONE;
}

static enum status read_lines(struct refs *refs, int fd, const struct tip *tip, bool prove,
                              struct fault *fault)
{
    enum status status = STATUS_DONE;
    enum lines_got got = LINES_LINE;
    char unended[LINE_SIZE_MAX];
    struct lines lines;
    struct found found;

    lines_make(&lines, fd, refs->offset);
    while (status == STATUS_DONE && (got == LINES_LINE || got == LINES_TOO_LONG) && refs->offset < tip->end) {
        got = lines_next(&lines, &found.text, &found.length);
        if (got == LINES_LINE || got == LINES_TOO_LONG)
            status = take_text(refs, &found, prove, fault);
        refs->offset = lines.offset;
    }
    if (got == LINES_ERROR)
        status = unreadable(fault);
    lines_free(&lines);
    if (got != LINES_TORN)
        return status;
    status = read_unended(&found, unended, fd, refs->offset, tip->end, fault);
    return status == STATUS_DONE ? take_text(refs, &found, prove, fault) : status;
}

/* From the end: is this line the one at *next? Then *next moves to the one before. A line of the snapshot has
 * only a number. */
static bool is_next(const struct refs *refs, struct position *next, struct found *found)
{
    const struct header *header = &refs->chain.header;
    unsigned char seal[CHAIN_SIZE];
    struct position at;

    if (!line_split(&found->columns, found->text, found->length))
        return false;
    if (next->n <= header->base) {
        if (!chain_sealed(header->basechain, &found->columns, found->text, seal, &at.n) || at.n > next->n)
            return false;
        next->n = at.n - 1;
        return true;
    }
    if (!chain_proves(refs->chain.origin, &found->columns, found->text, &at) || !position_equal(&at, next))
        return false;
    next->n--;
    return hex_decode(next->chain, found->columns.column[COLUMN_BEFORE].at, CHAIN_SIZE) &&
           (next->n > header->base || memcmp(next->chain, header->basechain, CHAIN_SIZE) == 0);
}

static enum status take_from_end(struct refs *refs, struct position *next, struct found *found,
                                 struct fault *fault)
{
    if (refs->proof == PROOF_OF_FOUND)
        return take_text(refs, found, false, fault);
    if (!is_next(refs, next, found)) {
        fault_set(fault, "a line written since the token%s was created is damaged or missing" TO_REPAIR,
                  refs->count > 1 ? " or its predecessor" : "");
        return STATUS_DAMAGED;
    }
    hand_out(refs, found);
    return STATUS_DONE;
}

/* Each token begins with the line that created it, or with what the snapshot kept of it. */
static enum status check_begun(const struct refs *refs, struct fault *fault)
{
    for (size_t i = 0; i < refs->count && refs->proof != PROOF_OF_FOUND; i++)
        if (refs->list[i].line && !refs->list[i].begun && !refs->list[i].kept) {
            fault_set(fault, "the first line of token %s is missing" TO_REPAIR, refs->list[i].text);
            return STATUS_DAMAGED;
        }
    return STATUS_DONE;
}

/* Read from the end to the first line of each token. A single id is in each line that is wanted. */
static enum status read_backward(struct refs *refs, int fd, const struct tip *tip, struct fault *fault)
{
    enum status status = STATUS_DONE;
    enum lines_got got = LINES_LINE;
    const bool one_id = refs->count == 1 && refs->named[ID_LENGTH] && refs->proof == PROOF_OF_FOUND;
    struct span needle = {one_id ? refs->list[0].name : "", one_id ? ID_LENGTH : 0};
    struct position next = tip->chain.at;
    char unended[LINE_SIZE_MAX];
    struct backward lines;
    struct found found;
    size_t begun = 0;

    if (tip->lf_due) {
        status = read_unended(&found, unended, fd, tip->start, tip->end, fault);
        if (status == STATUS_DONE)
            status = take_from_end(refs, &next, &found, fault);
    }
    backward_make(&lines, fd, refs->offset, tip->lf_due ? tip->start : tip->end, needle);
    while (status == STATUS_DONE && got == LINES_LINE) {
        while (begun < refs->count && refs->list[begun].begun)
            begun++;
        if (begun == refs->count)
            break;
        got = backward_next(&lines, &found.text, &found.length);
        if (got == LINES_LINE)
            status = take_from_end(refs, &next, &found, fault);
    }
    if (got == LINES_ERROR)
        status = unreadable(fault);
    if (got == LINES_END)
        status = check_begun(refs, fault);
    backward_free(&lines);
    return status;
}

/* May other tokens than those of the lines found be meant, too? */
static bool any_is_prefix(const struct refs *refs)
{
    for (size_t length = 1; length < ID_LENGTH; length++)
        if (refs->named[length])
            return true;
    return false;
}

/* Read only what was appended since. False: the file was replaced or overwritten. */
static bool read_on(struct refs *refs, int fd, const struct tip *tip, const struct stat *file)
{
    struct fault ignored;

    return refs->offset > 0 && same_file(&refs->file, file) && refs->offset <= tip->end &&
           refs->chain.header.epoch == tip->chain.header.epoch &&
           read_lines(refs, fd, tip, true, &ignored) == STATUS_DONE &&
           position_equal(&refs->chain.at, &tip->chain.at);
}

enum status refs_read(struct refs *refs, int fd, struct fault *fault)
{
    char text[LINE_SIZE_MAX];
    struct stat file;
    struct tip tip;
    enum status status;

    if (fstat(fd, &file) < 0)
        return unreadable(fault);
    status = tip_read(&tip, fd, refs->domain, fault);
    if (status == STATUS_DONE && !read_on(refs, fd, &tip, &file)) {
        for (size_t i = 0; i < refs->count; i++)
            ref_forget(&refs->list[i]);
        refs->offset = header_format(text, &tip.chain.header);
        chain_begin(&refs->chain, refs->domain, text, (size_t)refs->offset);
        strcpy(refs->storeid, tip.chain.header.storeid);
        status = refs->proof == PROOF_OF_STORE || any_is_prefix(refs)
                     ? read_lines(refs, fd, &tip, refs->proof != PROOF_OF_FOUND, fault)
                     : read_backward(refs, fd, &tip, fault);
    }
    refs->file = file;
    refs->chain = tip.chain;
    refs->offset = status == STATUS_DONE && !tip.lf_due ? tip.end : 0; /* 0: read the whole file next time */
    return status;
}
