/* The shape of a line, and how it is written. */
#include "chain.h"
#include "columns.h"
#include "fixture.h"
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

START_TEST(exactly_20_columns)
{
    char text[LINE_SIZE_MAX], other[LINE_SIZE_MAX];
    size_t length = columns_join(text, sizeof(text), token_columns, -1, NULL), at = 0;
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

/* What is between the serial and `prior` does not matter; without a bar at either end it is no line. */
START_TEST(ends_of_a_line)
{
    char text[LINE_SIZE_MAX];
    size_t length = columns_join(text, sizeof(text), token_columns, -1, NULL);
    struct line line, ends;

    ck_assert(line_split(&line, text, length));
    ck_assert(line_split_ends(&ends, text, length));
    for (int i = 0; i < COLUMNS; i++)
        if (i <= COLUMN_SERIAL || i >= COLUMN_PRIOR)
            ck_assert(ends.column[i].at == line.column[i].at && span_same(ends.column[i], line.column[i]));
    for (int i = 0; i < COLUMN_CHAIN; i++) {
        char *bar = text + (line.column[i].at + line.column[i].length - text);

        *bar = '_';
        if (i < COLUMN_OP || i == COLUMN_HASH || i >= COLUMN_PRIOR)
            ck_assert_msg(!line_split_ends(&ends, text, length) ||
                              !span_same(ends.column[COLUMN_PRIOR], line.column[COLUMN_PRIOR]),
                          "without bar %d", i);
        else if (i > COLUMN_SERIAL && i < COLUMN_EXT)
            ck_assert_msg(line_split_ends(&ends, text, length), "without bar %d", i);
        *bar = '|';
    }
    for (size_t i = 1; i < length; i++) {
        char *exact = malloc(i);

        memcpy(exact, text, i);
        exact[i - 1] = '\n';
        ck_assert(!line_split_ends(&ends, exact, i) || i > length / 2);
        free(exact);
    }
}
END_TEST

START_TEST(line_ends_with_its_lf)
{
    char text[LINE_SIZE_MAX];
    size_t length = columns_join(text, sizeof(text), token_columns, -1, NULL);
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
    size_t without = columns_join(text, size, token_columns, COLUMN_EXT, "");

    memset(note, 'x', sizeof(note));
    note[length - without] = '\0';
    return columns_join(text, size, token_columns, COLUMN_EXT, note);
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
    size_t length = columns_join(text, sizeof(text), _i == 0 ? token_columns : point_columns, -1, NULL);
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

/* Only letters, digits and punctuation in the columns from the serial to ext count as plain. */
START_TEST(plain_columns_are_told_from_others)
{
    static const struct {
        const char *text;
        bool plain;
    } texts[] = {
        {"", true},      {"a label~!", true}, {" ", true},    {"50%25", false}, {"M\xc3\xbcnchen", false},
        {"\x1f", false}, {"\x7f", false},     {"\xff", false}};
    char text[LINE_SIZE_MAX];
    struct line line, quick;

    for (int column = COLUMN_SERIAL; column <= COLUMN_EXT; column++) {
        ck_assert(
            line_split(&line, text, columns_join(text, sizeof(text), point_columns, column, texts[_i].text)));
        ck_assert(!line.plain);
        line_split_for_verdict(&quick, line.column[COLUMN_ID].at);
        ck_assert_int_eq(quick.plain, texts[_i].plain);
        ck_assert_ptr_eq(quick.column[COLUMN_SERIAL].at, line.column[COLUMN_SERIAL].at);
        for (int i = COLUMN_ID; i <= COLUMN_EXT; i = i == COLUMN_HASH ? COLUMN_SCOPES : i + 1) {
            ck_assert_ptr_eq(quick.column[i].at, line.column[i].at);
            ck_assert_uint_eq(quick.column[i].length, line.column[i].length);
        }
    }
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
        columns_join(text, sizeof(text), token_columns, COLUMN_REVOKED, columns[i].column);
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
    unsigned char origin[CHAIN_SIZE] = {1}, chain[CHAIN_SIZE], expected[CHAIN_SIZE];
    char text[LINE_SIZE_MAX], again[LINE_SIZE_MAX];
    struct position position;
    struct line line;
    size_t length;

    if (_i == 1) {
        record.n = record.serial = UINT64_MAX;
        record.prior = UINT64_MAX - 1;
        record.expires = record.revoked = record.created = TIME_NEVER - 1;
        record.label = span_of("\xe6\x97\xa5\xe6\x9c\xac");
        record.ext = span_of("a=b");
        record.prev = span_of("SecondSample");
    }
    length = record_format(text, &record);
    ck_assert_uint_gt(length, 0);
    length = chain_finish(text, length, origin, chain);
    ck_assert(line_split(&line, text, length));
    ck_assert_ptr_null(record_check(&back, &line));
    crypto_sum_line(expected, text, length - CHAIN_HEX - 1, origin);
    ck_assert_mem_eq(chain, expected, CHAIN_SIZE);
    ck_assert(chain_proves(origin, &line, text, &position));
    ck_assert_uint_eq(position.n, record.n);
    ck_assert_mem_eq(position.chain, chain, CHAIN_SIZE);
    ck_assert_uint_eq(back.prior, record.prior);
    ck_assert_mem_eq(back.before, record.before, CHAIN_SIZE);
    ck_assert_uint_eq(back.n, record.n);
    ck_assert_str_eq(back.id, record.id);
    ck_assert_mem_eq(back.hash, record.hash, HASH_SIZE);
    ck_assert_int_eq(back.expires, record.expires);
    ck_assert_int_eq(back.revoked, record.revoked);
    ck_assert_uint_eq(back.label.length, record.label.length);
    ck_assert_uint_eq(chain_finish(again, record_format(again, &back), origin, chain), length);
    ck_assert_mem_eq(again, text, length);
}
END_TEST

/* A change whose line would be too long is refused. */
START_TEST(too_long_to_be_written)
{
    static char note[2 * LINE_SIZE_MAX];
    struct record record = sample_record();
    char text[LINE_SIZE_MAX];
    size_t without = record_format(text, &record), end = CHAIN_HEX + 1;

    memset(note, 'x', sizeof(note));
    for (size_t length = 4090; length < 4110; length++) {
        record.ext = (struct span){note, length - without - end};
        ck_assert_uint_eq(record_format(text, &record), length <= LINE_SIZE_MAX ? length - end : 0);
    }
    record.label = record.reason = record.ext = (struct span){note, sizeof(note)};
    ck_assert_uint_eq(record_format(text, &record), 0);
}
END_TEST

/* ---- the manual's store ---- */

static const struct {
    const char *path;
    int lines;
} vectors[] = {
    {"tests/unit/vector.tokens", 4},
    {"tests/unit/vector-compacted.tokens", 3},
    {"tests/unit/vector-mended.tokens", 5},
};

START_TEST(lines_of_the_manual)
{
    struct bytes file = file_read(vectors[_i].path);
    const char *at = (char *)memchr(file.at, '\n', file.length) + 1, *end;
    int lines = 0;

    for (; at < file.at + file.length; at = end) {
        struct line line;
        struct record record;
        char text[LINE_SIZE_MAX];

        end = strchr(at, '\n') + 1;
        ck_assert(line_split(&line, at, (size_t)(end - at)));
        ck_assert_ptr_null(record_check(&record, &line));
        ck_assert_uint_eq(record_format(text, &record), (size_t)(end - at) - CHAIN_HEX - 1);
        ck_assert_mem_eq(text, at, (size_t)(end - at) - CHAIN_HEX - 1);
        lines++;
    }
    ck_assert_int_eq(lines, vectors[_i].lines);
    bytes_free(&file);
}
END_TEST

Suite *record_line_suite(void)
{
    Suite *suite = suite_create("record_line");
    TCase *split = tcase_create("shape"), *format = tcase_create("format");

    tcase_add_test(split, exactly_20_columns);
    tcase_add_test(split, ends_of_a_line);
    tcase_add_test(split, line_ends_with_its_lf);
    tcase_add_test(split, line_has_at_most_4096_bytes);
    tcase_add_loop_test(split, accepted_line_is_split_from_its_id, 0, 2);
    tcase_add_loop_test(split, plain_columns_are_told_from_others, 0, 8);
    tcase_add_test(split, revoked_is_seen);
    suite_add_tcase(suite, split);
    tcase_add_loop_test(format, written_and_read_back, 0, 2);
    tcase_add_test(format, too_long_to_be_written);
    tcase_add_loop_test(format, lines_of_the_manual, 0, LENGTH(vectors));
    suite_add_tcase(suite, format);
    return suite;
}
