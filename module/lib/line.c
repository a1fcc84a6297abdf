#include "line.h"

#include <endian.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The offsets of the columns of fixed width, from the id. */
enum {
    AT_OP = ID_LENGTH + 1,
    AT_HASH = AT_OP + 2,
    AT_SERIAL = AT_HASH + HASH_HEX + 1,
};

static void split_fixed(struct line *line, const char *id)
{
    line->plain = false;
    line->column[COLUMN_ID] = (struct span){id, ID_LENGTH};
    line->column[COLUMN_OP] = (struct span){id + AT_OP, 1};
    line->column[COLUMN_HASH] = (struct span){id + AT_HASH, HASH_HEX};
}

enum { STEP = LINE_READ_PAST };

typedef unsigned char octets __attribute__((vector_size(STEP / 2)));
typedef signed char marks __attribute__((vector_size(STEP / 2))); /* each is 0 or -1 */
typedef uint64_t halves __attribute__((vector_size(STEP / 2)));

/* A bit for each mark; the lowest bit is for the first byte. */
static inline uint64_t bits_of(marks some)
{
#ifdef __SSE2__
    return (uint64_t)_mm_movemask_epi8((__m128i)some);
#else
    halves ones = (halves)(some & 1);

    /* the lowest bits of eight bytes, side by side */
    return le64toh(ones[0]) * UINT64_C(0x0102040810204080) >> 56 |
           le64toh(ones[1]) * UINT64_C(0x0102040810204080) >> 56 << 8;
#endif
}

/* Marks for the bytes of all steps so far: those that are printable ASCII each time, or were a "%" once. */
struct kinds {
    marks printable, percent;
};

static inline void note_kinds(struct kinds *kinds, octets some)
{
    kinds->printable &= (marks)(some + 1) > 0x20; /* as signed, 7F and what is not ASCII is negative */
    kinds->percent |= (marks)(some == '%');
}

/* A bit for each byte that is a "|". kinds: notes those of the bytes, unless it is NULL. */
static inline uint64_t bars_at(const char *at, struct kinds *kinds)
{
    uint64_t bars = 0;

    for (int i = 0; i < STEP; i += STEP / 2) {
        octets some;

        memcpy(&some, at + i, sizeof(some));
        if (kinds)
            note_kinds(kinds, some);
        bars |= bits_of((marks)(some == '|')) << i;
    }
    return bars;
}

/*
 * Find the columns from `first` to the one before `next`, from where the serial begins. At least STEP bytes
 * must follow the last bar of these columns, or nothing after end is read. Returns where `next` begins; NULL:
 * too few bars.
 */
static inline __attribute__((always_inline)) const char *split_up_to(struct line *line, enum column first,
                                                                     enum column next, const char *at,
                                                                     const char *end, struct kinds *kinds)
{
    const char *start = at;
    struct span *column = &line->column[first];
    unsigned skipped = first - COLUMN_SERIAL;

    for (; at + STEP <= end; at += STEP) {
        uint64_t bars = bars_at(at, kinds);

        for (; skipped > 0 && bars != 0; bars &= bars - 1)
            if (--skipped == 0)
                start = at + (unsigned)__builtin_ctzll(bars) + 1;
        for (; bars != 0; bars &= bars - 1) {
            const char *bar = at + (unsigned)__builtin_ctzll(bars);

            *column++ = (struct span){start, (size_t)(bar - start)};
            start = bar + 1;
            if (column == &line->column[next])
                return start;
        }
    }
    return NULL;
}

/* Find the columns up to the hash. Returns where the serial begins; NULL: it is no line. */
static const char *split_front(struct line *line, const char *text, size_t length)
{
    const char *end = text + length - 1, *at;

    if (length <= AT_SERIAL || length > LINE_SIZE_MAX || *end != '\n')
        return NULL;
    at = decimal_take(text, '|', &line->n);
    if (!at) {
        line->n = 0;
        at = memchr(text, '|', length);
        at = at ? at + 1 : end;
    }
    if (end - at < AT_SERIAL || at[AT_OP - 1] != '|' || at[AT_HASH - 1] != '|' || at[AT_SERIAL - 1] != '|')
        return NULL;
    line->column[COLUMN_N] = (struct span){text, (size_t)(at - 1 - text)};
    split_fixed(line, at);
    return at + AT_SERIAL;
}

bool line_split(struct line *line, const char *text, size_t length)
{
    const char *end = text + length - 1, *at = split_front(line, text, length);

    if (!at)
        return false;
    /* no bar is missed: the chain is a step long */
    at = split_up_to(line, COLUMN_SERIAL, COLUMN_CHAIN, at, end, NULL);
    if (!at || end - at != CHAIN_HEX)
        return false;
    line->column[COLUMN_CHAIN] = (struct span){at, CHAIN_HEX};
    return bars_at(at, NULL) == 0;
}

bool line_split_ends(struct line *line, const char *text, size_t length)
{
    const char *end = text + length - 1, *at = split_front(line, text, length), *chain, *before, *bar;

    at = at ? split_up_to(line, COLUMN_SERIAL, COLUMN_CREATED, at, end, NULL) : NULL;
    if (!at || end - at < 2 * (CHAIN_HEX + 1))
        return false;
    chain = end - CHAIN_HEX;
    before = chain - 1 - CHAIN_HEX;
    bar = memrchr(at, '|', (size_t)(before - 1 - at));
    if (chain[-1] != '|' || before[-1] != '|' || !bar)
        return false;
    line->column[COLUMN_PRIOR] = (struct span){bar + 1, (size_t)(before - 1 - (bar + 1))};
    line->column[COLUMN_BEFORE] = (struct span){before, CHAIN_HEX};
    line->column[COLUMN_CHAIN] = (struct span){chain, CHAIN_HEX};
    return true;
}

void line_split_accepted(struct line *line, const char *id)
{
    line->n = 0;
    line->column[COLUMN_N] = (struct span){NULL, 0};
    split_fixed(line, id);
    line->column[COLUMN_CHAIN] = (struct span){
        split_up_to(line, COLUMN_SERIAL, COLUMN_CHAIN, id + AT_SERIAL, id + LINE_SIZE_MAX, NULL), CHAIN_HEX};
}

void line_split_for_verdict(struct line *line, const char *id)
{
    struct kinds kinds = {.printable = (marks){0} - 1};

    split_fixed(line, id);
    line->column[COLUMN_SERIAL].at = id + AT_SERIAL;
    /* ends before the LF; if another writer left `before` empty, that makes it odd, not plain */
    split_up_to(line, COLUMN_SCOPES, COLUMN_PRIOR, id + AT_SERIAL, id + LINE_SIZE_MAX, &kinds);
    line->plain = bits_of(~kinds.printable | kinds.percent) == 0;
}

static const char *behind_bar(const char *at)
{
    return (const char *)memchr(at, '|', LINE_SIZE_MAX) + 1;
}

struct span line_serial(const char *id)
{
    const char *at = id + AT_SERIAL;

    return (struct span){at, (size_t)(behind_bar(at) - 1 - at)};
}

struct span line_origin(const char *id)
{
    const char *at = id + AT_HASH;

    return (struct span){at, (size_t)(behind_bar(behind_bar(id + AT_SERIAL)) - at)};
}

bool line_revoked(const char *id)
{
    const char *at = id + AT_SERIAL;

    for (int i = COLUMN_SERIAL; i < COLUMN_REVOKED; i++)
        at = behind_bar(at);
    return at[0] != '-' || at[1] != '|';
}
