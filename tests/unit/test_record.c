#include "chain.h"
#include "fixture.h"
#include "record.h"
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

#define HASH "a0acfe7ab0402a756593e4cf19f1477aba4b8fb445cd564e23a7c1537e5aefd6"
#define CHAIN "3c384edc7cbab2d3748838196c76cdf9"
#define A16 "aaaaaaaaaaaaaaaa"
#define A128 A16 A16 A16 A16 A16 A16 A16 A16
#define AE16                                                                                               \
    "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3" \
    "\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
#define AE128 AE16 AE16 AE16 AE16 AE16 AE16 AE16 AE16

static const char *const good[COLUMNS] = {
    "7",          "ExampleToken",
    "U",          HASH,
    "3",          "1767225600",
    "1798761600", "-",
    "1767225601", "alice/1000/1001",
    "read,write", "192.0.2.0/24,2001:db8::/32",
    "deploy",     "build%7C100%25",
    "why",        "SecondSample",
    "a=b KEY",    CHAIN,
};

static const char *const good_point[COLUMNS] = {
    "7",          "------------", "P", HASH, "0", "1767225600", "1767225600", "-",
    "1767225600", "root/0/-",     "",  "",   "",  "",           "",           "",
    "",           CHAIN,
};

/* A line of these columns with one of them replaced; -1: none. */
static size_t compose(char *text, size_t size, const char *const columns[COLUMNS], int column, const char *by)
{
    size_t length = 0;

    for (int i = 0; i < COLUMNS; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%s", i == column ? by : columns[i],
                                   i == COLUMN_CHAIN ? "\n" : "|");
    ck_assert_uint_lt(length, size);
    return length;
}

/* NULL, or what is wrong with such a line. */
static const char *wrong_with(const char *const columns[COLUMNS], int column, const char *by)
{
    char text[2 * LINE_SIZE_MAX];
    struct line line;
    struct record record;

    if (!line_split(&line, text, compose(text, sizeof(text), columns, column, by)))
        return "shape";
    return record_check(&record, &line);
}

START_TEST(good_line)
{
    char text[LINE_SIZE_MAX];
    struct line line;
    struct record record;

    ck_assert(line_split(&line, text, compose(text, sizeof(text), good, -1, NULL)));
    for (int i = 0; i < COLUMNS; i++)
        ck_assert(span_equals(line.column[i], good[i]));
    ck_assert_ptr_null(record_check(&record, &line));
    ck_assert_uint_eq(record.n, 7);
    ck_assert_str_eq(record.id, "ExampleToken");
    ck_assert_int_eq(record.op, OPERATION_UPDATE);
    ck_assert_uint_eq(record.hash[0], 0xa0);
    ck_assert_uint_eq(record.serial, 3);
    ck_assert_int_eq(record.created, 1767225600);
    ck_assert_int_eq(record.expires, 1798761600);
    ck_assert_int_eq(record.revoked, TIME_NEVER);
    ck_assert_int_eq(record.time, 1767225601);
    ck_assert(span_equals(record.by, "alice/1000/1001"));
    ck_assert(span_equals(record.scopes, "read,write"));
    ck_assert(span_equals(record.nets, "192.0.2.0/24,2001:db8::/32"));
    ck_assert(span_equals(record.user, "deploy"));
    ck_assert(span_equals(record.label, "build%7C100%25"));
    ck_assert(span_equals(record.reason, "why"));
    ck_assert(span_equals(record.prev, "SecondSample"));
    ck_assert(span_equals(record.ext, "a=b KEY"));
    ck_assert_uint_eq(record.chain[0], 0x3c);
    ck_assert_ptr_null(wrong_with(good_point, -1, NULL));
}
END_TEST

/* ---- each column ---- */

struct replacement {
    int column;
    const char *by;
    bool accepted;
};

/* Control characters, which no honest writer lets pass, are for those who show them to escape. */
static const struct replacement replacements[] = {
    {COLUMN_N, "18446744073709551615", true},
    {COLUMN_N, "18446744073709551616", false},
    {COLUMN_N, "0", false},
    {COLUMN_N, "07", false},
    {COLUMN_N, "+7", false},
    {COLUMN_N, "-7", false},
    {COLUMN_N, " 7", false},
    {COLUMN_N, "7 ", false},
    {COLUMN_N, "7a", false},
    {COLUMN_N, "", false},
    {COLUMN_N, "-", false},
    {COLUMN_ID, "0123456789AZ", true},
    {COLUMN_ID, "------------", false},
    {COLUMN_ID, "Example-oken", false},
    {COLUMN_ID, "Example_oken", false},
    {COLUMN_ID, "ExampleToke", false},
    {COLUMN_ID, "ExampleTokens", false},
    {COLUMN_ID, "Exampl\xc3\xa4oken", false},
    {COLUMN_ID, "Example|oken", false}, /* 19 columns */
    {COLUMN_ID, "", false},
    {COLUMN_OP, "C", true},
    {COLUMN_OP, "R", true},
    {COLUMN_OP, "P", false},
    {COLUMN_OP, "u", false},
    {COLUMN_OP, "X", false},
    {COLUMN_OP, " ", false},
    {COLUMN_OP, "UU", false},
    {COLUMN_OP, "", false},
    {COLUMN_HASH, "A0acfe7ab0402a756593e4cf19f1477aba4b8fb445cd564e23a7c1537e5aefd6", false},
    {COLUMN_HASH, "g0acfe7ab0402a756593e4cf19f1477aba4b8fb445cd564e23a7c1537e5aefd6", false},
    {COLUMN_HASH, "a0acfe7ab0402a756593e4cf19f1477aba4b8fb445cd564e23a7c1537e5aefd", false},
    {COLUMN_HASH, "a0acfe7ab0402a756593e4cf19f1477aba4b8fb445cd564e23a7c1537e5aefd60", false},
    {COLUMN_HASH, "a0acfe7ab0402a756593e4cf19f1477aba4b8fb445cd564e23a7c1537e5aef|6", false},
    {COLUMN_HASH, "", false},
    {COLUMN_SERIAL, "1", true},
    {COLUMN_SERIAL, "7", true},
    {COLUMN_SERIAL, "8", false}, /* a line that is still to come */
    {COLUMN_SERIAL, "0", false},
    {COLUMN_SERIAL, "03", false},
    {COLUMN_SERIAL, "18446744073709551616", false},
    {COLUMN_SERIAL, "18446744073709551619", false}, /* 2^64 + 3 */
    {COLUMN_SERIAL, "", false},
    {COLUMN_SERIAL, "-", false},
    {COLUMN_CREATED, "0", true},
    {COLUMN_CREATED, "9223372036854775806", true},
    {COLUMN_CREATED, "9223372036854775807", false},
    {COLUMN_CREATED, "18446744073709551615", false},
    {COLUMN_CREATED, "01", false},
    {COLUMN_CREATED, "-", false},
    {COLUMN_CREATED, "-1", false},
    {COLUMN_CREATED, "", false},
    {COLUMN_CREATED, "1767225600.5", false},
    {COLUMN_EXPIRES, "-", true},
    {COLUMN_EXPIRES, "0", true},
    {COLUMN_EXPIRES, "9223372036854775806", true},
    {COLUMN_EXPIRES, "9223372036854775807", false},
    {COLUMN_EXPIRES, "9223372036854775808", false},
    {COLUMN_EXPIRES, "18446744073709551616", false},
    {COLUMN_EXPIRES, "", false},
    {COLUMN_EXPIRES, "--", false},
    {COLUMN_EXPIRES, "-1", false},
    {COLUMN_EXPIRES, "never", false},
    {COLUMN_EXPIRES, "2027-01-31", false},
    {COLUMN_REVOKED, "1767225600", true},
    {COLUMN_REVOKED, "0", true},
    {COLUMN_REVOKED, "", false},
    {COLUMN_REVOKED, "--", false},
    {COLUMN_REVOKED, "-0", false},
    {COLUMN_REVOKED, "00", false},
    {COLUMN_TIME, "0", true},
    {COLUMN_TIME, "9223372036854775806", true},
    {COLUMN_TIME, "9223372036854775807", false},
    {COLUMN_TIME, "-", false},
    {COLUMN_TIME, "", false},
    {COLUMN_TIME, " 1", false},
    {COLUMN_BY, "root/0/-", true},
    {COLUMN_BY, "a%2Fb/1000/4294967295", true},
    {COLUMN_BY, "j\xc3\xb6rg/1/1", true},
    {COLUMN_BY, "a b/1/1", true},
    {COLUMN_BY, "", false},
    {COLUMN_BY, "root", false},
    {COLUMN_BY, "root/0", false},
    {COLUMN_BY, "root/0/", false},
    {COLUMN_BY, "/0/-", false},
    {COLUMN_BY, "root//-", false},
    {COLUMN_BY, "root/-/-", false},
    {COLUMN_BY, "root/0/-/", false},
    {COLUMN_BY, "a/b/0/-", false},
    {COLUMN_BY, "root/00/-", false},
    {COLUMN_BY, "root/0/01", false},
    {COLUMN_BY, "root/0/--", false},
    {COLUMN_BY, "root/x/-", false},
    {COLUMN_BY, "ro%ot/0/-", false},
    {COLUMN_BY, "ro%00t/0/-", false},
    {COLUMN_BY, "ro%0At/0/-", true},
    {COLUMN_BY, "\xff/0/-", false},
    {COLUMN_SCOPES, "", true},
    {COLUMN_SCOPES, "a", true},
    {COLUMN_SCOPES, "repo:read,!#$&'()*+-./:;<=>?@[]^_`{}~", true},
    {COLUMN_SCOPES, "%7Cpipe,per%25cent", true},
    {COLUMN_SCOPES, "a%2Cb", false}, /* an item without its comma is no scope */
    {COLUMN_SCOPES, ",", false},
    {COLUMN_SCOPES, "a,", false},
    {COLUMN_SCOPES, ",a", false},
    {COLUMN_SCOPES, "a,,b", false},
    {COLUMN_SCOPES, "a b", false},
    {COLUMN_SCOPES, "a%20b", false},
    {COLUMN_SCOPES, "\"a\"", false},
    {COLUMN_SCOPES, "a\\b", false},
    {COLUMN_SCOPES, "\xc3\xa4", false},
    {COLUMN_SCOPES, "\x80", false},
    {COLUMN_SCOPES, "a%7f", false},
    {COLUMN_SCOPES, "a%7F", false},
    {COLUMN_SCOPES, "a%", false},
    {COLUMN_NETS, "", true},
    {COLUMN_NETS, "192.0.2.1", true},
    {COLUMN_NETS, "::/0,0.0.0.0/0", true},
    {COLUMN_NETS, "192.0.2.0/33", false},
    {COLUMN_NETS, "192.0.2.0/24,", false},
    {COLUMN_NETS, ",192.0.2.0/24", false},
    {COLUMN_NETS, "192.0.2.0/24,,::/0", false},
    {COLUMN_NETS, "192.0.2.0/24 ", false},
    {COLUMN_NETS, "everywhere", false},
    {COLUMN_USER, "", true},
    {COLUMN_USER, "a,b/c d", true},
    {COLUMN_USER, A128 A16 A16 A16 A16 A16 A16 A16 "aaaaaaaaaaaaaaa", true}, /* 255 */
    {COLUMN_USER, "\xc3", false},
    {COLUMN_LABEL, "a", true},
    {COLUMN_LABEL, A128, true},
    {COLUMN_LABEL, AE128, true},
    {COLUMN_LABEL, "\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80 \"q\" %25%7C", true},
    {COLUMN_LABEL, "", false},
    {COLUMN_LABEL, A128 "a", false},
    {COLUMN_LABEL, AE128 "a", false},
    {COLUMN_LABEL, "%0a", false},
    {COLUMN_LABEL, "a%0A", true},
    {COLUMN_LABEL, "%1B[0m", true},
    {COLUMN_LABEL, "%7F", true},
    {COLUMN_LABEL, "\xc2\x9b", true},
    {COLUMN_LABEL, "%7", false},
    {COLUMN_LABEL, "%", false},
    {COLUMN_LABEL, "a%00", false},
    {COLUMN_LABEL, "a\tb", false},
    {COLUMN_LABEL, "a\x7f", false},
    {COLUMN_LABEL, "\xff", false},
    {COLUMN_LABEL, "\xc0\x80", false},
    {COLUMN_LABEL, "\xed\xa0\x80", false},
    {COLUMN_LABEL, "\xf4\x90\x80\x80", false},
    {COLUMN_LABEL, "\xe6\x97", false},
    {COLUMN_LABEL, "%FF", false},
    {COLUMN_REASON, "", true},
    {COLUMN_REASON, "laptop, lost/stolen", true},
    {COLUMN_REASON, A128 AE16 AE16 AE16 AE16 AE16 AE16 AE16 "aaaaaaaaaaaaaaa", true}, /* 255 characters */
    {COLUMN_REASON, "%0D%0A", true},
    {COLUMN_REASON, "\xc3(", false},
    {COLUMN_PREV, "", true},
    {COLUMN_PREV, "SecondSampl", false},
    {COLUMN_PREV, "SecondSamples", false},
    {COLUMN_PREV, "------------", false},
    {COLUMN_PREV, "Second%53mpl", false},
    {COLUMN_EXT, "", true},
    {COLUMN_EXT, "key", true},
    {COLUMN_EXT, "key=", true},
    {COLUMN_EXT, "key=a=b,c/d", true},
    {COLUMN_EXT, "a_1=x B_2=y c", true},
    {COLUMN_EXT, "key=a%20b%7C", true},
    {COLUMN_EXT, "key=\xc3\xa4", true},
    {COLUMN_EXT, " ", false},
    {COLUMN_EXT, " a", false},
    {COLUMN_EXT, "a ", false},
    {COLUMN_EXT, "a  b", false},
    {COLUMN_EXT, "=", false},
    {COLUMN_EXT, "=x", false},
    {COLUMN_EXT, "1a", false},
    {COLUMN_EXT, "_a", false},
    {COLUMN_EXT, "aB", false},
    {COLUMN_EXT, "Ab", false},
    {COLUMN_EXT, "a-b", false},
    {COLUMN_EXT, "a.b=1", false},
    {COLUMN_EXT, "\xc3\xa4=1", false},
    {COLUMN_EXT, "a=%", false},
    {COLUMN_EXT, "a=%0a", false},
    {COLUMN_EXT, "a=%00", false},
    {COLUMN_EXT, "a=\xff", false},
    {COLUMN_EXT, "a=\t", false},
    {COLUMN_CHAIN, "3C384edc7cbab2d3748838196c76cdf9", false},
    {COLUMN_CHAIN, "3c384edc7cbab2d3748838196c76cdf", false},
    {COLUMN_CHAIN, "3c384edc7cbab2d3748838196c76cdf9a", false},
    {COLUMN_CHAIN, "3c384edc7cbab2d3748838196c76cdfx", false},
    {COLUMN_CHAIN, "3c384edc7cbab2d3748838196c76cd|9", false},
    {COLUMN_CHAIN, "", false},
};

START_TEST(column_is_held_against_its_grammar)
{
    const struct replacement *replacement = &replacements[_i];
    const char *wrong = wrong_with(good, replacement->column, replacement->by);

    ck_assert_msg(replacement->accepted == !wrong, "column %d as \"%s\": %s", replacement->column + 1,
                  replacement->by, wrong ? wrong : "accepted");
}
END_TEST

static const struct replacement point_replacements[] = {
    {COLUMN_EXPIRES, "-", true},          {COLUMN_EXT, "mended=1:5:00112233445566778899aabbccddeeff", true},
    {COLUMN_BY, "alice/1000/1000", true}, {COLUMN_ID, "ExampleToken", false},
    {COLUMN_ID, "-----------0", false},   {COLUMN_OP, "C", false},
    {COLUMN_SERIAL, "1", false},          {COLUMN_SCOPES, "a", false},
    {COLUMN_NETS, "::/0", false},         {COLUMN_USER, "a", false},
    {COLUMN_LABEL, "a", false},           {COLUMN_REASON, "a", false},
    {COLUMN_PREV, "ExampleToken", false}, {COLUMN_REVOKED, "1767225600", false},
};

START_TEST(point_of_compaction_has_its_own_grammar)
{
    const struct replacement *replacement = &point_replacements[_i];
    const char *wrong = wrong_with(good_point, replacement->column, replacement->by);

    ck_assert_msg(replacement->accepted == !wrong, "column %d as \"%s\": %s", replacement->column + 1,
                  replacement->by, wrong ? wrong : "accepted");
}
END_TEST

/* ---- the shape ---- */

START_TEST(exactly_18_columns)
{
    char text[LINE_SIZE_MAX], other[LINE_SIZE_MAX];
    size_t length = compose(text, sizeof(text), good, -1, NULL), at = 0;
    struct line line;

    ck_assert(line_split(&line, text, length));
    for (int bar = 0; bar < COLUMNS - 1; bar++) {
        at = (size_t)((char *)memchr(text + at, '|', length - at) - text);
        memcpy(other, text, length);
        other[at] = '_'; /* one column less */
        ck_assert_msg(!line_split(&line, other, length), "without bar %d", bar);
        memcpy(other, text, at);
        memmove(other + at, text + at + 1, length - at - 1);
        ck_assert_msg(!line_split(&line, other, length - 1), "bar %d taken out", bar);
        memcpy(other, text, at + 1);
        other[at + 1] = '|'; /* one more */
        memcpy(other + at + 2, text + at + 1, length - at - 1);
        ck_assert_msg(!line_split(&line, other, length + 1), "bar %d doubled", bar);
        at++;
    }
}
END_TEST

START_TEST(line_ends_with_its_lf)
{
    char text[LINE_SIZE_MAX];
    size_t length = compose(text, sizeof(text), good, -1, NULL);
    struct line line;

    for (size_t i = 1; i < length; i++) {
        char *exact = malloc(i);

        memcpy(exact, text, i);
        ck_assert(!line_split(&line, exact, i));
        exact[i - 1] = '\n';
        ck_assert(!line_split(&line, exact, i));
        free(exact);
    }
    text[length - 1] = ' ';
    ck_assert(!line_split(&line, text, length));
    memcpy(text + length - 1, "\r\n", 2);
    ck_assert(!line_split(&line, text, length + 1));
}
END_TEST

/* A line with its LF that is so long, by its ext. */
static size_t line_of(char *text, size_t size, size_t length)
{
    static char note[2 * LINE_SIZE_MAX];
    size_t without = compose(text, size, good, COLUMN_EXT, "");

    memset(note, 'x', sizeof(note));
    note[length - without] = '\0';
    return compose(text, size, good, COLUMN_EXT, note);
}

START_TEST(line_has_at_most_4096_bytes)
{
    char text[2 * LINE_SIZE_MAX];
    struct line line;

    ck_assert(line_split(&line, text, line_of(text, sizeof(text), 4095)));
    ck_assert(line_split(&line, text, line_of(text, sizeof(text), 4096)));
    ck_assert(!line_split(&line, text, line_of(text, sizeof(text), 4097)));
    ck_assert(!line_split(&line, text, line_of(text, sizeof(text), 5000)));
}
END_TEST

START_TEST(accepted_line_is_split_from_its_id)
{
    char text[LINE_SIZE_MAX];
    size_t length = compose(text, sizeof(text), _i == 0 ? good : good_point, -1, NULL);
    struct line line, again;
    struct record record;

    ck_assert(line_split(&line, text, length));
    line_split_accepted(&again, line.column[COLUMN_ID].at);
    ck_assert_ptr_null(again.column[COLUMN_N].at);
    for (int i = COLUMN_ID; i < COLUMNS; i++) {
        ck_assert_ptr_eq(again.column[i].at, line.column[i].at);
        ck_assert_uint_eq(again.column[i].length, line.column[i].length);
    }
    ck_assert_ptr_null(record_check(&record, &again));
}
END_TEST

START_TEST(revoked_is_seen)
{
    static const struct {
        const char *column;
        bool revoked;
    } columns[] = {{"-", false}, {"1767225600", true}, {"0", true}, {"", true},
                   {"x", true},  {"-0", true},         {"--", true}};
    char text[LINE_SIZE_MAX];

    for (int i = 0; i < LENGTH(columns); i++) { /* what is no time admits nobody either */
        compose(text, sizeof(text), good, COLUMN_REVOKED, columns[i].column);
        ck_assert(line_revoked(strchr(text, '|') + 1) == columns[i].revoked);
    }
}
END_TEST

/* ---- writing ---- */

static struct record sample_record(void)
{
    struct record record = {
        .n = 7,
        .id = "ExampleToken",
        .op = OPERATION_CREATE,
        .serial = 7,
        .created = 1767225600,
        .expires = TIME_NEVER,
        .revoked = TIME_NEVER,
        .time = 1767225600,
        .by = span_of("root/0/-"),
        .scopes = span_of("read"),
        .nets = span_of(""),
        .user = span_of(""),
        .label = span_of("cron"),
        .reason = span_of(""),
        .prev = span_of(""),
        .ext = span_of(""),
    };

    memset(record.hash, 0xab, sizeof(record.hash));
    return record;
}

START_TEST(written_and_read_back)
{
    struct record record = sample_record(), back;
    unsigned char chain[CHAIN_SIZE] = {1}, expected[CHAIN_SIZE] = {1};
    char text[LINE_SIZE_MAX], again[LINE_SIZE_MAX];
    struct line line;
    size_t length;

    if (_i == 1) {
        record.n = record.serial = UINT64_MAX;
        record.expires = record.revoked = record.created = TIME_NEVER - 1;
        record.label = span_of(AE128);
        record.ext = span_of("a=b");
        record.prev = span_of("SecondSample");
    }
    length = record_format(text, &record, chain);
    ck_assert_uint_gt(length, 0);
    ck_assert(line_split(&line, text, length));
    ck_assert_ptr_null(record_check(&back, &line));
    chain_add(expected, text, length - CHAIN_HEX - 1);
    ck_assert_mem_eq(chain, expected, CHAIN_SIZE);
    ck_assert_mem_eq(back.chain, chain, CHAIN_SIZE);
    ck_assert_uint_eq(back.n, record.n);
    ck_assert_str_eq(back.id, record.id);
    ck_assert_mem_eq(back.hash, record.hash, HASH_SIZE);
    ck_assert_int_eq(back.expires, record.expires);
    ck_assert_int_eq(back.revoked, record.revoked);
    ck_assert_uint_eq(back.label.length, record.label.length);
    memset(expected, 0, sizeof(expected));
    expected[0] = 1;
    ck_assert_uint_eq(record_format(again, &back, expected), length);
    ck_assert_mem_eq(again, text, length);
}
END_TEST

/* A change whose line would be too long is refused, and leaves the chain where it was. */
START_TEST(too_long_to_be_written)
{
    static char note[2 * LINE_SIZE_MAX];
    struct record record = sample_record();
    unsigned char chain[CHAIN_SIZE] = {1};
    static const unsigned char before[CHAIN_SIZE] = {1};
    char text[LINE_SIZE_MAX];
    size_t without = record_format(text, &record, chain);

    memset(note, 'x', sizeof(note));
    for (size_t length = 4090; length < 4110; length++) {
        memcpy(chain, before, CHAIN_SIZE);
        record.ext = (struct span){note, length - without};
        ck_assert_uint_eq(record_format(text, &record, chain), length <= LINE_SIZE_MAX ? length : 0);
        ck_assert((memcmp(chain, before, CHAIN_SIZE) == 0) == (length > LINE_SIZE_MAX));
    }
    record.label = record.reason = record.ext = (struct span){note, sizeof(note)};
    ck_assert_uint_eq(record_format(text, &record, chain), 0);
}
END_TEST

/* ---- the manual's store ---- */

static const char *const vectors[] = {"tests/unit/vector.tokens", "tests/unit/vector-compacted.tokens"};

START_TEST(lines_of_the_manual)
{
    struct bytes file = file_read(vectors[_i]);
    const char *at = (char *)memchr(file.at, '\n', file.length) + 1, *end;
    int lines = 0;

    for (; at < file.at + file.length; at = end) {
        unsigned char chain[CHAIN_SIZE];
        struct line line;
        struct record record;
        char text[LINE_SIZE_MAX];

        end = strchr(at, '\n') + 1;
        ck_assert(line_split(&line, at, (size_t)(end - at)));
        ck_assert_ptr_null(record_check(&record, &line));
        memset(chain, 0, sizeof(chain));
        ck_assert_uint_eq(record_format(text, &record, chain), (size_t)(end - at));
        ck_assert_mem_eq(text, at, (size_t)(end - at) - CHAIN_HEX - 1);
        lines++;
    }
    ck_assert_int_eq(lines, 3);
    bytes_free(&file);
}
END_TEST

START_TEST(foreign_keys)
{
    static const struct {
        const char *ext;
        bool foreign;
    } exts[] = {{"", false},     {"a", false},    {"a=B", false},    {"A", true},
                {"a B=1", true}, {"B=1 a", true}, {"a=x%20B", false}};
    bool foreign;

    for (int i = 0; i < LENGTH(exts); i++) {
        ck_assert(ext_parse(span_of(exts[i].ext), &foreign));
        ck_assert_msg(foreign == exts[i].foreign, "%s", exts[i].ext);
    }
}
END_TEST

Suite *record_suite(void)
{
    Suite *suite = suite_create("record");
    TCase *columns = tcase_create("columns"), *shape = tcase_create("shape"),
          *format = tcase_create("format");

    tcase_add_test(columns, good_line);
    tcase_add_loop_test(columns, column_is_held_against_its_grammar, 0, LENGTH(replacements));
    tcase_add_loop_test(columns, point_of_compaction_has_its_own_grammar, 0, LENGTH(point_replacements));
    tcase_add_test(columns, foreign_keys);
    suite_add_tcase(suite, columns);
    tcase_add_test(shape, exactly_18_columns);
    tcase_add_test(shape, line_ends_with_its_lf);
    tcase_add_test(shape, line_has_at_most_4096_bytes);
    tcase_add_loop_test(shape, accepted_line_is_split_from_its_id, 0, 2);
    tcase_add_test(shape, revoked_is_seen);
    suite_add_tcase(suite, shape);
    tcase_add_loop_test(format, written_and_read_back, 0, 2);
    tcase_add_test(format, too_long_to_be_written);
    tcase_add_loop_test(format, lines_of_the_manual, 0, LENGTH(vectors));
    suite_add_tcase(suite, format);
    return suite;
}
