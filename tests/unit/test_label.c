/* Which tokens a label may mean. */
#include "store/label.h" /* before check.h, which has a macro fail() */
#include "store/token_table.h"

#include "fixture.h"
#include "suites.h"

#include <stdio.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *escaped, *label;
    bool same;
} labels[] = {
    {"CI", "CI", true},
    {"CI", "ci", false},
    {"CI", "CI ", false},
    {"CI", "C", false},
    {"CI", "*", false},
    {"CI", "", false},
    {"100%25", "100%", true},
    {"100%25", "100%25", false},
    {"a %7C b", "a | b", true},
    {"%43I", "CI", true}, /* escaped without need, by another writer */
    {"%4", "%4", false},  /* not an escape */
    {"\303\251", "\303\251", true},
};

START_TEST(exactly_the_label)
{
    ck_assert_int_eq(label_is(span_of(labels[_i].escaped), labels[_i].label), labels[_i].same);
}
END_TEST

enum { NOW = 1000, LINES = 6 };

/* Of a line: expires, revoked, label. */
static const char *const rows[LINES][3] = {
    {"-", "-", "CI"}, {"1001", "-", "CI"}, {"1000", "-", "CI"},
    {"-", "5", "CI"}, {"-", "-", "CD"},    {"-", "-", "C%49"},
};

START_TEST(active_ones_only)
{
    const struct token *found[LINES];
    struct tokens tokens;
    struct token *list;

    token_table_make(&tokens, LINES, true);
    for (int i = 0; i < LINES; i++) {
        char text[LINE_SIZE_MAX];
        struct line line;
        int length = snprintf(text, sizeof(text),
                              "%d|00000000000%d|C|%064d|%d|1|%s|%s|1|root/0/-||||%s||||0|%032d|%032d\n",
                              i + 1, i, 0, i + 1, rows[i][0], rows[i][1], rows[i][2], 0, 0);

        ck_assert(line_split(&line, text, (size_t)length));
        token_table_take(&tokens, &line, (uint64_t)i + 1);
    }
    list = tokens.list;
    ck_assert_uint_eq(label_search(&tokens, "CI", false, NOW, found), 3);
    ck_assert_ptr_eq(found[0], &list[0]);
    ck_assert_ptr_eq(found[1], &list[1]);
    ck_assert_ptr_eq(found[2], &list[5]);
    list[0].successor = &list[1];
    ck_assert_uint_eq(label_search(&tokens, "CI", false, NOW, found), 3);
    ck_assert_uint_eq(label_search(&tokens, "CI", true, NOW, found), 2);
    ck_assert_ptr_eq(found[0], &list[1]);
    ck_assert_uint_eq(label_search(&tokens, "x", false, NOW, found), 0);
    tokens_free(&tokens);
}
END_TEST

Suite *label_suite(void)
{
    Suite *suite = suite_create("label");
    TCase *label = tcase_create("label");

    tcase_add_loop_test(label, exactly_the_label, 0, LENGTH(labels));
    tcase_add_test(label, active_ones_only);
    suite_add_tcase(suite, label);
    return suite;
}
