#include "seams.h"

#include <stdint.h>
#include <string.h>

#include "chain.h"
#include "link.h"

/* What is known where the next line is to come. */
struct trace {
    struct links links;
    uint64_t last;    /* the last number that was read */
    size_t run;       /* the first of the lines that follow on each other */
    bool doubtful;    /* is there a seam among them? */
    bool damaged;     /* the line before is; then of that: */
    bool has_columns; /* where, and as many as, a line has them */
    uint64_t n;       /* the number that it shows; 0: none */
};

static bool columns_in_place(const struct text *text)
{
    const char *bar = memchr(text->at, '|', (size_t)(text->end - text->at)), *id;
    int bars = 0;

    if (!bar || text->end - bar <= 1 + AT_SERIAL)
        return false;
    id = bar + 1;
    for (const char *at = text->at; at < text->end; at++)
        bars += *at == '|';
    return bars == COLUMNS - 1 && id[AT_OP - 1] == '|' && id[AT_HASH - 1] == '|' && id[AT_SERIAL - 1] == '|';
}

/* Is the damaged line the one before n, which follows on its chain, from its beginning to its end? */
static bool goes_through(const struct trace *trace, uint64_t n)
{
    return trace->has_columns && (trace->n + 1 == n || trace->last + 2 == n);
}

/* Behind the line before: all that it is linked to, on both sides, may be of another piece. */
static void add_seam(struct stretch *stretch, struct trace *trace, size_t place)
{
    stretch->from = trace->run < stretch->from ? trace->run : stretch->from;
    stretch->to = place - 1;
    trace->run = place;
    trace->doubtful = true;
}

/* Is the line before of two pieces, as far as this one tells? */
static bool is_seam(const struct trace *trace, bool linked, uint64_t n)
{
    return trace->damaged ? !(linked && goes_through(trace, n)) : linked && n != trace->last + 1;
}

static void take_line(struct stretch *stretch, struct trace *trace, const struct text *text, size_t place)
{
    struct record record;
    struct line line;
    uint64_t n = 0;
    bool whole = gather_split(&line, text, &n) && !record_check(&record, &line),
         linked = whole && links_lead_to(&trace->links, &line, text->at);

    if (place > 0 && is_seam(trace, linked, n))
        add_seam(stretch, trace, place);
    trace->damaged = !linked && !(whole && n > trace->last + 1);
    if (trace->damaged) {
        trace->has_columns = columns_in_place(text);
        trace->n = gather_number(text);
    } else {
        trace->last = n;
    }
    if (!linked && !trace->damaged) { /* lines before it are not in the snapshot */
        trace->run = place;
        trace->doubtful = false;
    }
    if (trace->doubtful)
        stretch->to = place;
    links_move(&trace->links, text->at, (size_t)(text->end - text->at));
}

struct stretch seams_find(const struct header *header, struct text snapshot)
{
    struct stretch stretch = {SIZE_MAX, 0};
    struct trace trace = {.links = {.has_shown = true}};
    struct text text;
    size_t place = 0;

    chain_start(trace.links.shown, header->storeid, header->epoch);
    while (gather_next(&snapshot, &text))
        take_line(&stretch, &trace, &text, place++);
    if (trace.damaged &&
        !(trace.links.has_shown && memcmp(trace.links.shown, header->basechain, CHAIN_SIZE) == 0 &&
          goes_through(&trace, header->base + 1)))
        add_seam(&stretch, &trace, place);
    return stretch;
}
