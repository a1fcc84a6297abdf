/* toktab_recheck(): a token that was admitted, asked about by its id. */
#include "scene_case.h"
#include "suites.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static const char *recheck_for(const char *id, const struct toktab_request *request)
{
    struct toktab_result result;
    enum toktab_verdict verdict;

    result.size = sizeof(result);
    looks_end();
    errno = 4711;
    verdict = toktab_recheck(s.host.table, id, request, &result);
    ck_assert_int_eq(errno, 4711);
    ck_assert_int_eq(verdict, result.verdict);
    ck_assert(verdict == TOKTAB_ERROR ||
              (result.id[0] == '\0') ==
                  (result.reason == TOKTAB_REASON_UNKNOWN || result.reason == TOKTAB_REASON_MALFORMED));
    return verdict == TOKTAB_ALLOW ? "allow" : toktab_reason_name(result.reason);
}

static const char *recheck(const struct sample *sample)
{
    return recheck_for(sample->record.id, NULL);
}

START_TEST(as_long_as_it_is_good)
{
    ck_assert_str_eq(recheck(&s.a), "allow");
    ck_assert_str_eq(recheck(&s.c), "unknown");
    forge_revoke(&s.forge, &s.a);
    ck_assert_str_eq(recheck(&s.a), "revoked");
    s.b.record.expires = NOW - 1;
    s.b.record.op = OPERATION_UPDATE;
    forge_append(&s.forge, &s.b.record);
    ck_assert_str_eq(recheck(&s.b), "expired");
}
END_TEST

START_TEST(by_the_demands_of_the_request)
{
    struct sockaddr_in client = {.sin_family = AF_INET};
    struct toktab_request request = {.size = sizeof(request), .client = (struct sockaddr *)&client};

    s.c.record.scopes = span_of("read");
    s.c.record.nets = span_of("192.0.2.0/24");
    s.c.record.user = span_of("alice");
    forge_create(&s.forge, &s.c);
    ck_assert_str_eq(recheck_for(s.c.record.id, &request), "network");
    inet_pton(AF_INET, "192.0.2.7", &client.sin_addr);
    ck_assert_str_eq(recheck_for(s.c.record.id, &request), "allow");
    request.scopes = "read,write";
    ck_assert_str_eq(recheck_for(s.c.record.id, &request), "scope");
    request.scopes = "read";
    request.user = "bob";
    ck_assert_str_eq(recheck_for(s.c.record.id, &request), "user");
    request.domain = "elsewhere";
    ck_assert_str_eq(recheck_for(s.c.record.id, &request), "request");
}
END_TEST

START_TEST(what_is_no_id)
{
    struct toktab_result result = {.size = sizeof(result) - 1, .verdict = TOKTAB_ALLOW};

    ck_assert_str_eq(recheck_for(NULL, NULL), "malformed");
    ck_assert_str_eq(recheck_for("", NULL), "malformed");
    ck_assert_str_eq(recheck_for(record_no_id, NULL), "malformed");
    ck_assert_str_eq(recheck_for(s.a.token, NULL), "malformed");
    ck_assert_int_eq(toktab_recheck(s.host.table, s.a.record.id, NULL, &result), TOKTAB_ERROR);
    ck_assert_int_eq(result.verdict, TOKTAB_ALLOW); /* nothing was written */
    ck_assert_int_eq(toktab_recheck(s.host.table, s.a.record.id, NULL, NULL), TOKTAB_ERROR);
    result.size = sizeof(result);
    ck_assert_int_eq(toktab_recheck(NULL, s.a.record.id, NULL, &result), TOKTAB_ERROR);
    ck_assert_int_eq(result.reason, TOKTAB_REASON_REQUEST);
}
END_TEST

/* The id of the result itself is the natural argument. */
START_TEST(the_result_is_asked_again)
{
    struct toktab_result result = {.size = sizeof(result)};

    ck_assert_int_eq(toktab_verify(s.host.table, s.a.token, strlen(s.a.token), NULL, &result), TOKTAB_ALLOW);
    ck_assert_int_eq(toktab_recheck(s.host.table, result.id, NULL, &result), TOKTAB_ALLOW);
    forge_revoke(&s.forge, &s.a);
    looks_end();
    ck_assert_int_eq(toktab_recheck(s.host.table, result.id, NULL, &result), TOKTAB_DENY);
    ck_assert_str_eq(result.id, s.a.record.id);
}
END_TEST

Suite *recheck_suite(void)
{
    Suite *suite = suite_create("recheck");
    TCase *test = scene_case("recheck");

    tcase_add_test(test, as_long_as_it_is_good);
    tcase_add_test(test, by_the_demands_of_the_request);
    tcase_add_test(test, what_is_no_id);
    tcase_add_test(test, the_result_is_asked_again);
    suite_add_tcase(suite, test);
    return suite;
}
