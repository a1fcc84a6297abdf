#include "columns.h"
#include "suites.h"

#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

#define A16 "aaaaaaaaaaaaaaaa"
#define A128 A16 A16 A16 A16 A16 A16 A16 A16
#define AE16                                                                                               \
    "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3" \
    "\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
#define AE128 AE16 AE16 AE16 AE16 AE16 AE16 AE16 AE16

/* NULL, or what is wrong with such a line. */
static const char *wrong_with(const char *const columns[COLUMNS], int column, const char *by)
{
    char text[2 * LINE_SIZE_MAX];
    struct line line;
    struct record record;

    if (!line_split(&line, text, columns_join(text, sizeof(text), columns, column, by)))
        return "shape";
    return record_check(&record, &line);
}

START_TEST(good_line)
{
    char text[LINE_SIZE_MAX];
    struct line line;
    struct record record;

    ck_assert(line_split(&line, text, columns_join(text, sizeof(text), token_columns, -1, NULL)));
    for (int i = 0; i < COLUMNS; i++)
        ck_assert(span_equals(line.column[i], token_columns[i]));
    ck_assert_uint_eq(line.n, 7);
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
    ck_assert_uint_eq(record.prior, 5);
    ck_assert_uint_eq(record.before[0], 0x0f);
    ck_assert_ptr_null(wrong_with(point_columns, -1, NULL));
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
    {COLUMN_OP, "R", false}, /* without the time */
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
    {COLUMN_BEFORE, "3C384edc7cbab2d3748838196c76cdf9", false},
    {COLUMN_BEFORE, "3c384edc7cbab2d3748838196c76cdf", false},
    {COLUMN_BEFORE, "3c384edc7cbab2d3748838196c76cdf9a", false},
    {COLUMN_BEFORE, "3c384edc7cbab2d3748838196c76cdfx", false},
    {COLUMN_BEFORE, "3c384edc7cbab2d3748838196c76cd|9", false},
    {COLUMN_BEFORE, "", false},
};

START_TEST(column_is_held_against_its_grammar)
{
    const struct replacement *replacement = &replacements[_i];
    const char *wrong = wrong_with(token_columns, replacement->column, replacement->by);

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
    const char *wrong = wrong_with(point_columns, replacement->column, replacement->by);

    ck_assert_msg(replacement->accepted == !wrong, "column %d as \"%s\": %s", replacement->column + 1,
                  replacement->by, wrong ? wrong : "accepted");
}
END_TEST

/* ---- what a writer takes ---- */

static const struct {
    bool (*valid)(struct span text);
    const char *text;
    bool accepted;
} texts[] = {
    {label_valid, "a", true},
    {label_valid, " ", true},
    {label_valid, "100% | \"q\" \xe6\x97\xa5\xe6\x9c\xac", true},
    {label_valid, A128, true},
    {label_valid, AE128, true},
    {label_valid, A128 "a", false},
    {label_valid, AE128 "a", false},
    {label_valid, "", false},
    {label_valid, "a\nb", false},
    {label_valid, "a\x1b[0m", false},
    {label_valid, "a\x7f", false},
    {label_valid, "a\xc2\x85", false},
    {label_valid, "\xff", false},
    {label_valid, "\xed\xa0\x80", false},
    {reason_valid, "", true},
    {reason_valid, A128 A16 A16 A16 A16 A16 A16 A16 "aaaaaaaaaaaaaaa", true}, /* 255 */
    {reason_valid, A128 A128, false},
    {reason_valid, AE128, true},
    {reason_valid, "a\r\n", false},
    {reason_valid, "\xc0\x80", false},
    {user_valid, "j\xc3\xb6rg", true},
    {user_valid, A128 A16 A16 A16 A16 A16 A16 A16 "aaaaaaaaaaaaaaa", true},
    {user_valid, A128 A128, false},
    {user_valid, AE128, false}, /* 256 bytes */
    {user_valid, "", false},
    {user_valid, "a\tb", false},
    {user_valid, "\xff", false},
    {scope_valid, "repo:read", true},
    {scope_valid, "!#[]~", true},
    {scope_valid, "", false},
    {scope_valid, "a b", false},
    {scope_valid, "a,b", false},
    {scope_valid, "\"", false},
    {scope_valid, "\\", false},
    {scope_valid, "\x7f", false},
    {scope_valid, "\xc3\xa4", false},
};

START_TEST(text_that_a_writer_takes)
{
    ck_assert_msg(texts[_i].valid(span_of(texts[_i].text)) == texts[_i].accepted, "\"%s\"", texts[_i].text);
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
    TCase *columns = tcase_create("columns"), *writer = tcase_create("writer");

    tcase_add_test(columns, good_line);
    tcase_add_loop_test(columns, column_is_held_against_its_grammar, 0, LENGTH(replacements));
    tcase_add_loop_test(columns, point_of_compaction_has_its_own_grammar, 0, LENGTH(point_replacements));
    tcase_add_test(columns, foreign_keys);
    suite_add_tcase(suite, columns);
    tcase_add_loop_test(writer, text_that_a_writer_takes, 0, LENGTH(texts));
    suite_add_tcase(suite, writer);
    return suite;
}
