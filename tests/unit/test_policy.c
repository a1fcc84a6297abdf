#include "fixture.h"
#include "policy.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

enum { NOW = 1767225600 };

/* What a line says, and what is asked for; the answer. */
struct question {
    const char *op, *serial, *created, *expires, *revoked, *scopes, *nets, *user, *label,
        *ext; /* NULL: as the good one has it */
    const char *wanted_scopes, *client, *wanted_user;
    enum toktab_reason reason; /* STORE: error */
};

#define OR(text, other) ((text) ? (text) : (other))

static size_t compose(char text[LINE_SIZE_MAX + 1], const struct question *question)
{
    int length = snprintf(
        text, LINE_SIZE_MAX + 1,
        "7|ExampleToken|%s|a0acfe7ab0402a756593e4cf19f1477aba4b8fb445cd564e23a7c1537e5aefd6|%s|"
        "%s|%s|%s|1767225000|root/0/"
        "-|%s|%s|%s|%s|||%s|0|3c384edc7cbab2d3748838196c76cdf9|3c384edc7cbab2d3748838196c76cdf9\n",
        OR(question->op, "C"), OR(question->serial, "3"), OR(question->created, "1767225000"),
        OR(question->expires, "-"), OR(question->revoked, "-"), OR(question->scopes, ""),
        OR(question->nets, ""), OR(question->user, ""), OR(question->label, "cron"), OR(question->ext, ""));

    ck_assert_int_le(length, LINE_SIZE_MAX);
    return (size_t)length;
}

static void expect_inside(const struct toktab_result *result, const char *text)
{
    ck_assert(text >= result->text && text < result->text + sizeof(result->text));
    ck_assert_ptr_nonnull(memchr(text, '\0', (size_t)(result->text + sizeof(result->text) - text)));
}

/* The answer is the same where the columns are known to be plain. */
static void expect_same(const struct toktab_result *result, const struct line *line,
                        const struct demand *demand, int64_t now)
{
    struct toktab_result again = {.size = sizeof(again)};
    struct line quick;

    line_split_for_verdict(&quick, line->column[COLUMN_ID].at);
    policy_decide(&again, &quick, demand, now);
    ck_assert_int_eq(again.verdict, result->verdict);
    ck_assert_int_eq(again.reason, result->reason);
    ck_assert_uint_eq(again.serial, result->serial);
    ck_assert_int_eq(again.created, result->created);
    ck_assert_int_eq(again.expires, result->expires);
    ck_assert_str_eq(again.id, result->id);
    ck_assert_str_eq(again.label, result->label);
    ck_assert_str_eq(again.user, result->user);
    ck_assert_str_eq(again.scopes, result->scopes);
}

static void decide(struct toktab_result *result, const struct question *question, int64_t now)
{
    char text[LINE_SIZE_MAX + 1];
    struct address address;
    struct demand demand = {.scopes = span_of(OR(question->wanted_scopes, "")),
                            .user = question->wanted_user};
    struct line line;

    if (question->client) {
        ck_assert(address_parse(&address, span_of(question->client)));
        demand.client = &address;
    }
    ck_assert(line_split(&line, text, compose(text, question)));
    memset(result, 0xee, sizeof(*result));
    result->size = sizeof(*result);
    policy_decide(result, &line, &demand, now);
    expect_same(result, &line, &demand, now);
    ck_assert_uint_eq(result->size, sizeof(*result));
    expect_inside(result, result->label);
    expect_inside(result, result->user);
    expect_inside(result, result->scopes);
}

static enum toktab_verdict verdict_of(enum toktab_reason reason)
{
    return reason == TOKTAB_REASON_NONE    ? TOKTAB_ALLOW
           : reason == TOKTAB_REASON_STORE ? TOKTAB_ERROR
                                           : TOKTAB_DENY;
}

static const struct question questions[] = {
    {.reason = TOKTAB_REASON_NONE},
    /* scopes */
    {.scopes = "read,write", .reason = TOKTAB_REASON_NONE},
    {.scopes = "read,write", .wanted_scopes = "read", .reason = TOKTAB_REASON_NONE},
    {.scopes = "read,write", .wanted_scopes = "write,read", .reason = TOKTAB_REASON_NONE},
    {.scopes = "read,write", .wanted_scopes = "admin", .reason = TOKTAB_REASON_SCOPE},
    {.scopes = "read,write", .wanted_scopes = "read,admin", .reason = TOKTAB_REASON_SCOPE},
    {.scopes = "read", .wanted_scopes = "rea", .reason = TOKTAB_REASON_SCOPE},
    {.scopes = "read", .wanted_scopes = "READ", .reason = TOKTAB_REASON_SCOPE},
    {.wanted_scopes = "read", .reason = TOKTAB_REASON_SCOPE},
    {.scopes = "a%7Cb", .wanted_scopes = "a|b", .reason = TOKTAB_REASON_NONE},
    /* networks */
    {.nets = "192.0.2.0/24", .client = "192.0.2.9", .reason = TOKTAB_REASON_NONE},
    {.nets = "192.0.2.0/24", .client = "192.0.3.9", .reason = TOKTAB_REASON_NETWORK},
    {.nets = "192.0.2.0/24", .client = "2001:db8::1", .reason = TOKTAB_REASON_NETWORK},
    {.nets = "192.0.2.0/24", .reason = TOKTAB_REASON_NETWORK}, /* the host knows no address */
    {.nets = "192.0.2.0/24", .client = "::ffff:192.0.2.9", .reason = TOKTAB_REASON_NONE},
    {.nets = "2001:db8::/32,192.0.2.0/24", .client = "192.0.2.9", .reason = TOKTAB_REASON_NONE},
    {.nets = "0.0.0.0/0", .client = "203.0.113.1", .reason = TOKTAB_REASON_NONE},
    {.nets = "0.0.0.0/0", .client = "::1", .reason = TOKTAB_REASON_NETWORK},
    {.nets = "0.0.0.0/0,::/0", .reason = TOKTAB_REASON_NETWORK},
    {.client = "203.0.113.1", .reason = TOKTAB_REASON_NONE},
    /* users */
    {.user = "alice", .reason = TOKTAB_REASON_NONE}, /* the host names nobody */
    {.user = "alice", .wanted_user = "alice", .reason = TOKTAB_REASON_NONE},
    {.user = "alice", .wanted_user = "bob", .reason = TOKTAB_REASON_USER},
    {.user = "alice", .wanted_user = "alic", .reason = TOKTAB_REASON_USER},
    {.user = "alice", .wanted_user = "Alice", .reason = TOKTAB_REASON_USER},
    {.wanted_user = "bob", .reason = TOKTAB_REASON_NONE}, /* the token names nobody */
    {.user = "a%7Cb", .wanted_user = "a|b", .reason = TOKTAB_REASON_NONE},
    {.user = "a%7Cb", .wanted_user = "a%7Cb", .reason = TOKTAB_REASON_USER},
    /* ext */
    {.ext = "note=x future", .reason = TOKTAB_REASON_NONE},
    {.ext = "FUTURE", .reason = TOKTAB_REASON_UNSUPPORTED},
    {.ext = "note=x FUTURE=1", .reason = TOKTAB_REASON_UNSUPPORTED},
    /* revoked, whatever the clock says */
    {.revoked = "1767225600", .reason = TOKTAB_REASON_REVOKED},
    {.revoked = "0", .reason = TOKTAB_REASON_REVOKED},
    {.revoked = "9223372036854775806", .reason = TOKTAB_REASON_REVOKED},
    /* the order of reasons: what no other request mends comes first */
    {.revoked = "1",
     .expires = "1",
     .ext = "F",
     .user = "a",
     .nets = "::/0",
     .wanted_user = "b",
     .wanted_scopes = "s",
     .reason = TOKTAB_REASON_REVOKED},
    {.expires = "1",
     .ext = "F",
     .user = "a",
     .nets = "::/0",
     .wanted_user = "b",
     .wanted_scopes = "s",
     .reason = TOKTAB_REASON_EXPIRED},
    {.ext = "F",
     .user = "a",
     .nets = "::/0",
     .wanted_user = "b",
     .wanted_scopes = "s",
     .reason = TOKTAB_REASON_UNSUPPORTED},
    {.user = "a", .nets = "::/0", .wanted_user = "b", .wanted_scopes = "s", .reason = TOKTAB_REASON_USER},
    {.nets = "::/0", .wanted_scopes = "s", .reason = TOKTAB_REASON_NETWORK},
    {.wanted_scopes = "s", .reason = TOKTAB_REASON_SCOPE},
    /* the operation does not matter, but one that revokes must say when */
    {.op = "U", .reason = TOKTAB_REASON_NONE},
    {.op = "U", .revoked = "1", .reason = TOKTAB_REASON_REVOKED},
    {.op = "R", .revoked = "1", .reason = TOKTAB_REASON_REVOKED},
    {.op = "R", .reason = TOKTAB_REASON_STORE},
    /* a record that makes no sense though its chain holds admits nobody */
    {.op = "P", .reason = TOKTAB_REASON_STORE},
    {.op = "c", .reason = TOKTAB_REASON_STORE},
    {.op = "|", .reason = TOKTAB_REASON_STORE},
    {.serial = "", .reason = TOKTAB_REASON_STORE},
    {.serial = "-", .reason = TOKTAB_REASON_STORE},
    {.serial = "0", .reason = TOKTAB_REASON_STORE},
    {.serial = "03", .reason = TOKTAB_REASON_STORE},
    {.serial = "3x", .reason = TOKTAB_REASON_STORE},
    {.serial = "18446744073709551616", .reason = TOKTAB_REASON_STORE},
    {.created = "", .reason = TOKTAB_REASON_STORE},
    {.created = "-", .reason = TOKTAB_REASON_STORE},
    {.created = "01767225000", .reason = TOKTAB_REASON_STORE},
    {.created = "9223372036854775807", .reason = TOKTAB_REASON_STORE},
    {.expires = "", .reason = TOKTAB_REASON_STORE},
    {.expires = "-1", .reason = TOKTAB_REASON_STORE},
    {.expires = "never", .reason = TOKTAB_REASON_STORE},
    {.expires = "01767225601", .reason = TOKTAB_REASON_STORE},
    {.expires = "9223372036854775807", .reason = TOKTAB_REASON_STORE},
    {.expires = "18446744073709551616", .reason = TOKTAB_REASON_STORE},
    {.revoked = "", .reason = TOKTAB_REASON_STORE},
    {.revoked = "--", .reason = TOKTAB_REASON_STORE},
    {.revoked = "9223372036854775807", .reason = TOKTAB_REASON_STORE},
    {.ext = " ", .reason = TOKTAB_REASON_STORE},
    {.ext = "Future", .reason = TOKTAB_REASON_STORE},
    {.label = "", .reason = TOKTAB_REASON_STORE},
    {.label = "a%0ab", .reason = TOKTAB_REASON_STORE},
    {.label = "\xff", .reason = TOKTAB_REASON_STORE},
    {.label = "a%FF", .reason = TOKTAB_REASON_STORE},
    {.user = "a%00", .reason = TOKTAB_REASON_STORE},
    {.user = "\xff", .reason = TOKTAB_REASON_STORE},
    {.user = "a\xc2\x9b", .reason = TOKTAB_REASON_STORE},
    {.scopes = "a b", .reason = TOKTAB_REASON_STORE},
    {.scopes = "a,,b", .reason = TOKTAB_REASON_STORE},
    {.scopes = ",a", .reason = TOKTAB_REASON_STORE},
    {.scopes = "a,", .reason = TOKTAB_REASON_STORE},
    {.scopes = "a\"b", .reason = TOKTAB_REASON_STORE},
    {.scopes = "a%20b", .reason = TOKTAB_REASON_STORE},
    {.scopes = "a%2Cb", .reason = TOKTAB_REASON_STORE},
    {.scopes = "a%7Cb,,c", .reason = TOKTAB_REASON_STORE},
    {.nets = "everywhere", .client = "::1", .reason = TOKTAB_REASON_STORE},
    {.nets = ",", .client = "::1", .reason = TOKTAB_REASON_STORE},
    {.nets = "192.0.2.0/24,x", .client = "192.0.2.9", .reason = TOKTAB_REASON_STORE},
};

START_TEST(question_is_answered)
{
    const struct question *question = &questions[_i];
    struct toktab_result result;

    decide(&result, question, NOW);
    ck_assert_str_eq(toktab_reason_name(result.reason), toktab_reason_name(question->reason));
    ck_assert_int_eq(result.verdict, verdict_of(question->reason));
    /* who it is, is said of a token that makes sense, whatever the verdict */
    ck_assert_str_eq(result.id, question->reason == TOKTAB_REASON_STORE ? "" : "ExampleToken");
    ck_assert_uint_eq(result.serial, question->reason == TOKTAB_REASON_STORE ? 0 : 3);
    if (question->reason == TOKTAB_REASON_STORE)
        ck_assert(result.label[0] == '\0' && result.user[0] == '\0' && result.scopes[0] == '\0' &&
                  result.created == 0 && result.expires == 0);
}
END_TEST

static const struct {
    const char *expires;
    int64_t now;
    enum toktab_reason reason;
} expiries[] = {
    {"1767225600", NOW - 1, TOKTAB_REASON_NONE},
    {"1767225600", NOW, TOKTAB_REASON_EXPIRED}, /* the first second at which it is no longer good */
    {"1767225600", NOW + 1, TOKTAB_REASON_EXPIRED},
    {"0", 0, TOKTAB_REASON_EXPIRED},
    {"0", -1, TOKTAB_REASON_NONE},
    {"-", NOW, TOKTAB_REASON_NONE},
    {"-", TIME_NEVER, TOKTAB_REASON_NONE},
    {"9223372036854775806", TIME_NEVER - 2, TOKTAB_REASON_NONE},
    {"9223372036854775806", TIME_NEVER - 1, TOKTAB_REASON_EXPIRED},
};

START_TEST(expiry_to_the_second)
{
    struct question question = {.expires = expiries[_i].expires};
    struct toktab_result result;

    decide(&result, &question, expiries[_i].now);
    ck_assert_int_eq(result.reason, expiries[_i].reason);
}
END_TEST

START_TEST(result_is_filled)
{
    struct question question = {
        .expires = "1767225601", .scopes = "read,a%7Cb", .user = "j\xc3\xb6rg", .label = "100%25 %7C \"q\""};
    struct toktab_result result;

    decide(&result, &question, NOW + _i);
    ck_assert_int_eq(result.verdict, _i == 0 ? TOKTAB_ALLOW : TOKTAB_DENY);
    ck_assert_str_eq(result.id, "ExampleToken");
    ck_assert_uint_eq(result.serial, 3);
    ck_assert_int_eq(result.created, 1767225000);
    ck_assert_int_eq(result.expires, 1767225601);
    ck_assert_str_eq(result.scopes, "read,a|b");
    ck_assert_str_eq(result.user, "j\xc3\xb6rg");
    ck_assert_str_eq(result.label, "100% | \"q\"");
}
END_TEST

/* Another writer let them pass; nobody's log or terminal shall have them. */
START_TEST(controls_stay_escaped)
{
    struct question question = {.label = "a%0Ab\xc2\x9b%C2%9B%7F%25"};
    struct toktab_result result;

    decide(&result, &question, NOW);
    ck_assert_int_eq(result.verdict, TOKTAB_ALLOW);
    ck_assert_str_eq(result.label, "a%0Ab%9B%9B%7F%");
}
END_TEST

/* Who a user is must be beyond doubt. */
START_TEST(controls_in_a_user)
{
    struct question question = {.user = "bob%01"};
    struct toktab_result result;

    decide(&result, &question, NOW);
    ck_assert_int_eq(result.verdict, TOKTAB_ERROR);
}
END_TEST

START_TEST(never_is_never)
{
    struct question question = {0};
    struct toktab_result result;

    decide(&result, &question, NOW);
    ck_assert_int_eq(result.expires, TOKTAB_NEVER);
    ck_assert_str_eq(result.user, "");
    ck_assert_str_eq(result.scopes, "");
}
END_TEST

/* A label of so many characters, written in one way. */
static void write_label(char *label, size_t characters, const char *character)
{
    label[0] = '\0';
    for (size_t i = 0; i < characters; i++)
        strcat(label, character);
}

static const struct {
    const char *character;
    size_t count;
    enum toktab_reason reason;
} labels[] = {
    {"a", LABEL_MAX, TOKTAB_REASON_NONE},
    {"a", LABEL_MAX + 1, TOKTAB_REASON_STORE},
    {"\xf0\x9f\x94\x91", LABEL_MAX, TOKTAB_REASON_NONE},
    {"\xf0\x9f\x94\x91", LABEL_MAX + 1, TOKTAB_REASON_STORE},
    {"%0A", LABEL_MAX, TOKTAB_REASON_NONE}, /* one character, however it is shown */
    {"%0A", LABEL_MAX + 1, TOKTAB_REASON_STORE},
    {"\xc2\x9b", LABEL_MAX, TOKTAB_REASON_NONE},
    {"\xc2\x9b", LABEL_MAX + 1, TOKTAB_REASON_STORE},
};

START_TEST(longest_labels)
{
    char label[LINE_SIZE_MAX];
    struct question question = {.label = label};
    struct toktab_result result;

    write_label(label, labels[_i].count, labels[_i].character);
    decide(&result, &question, NOW);
    ck_assert_int_eq(result.reason, labels[_i].reason);
}
END_TEST

/* All that the longest line can hold fits into a result, also the label that grows most. */
START_TEST(longest_line)
{
    char label[LINE_SIZE_MAX], user[TEXT_MAX + 1] = "", scopes[LINE_SIZE_MAX] = "", text[LINE_SIZE_MAX + 1];
    struct question question = {.label = label, .user = user, .scopes = scopes, .wanted_scopes = scopes};
    struct toktab_result result;
    size_t shown;

    write_label(label, LABEL_MAX, _i == 0 ? "a" : "\xc2\x9b");
    memset(user, 'u', TEXT_MAX);
    memset(scopes, 's', LINE_SIZE_MAX - compose(text, &question));
    ck_assert_uint_eq(compose(text, &question), LINE_SIZE_MAX);
    decide(&result, &question, NOW);
    ck_assert_int_eq(result.verdict, TOKTAB_ALLOW);
    ck_assert_str_eq(result.user, user);
    ck_assert_str_eq(result.scopes, scopes);
    shown = strlen(result.label);
    ck_assert_uint_eq(shown, _i == 0 ? LABEL_MAX : 3 * LABEL_MAX);
    ck_assert_str_eq(result.label + shown - 3, _i == 0 ? "aaa" : "%9B");
}
END_TEST

Suite *policy_suite(void)
{
    Suite *suite = suite_create("policy");
    TCase *policy = tcase_create("policy");

    tcase_add_loop_test(policy, question_is_answered, 0, LENGTH(questions));
    tcase_add_loop_test(policy, expiry_to_the_second, 0, LENGTH(expiries));
    tcase_add_loop_test(policy, result_is_filled, 0, 2);
    tcase_add_test(policy, controls_stay_escaped);
    tcase_add_test(policy, controls_in_a_user);
    tcase_add_test(policy, never_is_never);
    tcase_add_loop_test(policy, longest_labels, 0, LENGTH(labels));
    tcase_add_loop_test(policy, longest_line, 0, 2);
    suite_add_tcase(suite, policy);
    return suite;
}
