/* What is asked of the public hook: whose tokens, for which scopes, from where and for whom. */
#include "scene_case.h"
#include "suites.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

/* A table of three domains; a is known to "one", b to "two". */
struct domains {
    struct toktab *table;
    struct forge one, two;
    struct sample a, b;
    unsigned messages;
};

static void count_message(void *context, int priority, const char *message)
{
    struct domains *domains = context;

    (void)priority;
    if (strchr(message, '\n') == NULL)
        domains->messages++;
}

static void domains_open(struct domains *domains)
{
    struct toktab_options options = {.size = sizeof(options), .log = count_message, .log_context = domains};
    char directory[SCRATCH_PATH], path[SCRATCH_PATH], text[2 * SCRATCH_PATH], error[512] = "";
    int length;

    scratch_directory(directory);
    memset(domains, 0, sizeof(*domains));
    forge_start(&domains->one, directory, "one");
    forge_start(&domains->two, directory, "two");
    sample_make(&domains->a);
    sample_make(&domains->b);
    domains->a.record.scopes = span_of("read,a%7Cb");
    forge_create(&domains->one, &domains->a);
    forge_create(&domains->two, &domains->b);
    path_join(path, directory, "toktab.conf");
    length = snprintf(text, sizeof(text),
                      "store_dir = \"%s\"; domains = ( { name = \"two\"; scopes = [ \"read\", \"write\" ]; },"
                      " { name = \"one\"; }, { name = \"none\"; } );",
                      directory);
    file_write(path, text, (size_t)length);
    options.config = path;
    domains->table = toktab_open(&options, error, sizeof(error));
    ck_assert_msg(domains->table != NULL, "%s", error);
}

static void domains_close(struct domains *domains)
{
    toktab_close(domains->table);
    forge_end(&domains->one);
    forge_end(&domains->two);
}

static const struct {
    const char *domain, *scopes;
    int error;                /* of toktab_check_request() */
    const char *says, *a, *b; /* the reasons for both */
} requests[] = {
    {"one", NULL, 0, "", "none", "unknown"},
    {"two", NULL, 0, "", "unknown", "none"},
    {"none", NULL, 0, "", "store", "store"},
    {"one", "", 0, "", "none", "unknown"},
    {"one", "read", 0, "", "none", "unknown"},
    {"one", "read,a|b", 0, "", "none", "unknown"},
    {"one", "a%7Cb", 0, "", "scope", "unknown"},
    {"one", "other", 0, "", "scope", "unknown"},
    {"two", "read", 0, "", "unknown", "scope"},
    {"two", "read,write", 0, "", "unknown", "scope"},
    {"two", "admin", EINVAL, "domain \"two\" has no scope \"admin\"", "request", "request"},
    {"two", "read,admin,write", EINVAL, "has no scope \"admin\"", "request", "request"},
    {"two", "read,", EINVAL, "scope", "request", "request"},
    {"one", "a b", EINVAL, "scope", "request", "request"},
    {"one", ",", EINVAL, "scope", "request", "request"},
    {NULL, NULL, ENOENT, "no domain \"default\"", "request", "request"},
    {"three", NULL, ENOENT, "no domain \"three\"", "request", "request"},
    {"", NULL, ENOENT, "no domain \"\"", "request", "request"},
    {"ONE", NULL, ENOENT, "no domain \"ONE\"", "request", "request"},
    {"../one", NULL, ENOENT, "no domain", "request", "request"},
};

static void expect_reason(struct domains *domains, const struct sample *sample,
                          const struct toktab_request *request, const char *reason)
{
    struct toktab_result result = {.size = sizeof(result)};

    looks_end();
    errno = 4711;
    toktab_verify(domains->table, sample->token, strlen(sample->token), request, &result);
    ck_assert_int_eq(errno, 4711);
    ck_assert_str_eq(toktab_reason_name(result.reason), reason);
    ck_assert(toktab_verify(domains->table, sample->token, strlen(sample->token), request, NULL) ==
              result.verdict);
}

START_TEST(request_is_checked)
{
    struct domains domains;
    struct toktab_request request = {
        .size = sizeof(request), .domain = requests[_i].domain, .scopes = requests[_i].scopes};
    char error[512] = "";

    domains_open(&domains);
    errno = 4711;
    ck_assert_int_eq(toktab_check_request(domains.table, &request, error, sizeof(error)),
                     requests[_i].error == 0 ? 0 : -1);
    ck_assert_int_eq(errno, requests[_i].error == 0 ? 4711 : requests[_i].error);
    ck_assert_msg(strstr(error, requests[_i].says) != NULL, "%s", error);
    ck_assert_int_eq(toktab_check_request(domains.table, &request, NULL, 0),
                     requests[_i].error == 0 ? 0 : -1);
    expect_reason(&domains, &domains.a, &request, requests[_i].a);
    expect_reason(&domains, &domains.b, &request, requests[_i].b);
    domains_close(&domains);
}
END_TEST

START_TEST(scopes_that_no_store_could_hold)
{
    static char scopes[1 << 20];
    struct domains domains;
    struct toktab_request request = {.size = sizeof(request), .domain = "one", .scopes = scopes};

    memset(scopes, '|', sizeof(scopes) - 1);
    domains_open(&domains);
    expect_reason(&domains, &domains.a, &request, "scope");
    domains_close(&domains);
}
END_TEST

START_TEST(structs_of_the_wrong_size)
{
    struct toktab_request request = {.size = sizeof(request) - 1};
    struct toktab_result result, before;
    char error[256] = "";

    ck_assert_str_eq(host_ask_for(&s.host, &s.a, &request, NULL), "error request");
    ck_assert_int_eq(toktab_check_request(s.host.table, &request, error, sizeof(error)), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_nonnull(strstr(error, "size"));
    request.size = 0;
    ck_assert_str_eq(host_ask_for(&s.host, &s.a, &request, NULL), "error request");
    memset(&result, 0x55, sizeof(result));
    result.size = sizeof(result) - 1;
    before = result;
    ck_assert_int_eq(toktab_verify(s.host.table, s.a.token, strlen(s.a.token), NULL, &result), TOKTAB_ERROR);
    ck_assert_mem_eq(&result, &before, sizeof(result));
}
END_TEST

/* A caller who is newer may know more than this version, but must not ask for it. */
START_TEST(structs_of_a_later_version)
{
    struct {
        struct toktab_request request;
        char more[64];
    } later = {.request = {.size = sizeof(later)}};

    ck_assert_str_eq(host_ask_for(&s.host, &s.a, &later.request, NULL), "allow");
    later.more[63] = 1;
    ck_assert_str_eq(host_ask_for(&s.host, &s.a, &later.request, NULL), "error request");
    later.request.size = sizeof(later.request);
    ck_assert_str_eq(host_ask_for(&s.host, &s.a, &later.request, NULL), "allow");
    later.request.size = (size_t)-1; /* never filled in */
    ck_assert_str_eq(host_ask_for(&s.host, &s.a, &later.request, NULL), "error request");
}
END_TEST

START_TEST(no_table)
{
    struct toktab_result result;
    struct sample sample;

    memset(&result, 0x55, sizeof(result));
    result.size = sizeof(result);
    sample_make(&sample);
    ck_assert_int_eq(toktab_verify(NULL, sample.token, strlen(sample.token), NULL, &result), TOKTAB_ERROR);
    ck_assert_int_eq(result.reason, TOKTAB_REASON_REQUEST);
    ck_assert(result.id[0] == '\0' && result.label[0] == '\0');
}
END_TEST

START_TEST(result_is_filled_whatever_the_verdict)
{
    struct toktab_request request = {.size = sizeof(request), .scopes = "admin"};
    struct toktab_result result;

    s.c.record.user = span_of("bob");
    s.c.record.scopes = span_of("read");
    s.c.record.expires = TIME_NEVER - 1;
    forge_create(&s.forge, &s.c);
    memset(&result, 0x55, sizeof(result));
    ck_assert_str_eq(host_ask_for(&s.host, &s.c, &request, &result), "deny scope");
    ck_assert_mem_eq(result.id, s.c.record.id, ID_LENGTH + 1);
    ck_assert_uint_eq(result.serial, 3);
    ck_assert_int_eq(result.created, NOW);
    ck_assert_int_eq(result.expires, TIME_NEVER - 1);
    ck_assert_str_eq(result.user, "bob");
    ck_assert_str_eq(result.scopes, "read");
    ck_assert_str_eq(result.label, "a sample");
    memset(&result, 0x55, sizeof(result));
    ck_assert_str_eq(host_ask_for(&s.host, &s.d, NULL, &result), "deny unknown");
    ck_assert(result.id[0] == '\0' && result.label[0] == '\0' && result.user[0] == '\0' &&
              result.scopes[0] == '\0');
    ck_assert(result.label >= result.text && result.label < result.text + sizeof(result.text));
    ck_assert(result.serial == 0 && result.created == 0 && result.expires == 0);
}
END_TEST

/* Clearing 4 KiB for each request would be much of what a request costs. */
START_TEST(no_more_is_written_than_must_be)
{
    struct toktab_result result;
    size_t used;

    s.c.record.user = span_of("bob");
    s.c.record.scopes = span_of("read");
    forge_create(&s.forge, &s.c);
    memset(&result, 0x55, sizeof(result));
    ck_assert_str_eq(host_ask_for(&s.host, &s.c, NULL, &result), "allow");
    used = strlen(result.label) + strlen(result.user) + strlen(result.scopes) + 3;
    for (size_t i = used; i < sizeof(result.text); i++)
        MUST(result.text[i] == 0x55);
    memset(&result, 0x55, sizeof(result));
    ck_assert_str_eq(host_ask_for(&s.host, &s.d, NULL, &result), "deny unknown");
    for (size_t i = 1; i < sizeof(result.text); i++)
        MUST(result.text[i] == 0x55);
}
END_TEST

/* A missing store is told of once, and each domain has its own trouble. */
START_TEST(messages)
{
    struct domains domains;
    struct toktab_request request = {.size = sizeof(request), .domain = "none"};

    domains_open(&domains);
    ck_assert_uint_eq(domains.messages, 1); /* "none" has no store */
    for (int i = 0; i < 10; i++)
        expect_reason(&domains, &domains.a, &request, "store");
    ck_assert_uint_eq(domains.messages, 1);
    request.domain = "one";
    expect_reason(&domains, &domains.a, &request, "none");
    ck_assert_int_eq(unlink(domains.two.path), 0);
    expect_reason(&domains, &domains.a, &request, "none");
    request.domain = "two";
    expect_reason(&domains, &domains.a, &request, "store");
    expect_reason(&domains, &domains.b, &request, "none");
    ck_assert_uint_eq(domains.messages, 2);
    domains_close(&domains);
}
END_TEST

/* ---- bound tokens ---- */

START_TEST(client_addresses)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct toktab_request request = {.size = sizeof(request)};

    s.c.record.nets = span_of("192.0.2.0/24,2001:db8::/32");
    forge_create(&s.forge, &s.c);
    ck_assert_str_eq(host_ask_for(&s.host, &s.c, NULL, NULL), "deny network");
    ck_assert_str_eq(host_ask_for(&s.host, &s.c, &request, NULL), "deny network");
    request.client = (struct sockaddr *)&local;
    ck_assert_str_eq(host_ask_for(&s.host, &s.c, &request, NULL), "deny network");
    inet_pton(AF_INET, "192.0.2.7", &v4.sin_addr);
    request.client = (struct sockaddr *)&v4;
    ck_assert_str_eq(host_ask_for(&s.host, &s.c, &request, NULL), "allow");
    inet_pton(AF_INET, "192.0.3.7", &v4.sin_addr);
    ck_assert_str_eq(host_ask_for(&s.host, &s.c, &request, NULL), "deny network");
    ck_assert_str_eq(host_ask_for(&s.host, &s.a, &request, NULL), "allow"); /* it is bound to none */
    request.client = (struct sockaddr *)&v6;
    inet_pton(AF_INET6, "2001:db8::9", &v6.sin6_addr);
    ck_assert_str_eq(host_ask_for(&s.host, &s.c, &request, NULL), "allow");
    inet_pton(AF_INET6, "::ffff:192.0.2.9", &v6.sin6_addr);
    ck_assert_str_eq(host_ask_for(&s.host, &s.c, &request, NULL), "allow");
    inet_pton(AF_INET6, "::1", &v6.sin6_addr);
    ck_assert_str_eq(host_ask_for(&s.host, &s.c, &request, NULL), "deny network");
}
END_TEST

START_TEST(users_of_tokens)
{
    static const struct {
        const char *user, *answer;
    } users[] = {
        {NULL, "allow"}, {"", "deny user"}, {"bob", "allow"}, {"alice", "deny user"}, {"bobby", "deny user"}};
    struct toktab_request request = {.size = sizeof(request)};

    s.c.record.user = span_of("bob");
    forge_create(&s.forge, &s.c);
    for (int i = 0; i < LENGTH(users); i++) {
        request.user = users[i].user;
        ck_assert_str_eq(host_ask_for(&s.host, &s.c, &request, NULL), users[i].answer);
        ck_assert_str_eq(host_ask_for(&s.host, &s.a, &request, NULL), "allow"); /* it names nobody */
    }
}
END_TEST

START_TEST(key_in_capitals)
{
    s.c.record.ext = span_of("note=x");
    forge_create(&s.forge, &s.c);
    EXPECT(s, c, "allow");
    s.c.record.op = OPERATION_UPDATE;
    s.c.record.ext = span_of("note=x QUOTA=5");
    forge_append(&s.forge, &s.c.record);
    EXPECT(s, c, "deny unsupported");
}
END_TEST

Suite *request_suite(void)
{
    Suite *suite = suite_create("request");
    TCase *requested = scene_case("requests"), *bound = scene_case("bound");

    tcase_add_loop_test(requested, request_is_checked, 0, LENGTH(requests));
    tcase_add_test(requested, scopes_that_no_store_could_hold);
    tcase_add_test(requested, structs_of_the_wrong_size);
    tcase_add_test(requested, structs_of_a_later_version);
    tcase_add_test(requested, no_table);
    tcase_add_test(requested, result_is_filled_whatever_the_verdict);
    tcase_add_test(requested, no_more_is_written_than_must_be);
    tcase_add_test(requested, messages);
    suite_add_tcase(suite, requested);
    tcase_add_test(bound, client_addresses);
    tcase_add_test(bound, users_of_tokens);
    tcase_add_test(bound, key_in_capitals);
    suite_add_tcase(suite, bound);
    return suite;
}
