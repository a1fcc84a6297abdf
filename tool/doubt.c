#include "doubt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

enum { BARS_MOST = COLUMNS + COLUMNS / 2 }; /* in one line, be it damaged */

/* What a suspect shows. */
struct shown {
    const char *ids[2]; /* of tokens that are known; NULL: none */
    uint64_t serial;    /* 0: none */
    bool harmless;      /* it created a token, or was a point */
};

/* From the id on, if it begins at that offset and all columns of fixed width are there. */
static const char *fixed_columns(const struct suspect *suspect, size_t offset)
{
    return offset > 0 && offset + AT_SERIAL + 2 <= suspect->length ? suspect->text + offset : NULL;
}

static size_t behind_first_bar(const struct suspect *suspect)
{
    const char *bar = memchr(suspect->text, '|', suspect->length);

    return bar ? (size_t)(bar - suspect->text) + 1 : 0;
}

static size_t behind_number(const struct suspect *suspect)
{
    char number[24];

    return suspect->n > 0 ? (size_t)snprintf(number, sizeof(number), "%" PRIu64, suspect->n) + 1 : 0;
}

static bool created(const char *id)
{
    unsigned char hash[HASH_SIZE];

    return id[AT_OP] == OPERATION_CREATE && base62_valid(id, ID_LENGTH) &&
           hex_decode(hash, id + AT_HASH, HASH_SIZE);
}

static bool was_point(const char *id)
{
    return memcmp(id, record_no_id, ID_LENGTH) == 0 ||
           (id[AT_OP] == OPERATION_POINT && memcmp(id + AT_SERIAL, "0|", 2) == 0);
}

static void look_at_fixed(struct shown *shown, int place, const char *id, const struct index *known)
{
    if (!id)
        return;
    if (index_find(known, id))
        shown->ids[place] = id;
    shown->harmless = shown->harmless || created(id) || was_point(id);
}

static struct shown look_at(const struct suspect *suspect, const struct index *known)
{
    struct shown shown = {0};
    struct line line;

    look_at_fixed(&shown, 0, fixed_columns(suspect, behind_first_bar(suspect)), known);
    look_at_fixed(&shown, 1, fixed_columns(suspect, behind_number(suspect)), known);
    if (line_split(&line, suspect->text, suspect->length) &&
        decimal_parse(line.column[COLUMN_SERIAL], &shown.serial) && shown.serial > 0 &&
        shown.serial == suspect->n)
        shown.harmless = true; /* a token has the number of the line that creates it */
    return shown;
}

static uint64_t serial_of(const char *id)
{
    struct line line;
    uint64_t serial = 0;

    line_split_accepted(&line, id);
    decimal_parse(line.column[COLUMN_SERIAL], &serial);
    return serial;
}

/* A token of the snapshot by serial. */
struct entry {
    uint64_t serial;
    struct last_line *line;
};

static int by_serial(const void *a, const void *b)
{
    const struct entry *first = a, *second = b;

    if (first->serial != second->serial)
        return first->serial < second->serial ? -1 : 1;
    return (first->line > second->line) - (first->line < second->line);
}

static struct entry *make_entries(const struct snapshot *snapshot)
{
    struct entry *entries = must_have(calloc(snapshot->count + 1, sizeof(*entries)));

    for (size_t i = 0; i < snapshot->count; i++)
        entries[i] = (struct entry){serial_of(snapshot->lines[i].id), &snapshot->lines[i]};
    qsort(entries, snapshot->count, sizeof(*entries), by_serial);
    return entries;
}

/* Have the tokens of that serial end. Returns the id of one; NULL: there is none. */
static const char *end_serial(const struct entry *entries, size_t count, uint64_t serial)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (entries[middle].serial < serial)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == count || entries[low].serial != serial)
        return NULL;
    for (size_t i = low; i < count && entries[i].serial == serial; i++)
        entries[i].line->ends = true;
    return entries[low].line->id;
}

/* Is it the line that holds its token's state? */
static bool holds_state(const struct suspect *suspect, const struct index *known)
{
    const char *id = (const char *)memchr(suspect->text, '|', suspect->length) + 1;

    return index_find(known, id) == id;
}

/* Where a line feed is damaged, two lines look like one, of which only the first is seen. */
static bool may_be_several(const struct suspect *suspect)
{
    int bars = 0;

    for (size_t i = 0; i < suspect->length; i++)
        bars += suspect->text[i] == '|';
    return bars > BARS_MOST;
}

/* Have the tokens end that a suspect shows. False: it could be any token's. A serial alone does not say whose
 * it was, if the hash is another's. */
static bool end_shown(const struct snapshot *snapshot, const struct entry *entries,
                      const struct suspect *suspect, const struct index *known)
{
    struct shown shown = look_at(suspect, known);
    const char *id = shown.serial > 0 ? end_serial(entries, snapshot->count, shown.serial) : NULL;
    bool found =
        id && memcmp(id + AT_HASH, suspect->text + behind_first_bar(suspect) + AT_HASH, HASH_HEX) == 0;

    for (int i = 0; i < 2; i++)
        if (shown.ids[i])
            found = end_serial(entries, snapshot->count, serial_of(index_find(known, shown.ids[i]))) || found;
    return (found || shown.harmless) && !may_be_several(suspect);
}

static bool judge(const struct snapshot *snapshot, const struct entry *entries, const struct suspect *suspect,
                  const struct index *known)
{
    if (suspect->whole && !holds_state(suspect, known))
        return true;
    return end_shown(snapshot, entries, suspect, known) || !suspect->takes_place;
}

/* Two tokens of one serial: at most one of them was honestly created. The later is lost, the other in doubt.
 * Two lines of one number: one that is in doubt is lost. */
static void part_twins(struct snapshot *snapshot, const struct entry *entries)
{
    struct last_line *lines = snapshot->lines;
    size_t kept = 0;

    for (size_t i = 1; i < snapshot->count; i++) {
        if (entries[i].serial == entries[i - 1].serial) {
            entries[i - 1].line->ends = true;
            entries[i].line->text = NULL;
        }
        if (lines[i].n == lines[i - 1].n)
            (lines[i].ends ? &lines[i] : &lines[i - 1])->text = NULL;
    }
    for (size_t i = 0; i < snapshot->count; i++)
        if (lines[i].text)
            lines[kept++] = lines[i];
    snapshot->count = kept;
}

/* A token that is revoked needs no second end. */
static void spare_revoked(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++)
        snapshot->lines[i].ends = snapshot->lines[i].ends && !line_revoked(snapshot->lines[i].id);
}

bool suspect_is_copy(const struct suspect *suspect, const char *bytes, size_t size)
{
    const char *end = bytes + size, *at = bytes;
    struct line line;

    if (!line_split(&line, suspect->text, suspect->length))
        return false; /* what is no line any more is nobody's copy */
    while ((at = memmem(at, (size_t)(end - at), suspect->text - 1, suspect->length + 1)) != NULL)
        if (++at != suspect->text)
            return true;
    return false;
}

const struct suspect *doubt_mark(struct snapshot *snapshot, const struct suspect *suspects, size_t count,
                                 const struct index *known)
{
    struct entry *entries = make_entries(snapshot);
    const struct suspect *anybodys = NULL;

    for (size_t i = 0; i < count; i++)
        if (!judge(snapshot, entries, &suspects[i], known) && !anybodys)
            anybodys = &suspects[i];
    part_twins(snapshot, entries);
    spare_revoked(snapshot);
    free(entries);
    return anybodys;
}
