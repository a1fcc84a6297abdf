/* A line of a store: its columns, and the whole grammar. */
#include <string.h>

#include "chain.h"
#include "fuzz.h"
#include "policy.h"

/* The columns and the bars between them are the line. */
static void check_columns(const struct line *line, const char *text, size_t length)
{
    const char *at = text;

    for (int i = 0; i < COLUMNS; i++) {
        assert(line->column[i].at == at);
        assert(!memchr(at, '|', line->column[i].length) || i == COLUMN_ID || i == COLUMN_HASH ||
               i == COLUMN_OP);
        at += line->column[i].length;
        assert(*at == (i == COLUMN_CHAIN ? '\n' : '|'));
        at++;
    }
    assert(at == text + length);
}

/* Both ends are where they are in the whole line. */
static void check_ends(const struct line *line, const char *text, size_t length)
{
    struct line ends;

    if (line->column[COLUMN_BEFORE].length != CHAIN_HEX)
        return;
    assert(line_split_ends(&ends, text, length));
    for (int i = 0; i < COLUMNS; i++)
        if (i <= COLUMN_SERIAL || i >= COLUMN_PRIOR)
            assert(ends.column[i].at == line->column[i].at &&
                   ends.column[i].length == line->column[i].length);
}

static void check_accepted(const struct line *line)
{
    struct line again;

    line_split_accepted(&again, line->column[COLUMN_ID].at);
    assert(!again.column[COLUMN_N].at);
    for (int i = COLUMN_ID; i < COLUMNS; i++)
        assert(again.column[i].at == line->column[i].at && again.column[i].length == line->column[i].length);
}

/* What was accepted is what a writer writes, but for the chain: that is another's. */
static void check_format(const struct record *record, const char *text, size_t length)
{
    static const unsigned char origin[CHAIN_SIZE] = "some log";
    unsigned char chain[CHAIN_SIZE];
    struct position position;
    char written[LINE_SIZE_MAX];
    size_t start = record_format(written, record);
    struct record again;
    struct line line;

    assert(start == length - CHAIN_HEX - 1 && memcmp(written, text, start) == 0);
    assert(chain_finish(written, start, origin, chain) == length);
    assert(line_split(&line, written, length) && !record_check(&again, &line));
    assert(chain_proves(origin, &line, written, &position));
    assert(position.n == record->n && memcmp(position.chain, chain, CHAIN_SIZE) == 0);
    assert(again.prior == record->prior && memcmp(again.before, record->before, CHAIN_SIZE) == 0);
}

static void check_record(const struct line *line, const char *text, size_t length)
{
    const char *id = line->column[COLUMN_ID].at;
    struct toktab_result result = {.size = sizeof(result)};
    struct record record, numberless;
    struct line accepted;

    if (record_check(&record, line))
        return;
    assert(record.n > 0 && record.created >= 0 && record.created < TIME_NEVER && record.time >= 0 &&
           record.time < TIME_NEVER && record.expires >= 0 && record.revoked >= 0 && record.prior < record.n);
    policy_decide(&result, line, &(struct demand){.scopes = span_of("")}, 0);
    assert((result.verdict == TOKTAB_ERROR) == (record.op == OPERATION_POINT));
    assert(line_revoked(id) == (record.revoked != TIME_NEVER));
    line_split_accepted(&accepted, id);
    assert(!record_check(&numberless, &accepted));
    check_format(&record, text, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct span all = {text, size};
    struct record record;
    struct line line;
    bool foreign;
    int64_t time;

    ext_parse(all, &foreign);
    time_parse(all, &time);
    scope_valid(all);
    label_valid(all);
    reason_valid(all);
    user_valid(all);
    if (size == 0)
        return 0;
    line_split_ends(&line, text, size);
    if (!line_split(&line, text, size))
        return 0;
    assert(size <= LINE_SIZE_MAX);
    check_columns(&line, text, size);
    check_ends(&line, text, size);
    check_accepted(&line);
    record_parse(&record, &line);
    line_revoked(line.column[COLUMN_ID].at);
    check_record(&line, text, size);
    return 0;
}
