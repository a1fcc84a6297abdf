/*
 * What stands after the last line of a log: the four kinds of toktab-store(5), told apart here once more,
 * column by column and byte by byte. What a writer leaves that is killed in its write, or whose power is cut,
 * is never taken for damage, and a whole line with a byte changed never for what a writer has left.
 */
#include "chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

/* A log of some length, which this input is the rest of. */
static struct chain some_log(unsigned number)
{
    static const uint64_t ends[] = {0, 1, 8, 9, 10, 99, 1234, UINT64_MAX - 1};
    struct chain chain = {.header = {.domain = "example.com",
                                     .storeid = "00112233445566778899aabbccddeeff",
                                     .cutoff = TIME_NEVER},
                          .at = {.n = ends[number % 8]}};

    header_start(&chain.header);
    memcpy(chain.origin, chain.header.basechain, CHAIN_SIZE);
    memset(chain.at.chain, (int)number, CHAIN_SIZE);
    chain.point_due = number / 8 % 8 == 1;
    chain.bytes_left = number / 8 % 8 == 2 ? 1 : 0;
    chain.lines_left = chain.bytes_left;
    return chain;
}

/* ---- a line, by itself ---- */

/* The columns of a text without an LF: the first, three of a fixed width, and sixteen between bars. */
static bool find_columns(const char *at[COLUMNS + 1], const char *text, size_t length)
{
    static const size_t widths[] = {[COLUMN_ID] = ID_LENGTH, [COLUMN_OP] = 1, [COLUMN_HASH] = HASH_HEX};
    const char *end = text + length;

    if (length + 1 > LINE_SIZE_MAX || memchr(text, '\n', length))
        return false;
    for (int i = 0; i < COLUMN_CHAIN; i++) {
        bool fixed = i >= COLUMN_ID && i <= COLUMN_HASH;

        at[i] = text;
        if (fixed && (size_t)(end - text) <= widths[i])
            return false;
        text = fixed ? text + widths[i] : memchr(text, '|', (size_t)(end - text));
        if (!text || *text != '|')
            return false;
        text++;
    }
    at[COLUMN_CHAIN] = text;
    at[COLUMNS] = end + 1;
    return end - text == CHAIN_HEX;
}

static bool is_hex_of(const char *text, const unsigned char bytes[CHAIN_SIZE])
{
    char hex[2 * CHAIN_SIZE + 1];

    for (int i = 0; i < CHAIN_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    return memcmp(text, hex, 2 * CHAIN_SIZE) == 0;
}

/* Is it a line of the log, and if the next one is wanted, that one? */
static bool is_line(const struct chain *chain, const char *text, size_t length, bool next)
{
    unsigned char sum[CHAIN_SIZE];
    const char *at[COLUMNS + 1];
    char number[24], *end;
    uint64_t n;

    if (!find_columns(at, text, length))
        return false;
    crypto_sum_line(sum, text, (size_t)(at[COLUMN_CHAIN] - text), chain->origin);
    if (!is_hex_of(at[COLUMN_CHAIN], sum))
        return false;
    snprintf(number, sizeof(number), "%.*s", (int)(at[COLUMN_ID] - text - 1), text);
    n = strtoull(number, &end, 10);
    snprintf(number, sizeof(number), "%" PRIu64 "|", n);
    if ((size_t)(at[COLUMN_ID] - text) != strlen(number) || memcmp(text, number, strlen(number)) != 0)
        return false;
    return !next || (n == chain->at.n + 1 && at[COLUMN_CHAIN] - at[COLUMN_BEFORE] == CHAIN_HEX + 1 &&
                     is_hex_of(at[COLUMN_BEFORE], chain->at.chain));
}

/* The line of a compaction vouches for the header: here for one without a snapshot or a cutoff. */
static bool is_point(const struct chain *chain, const char *text, size_t length)
{
    char digest[HASH_HEX + 1] = "";
    const char *at[COLUMNS + 1];

    hex_encode(digest, chain->header.digest, HASH_SIZE);
    return find_columns(at, text, length) && *at[COLUMN_OP] == 'P' &&
           memcmp(at[COLUMN_HASH], digest, HASH_HEX) == 0 && memcmp(at[COLUMN_EXPIRES], "-|", 2) == 0;
}

/* ---- the kinds ---- */

static bool is_next_line(const struct chain *chain, const char *bytes, size_t length)
{
    return is_line(chain, bytes, length, true) && (!chain->point_due || is_point(chain, bytes, length));
}

static size_t count_bytes(const char *bytes, size_t length, char which)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += bytes[i] == which;
    return count;
}

static bool has_all_columns(const char *bytes, size_t length)
{
    size_t bars = count_bytes(bytes, length, '|');
    const char *last = memrchr(bytes, '|', length);

    return bars > COLUMN_CHAIN || (bars == COLUMN_CHAIN && bytes + length - last > CHAIN_HEX);
}

static bool is_torn(const struct chain *chain, const char *bytes, size_t length)
{
    char number[24];
    size_t known = (size_t)snprintf(number, sizeof(number), "%" PRIu64 "|", chain->at.n + 1);

    for (size_t i = 0; i < length; i++)
        if ((bytes[i] >= 0 && bytes[i] < 0x20) || bytes[i] == 0x7f || (i < known && bytes[i] != number[i]))
            return false;
    return length < LINE_SIZE_MAX && !has_all_columns(bytes, length);
}

/* Does a line that proves itself begin there? A byte may stand after it. Only somebody who wants to
 * mislead makes one that holds a NUL: with_nul where one is found all the same. */
static bool begins_line(const struct chain *chain, const char *at, const char *end, bool with_nul)
{
    const char *lf = memchr(at, '\n', (size_t)(end - at));
    size_t length = (size_t)((lf ? lf : end) - at);

    if (!with_nul && memchr(at, '\0', length))
        return false;
    return is_line(chain, at, length, false) || (length > 0 && is_line(chain, at, length - 1, false));
}

/* A power cut takes whole sectors: after its NULs the text goes on where one begins. */
static bool is_unsynced(const struct chain *chain, const char *bytes, size_t length, uint64_t offset)
{
    const char *nul = memchr(bytes, '\0', length), *end = bytes + length, *text = nul;

    if (!nul || length >= LINE_SIZE_MAX || !is_torn(chain, bytes, (size_t)(nul - bytes)))
        return false;
    while (text < end && (*text == '\0' || *text == '\n'))
        text++;
    if (text < end && (offset + (uint64_t)(text - bytes)) % 512 != 0)
        return false;
    if (count_bytes(bytes, length, '\0') == 1 && has_all_columns(bytes, length))
        return false; /* a flipped bit */
    if (begins_line(chain, bytes, end, true))
        return false;
    for (const char *at = bytes + 1; at < end; at++)
        if ((at[-1] == '\0' || at[-1] == '\n') && begins_line(chain, at, end, at[-1] == '\n'))
            return false;
    return true;
}

static enum rest expected(const struct chain *chain, const char *bytes, size_t length, uint64_t offset)
{
    if (length == 0)
        return REST_NONE;
    if (chain->bytes_left > 0)
        return REST_DAMAGE;
    if (is_next_line(chain, bytes, length) || is_next_line(chain, bytes, length - 1))
        return REST_LINE;
    if (is_unsynced(chain, bytes, length, offset))
        return REST_UNSYNCED;
    return is_torn(chain, bytes, length) ? REST_TORN : REST_DAMAGE;
}

/* In memory of its own, so that a byte too many is seen. */
static enum rest rest_of(const struct chain *chain, const char *bytes, size_t length, uint64_t offset)
{
    char *copy = malloc(length + (length == 0));
    size_t line_length = SIZE_MAX;
    enum rest rest;

    if (!copy)
        abort();
    memcpy(copy, bytes, length);
    rest = chain_rest(chain, copy, length, offset, &line_length);
    assert(rest == expected(chain, copy, length, offset));
    if (rest == REST_LINE)
        assert(line_length <= length && line_length + 1 >= length && is_next_line(chain, copy, line_length));
    free(copy);
    return rest;
}

/* ---- what becomes of a line ---- */

/* Put the next line's number, before and chain into what has the columns of one. Returns its length. */
static size_t make_next(const struct chain *chain, char text[LINE_SIZE_MAX], const char *bytes, size_t length)
{
    unsigned char sum[CHAIN_SIZE];
    const char *at[COLUMNS + 1];
    char columns[LINE_SIZE_MAX];
    struct record record;
    struct line line;
    size_t start;

    if (!find_columns(at, bytes, length))
        return 0;
    memcpy(columns, bytes, length);
    columns[length] = '\n';
    if (!line_split(&line, columns, length + 1) || record_check(&record, &line))
        return 0;
    record.n = chain->at.n + 1;
    memcpy(record.before, chain->at.chain, CHAIN_SIZE);
    start = record_format(text, &record);
    return start == 0 ? 0 : chain_finish(text, start, chain->origin, sum);
}

/* place: where a writer was stopped, or a disk damaged; there a sector begins. */
static void check_line(const struct chain *chain, const char line[LINE_SIZE_MAX], size_t length, size_t place,
                       char byte)
{
    uint64_t offset = 512 * (uint64_t)LINE_SIZE_MAX - place;
    char text[LINE_SIZE_MAX];

    memcpy(text, line, length);
    assert(rest_of(chain, text, length - 1, offset) == REST_LINE);
    if (place > 1 && place < length - 1) {
        assert(rest_of(chain, text, place, offset) == REST_TORN);
        memset(text + place, 0, length - place);
        assert(rest_of(chain, text, length, offset) == REST_UNSYNCED);
        memcpy(text, line, length);
        memset(text, 0, place);
        assert(rest_of(chain, text, length, offset) == REST_UNSYNCED);
        memcpy(text, line, length);
    }
    text[place] = byte;
    if (place == length - 1)
        assert(rest_of(chain, text, length, offset) == REST_LINE);
    else if (byte != line[place] && byte != '\0')
        assert(rest_of(chain, text, length, offset) == REST_DAMAGE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chain chain = some_log(take_number(&data, &size, 64));
    unsigned place = take_number(&data, &size, 65536), byte = take_number(&data, &size, 256);
    const char *bytes = (const char *)data;
    char line[LINE_SIZE_MAX];
    size_t length;

    rest_of(&chain, bytes, size, place);
    length = size > 0 && size < LINE_SIZE_MAX ? make_next(&chain, line, bytes, size) : 0;
    if (length > 0 && chain.bytes_left == 0 && is_next_line(&chain, line, length - 1))
        check_line(&chain, line, length, place % length, (char)byte);
    return 0;
}
