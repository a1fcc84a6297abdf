#include "gather.h"

#include <stdlib.h>
#include <string.h>

#include "say.h"

void gather_doubt(struct salvage *salvage, const char *why, uint64_t n)
{
    if (salvage->any.text[0] == '\0')
        fault_set(&salvage->any, why, n);
}

bool gather_next(struct text *rest, struct text *line)
{
    const char *lf = rest->at < rest->end ? memchr(rest->at, '\n', (size_t)(rest->end - rest->at)) : NULL;

    if (!lf)
        return false;
    *line = (struct text){rest->at, lf + 1};
    rest->at = lf + 1;
    return true;
}

bool gather_split(struct line *line, const struct text *text, uint64_t *n)
{
    return line_split(line, text->at, (size_t)(text->end - text->at)) &&
           decimal_parse(line->column[COLUMN_N], n);
}

uint64_t gather_number(const struct text *text)
{
    const char *bar = memchr(text->at, '|', (size_t)(text->end - text->at));
    uint64_t n;

    return bar && decimal_parse((struct span){text->at, (size_t)(bar - text->at)}, &n) ? n : 0;
}

struct suspect *gather_suspect(struct salvage *salvage, const struct text *text, uint64_t n, bool takes_place)
{
    struct suspect *added;

    if (salvage->suspect_count == salvage->suspect_room) {
        salvage->suspect_room = salvage->suspect_room * 2 + 16;
        salvage->suspects =
            must_have(reallocarray(salvage->suspects, salvage->suspect_room, sizeof(*salvage->suspects)));
    }
    added = &salvage->suspects[salvage->suspect_count++];
    *added = (struct suspect){text->at, (size_t)(text->end - text->at), n, takes_place, false};
    return added;
}

void gather_keep(struct salvage *salvage, const struct line *line, const struct text *text)
{
    const char *id = line->column[COLUMN_ID].at;

    if (!index_holds(&salvage->index, 1) && !index_grow(&salvage->index))
        must_have(NULL);
    index_put(&salvage->index, id, (size_t)(text->end - id));
}

bool gather_fits(const struct salvage *salvage, const struct record *record)
{
    const char *known = index_find(&salvage->index, record->id);
    struct record before;
    struct line line;

    if (record->op == OPERATION_CREATE && (known || record->serial != record->n))
        return false;
    if (!known)
        return true;
    line_split_accepted(&line, known);
    return record_parse(&before, &line) && before.serial == record->serial &&
           before.created == record->created && memcmp(before.hash, record->hash, HASH_SIZE) == 0;
}
