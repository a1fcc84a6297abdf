/* The public hook, as toktab.h promises it. How it follows its store is in test_follow.c and its neighbours.
 */
#include "scene.h"
#include "suites.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

/* ---- opening ---- */

struct open_case {
    const char *config; /* text; NULL: there is no file */
    mode_t mode;
    size_t size_less; /* of struct toktab_options */
    int error;        /* 0: it opens */
    const char *says;
};

static const struct open_case open_cases[] = {
    {"", 0640, 0, 0, ""},
    {"domains = ( { name = \"a\"; } );", 0600, 0, 0, ""},
    {"domain = 1;", 0640, 0, EINVAL, ":1: unknown setting \"domain\"; did you mean \"domains\"?"},
    {"", 0666, 0, EPERM, "written by everybody"},
    {NULL, 0, 0, ENOENT, "No such file"},
    {"", 0640, 1, EINVAL, "size"},
    {"", 0640, sizeof(struct toktab_options), EINVAL, "size"},
};

static struct toktab *open_with(const struct open_case *open_case, char *error, size_t error_size)
{
    struct toktab_options options = {.size = sizeof(options) - open_case->size_less};
    char directory[SCRATCH_PATH], path[SCRATCH_PATH];

    scratch_directory(directory);
    path_join(path, directory, "toktab.conf");
    if (open_case->config) {
        file_write(path, open_case->config, strlen(open_case->config));
        ck_assert_int_eq(chmod(path, open_case->mode), 0);
    }
    options.config = path;
    errno = 4711;
    return toktab_open(&options, error, error_size);
}

START_TEST(opening)
{
    const struct open_case *open_case = &open_cases[_i];
    char error[512] = "untouched";
    struct toktab *table = open_with(open_case, error, sizeof(error));

    if (open_case->error == 0) {
        ck_assert_msg(table != NULL, "%s", error);
        ck_assert_int_eq(errno, 4711);
        ck_assert_str_eq(error, "untouched");
        toktab_close(table);
        return;
    }
    ck_assert_ptr_null(table);
    ck_assert_int_eq(errno, open_case->error);
    ck_assert_msg(strstr(error, open_case->says) != NULL, "%s", error);
    ck_assert_ptr_null(strchr(error, '\n'));
    ck_assert_ptr_null(open_with(open_case, NULL, 0)); /* nobody wants to know */
    ck_assert_int_eq(errno, open_case->error);
}
END_TEST

START_TEST(error_is_cut_to_its_size)
{
    char error[8];

    memset(error, '#', sizeof(error));
    ck_assert_ptr_null(open_with(&open_cases[2], error, 5));
    ck_assert_uint_eq(strlen(error), 4);
    ck_assert_int_eq(error[5], '#');
    ck_assert_ptr_null(open_with(&open_cases[2], error, 0));
    ck_assert_uint_eq(strlen(error), 4);
}
END_TEST

START_TEST(closing_nothing)
{
    errno = 4711;
    toktab_close(NULL);
    ck_assert_int_eq(errno, 4711);
}
END_TEST

/* ---- tokens ---- */

static const char *ask_bytes(struct host *host, const void *bytes, size_t length)
{
    struct toktab_result result = {.size = sizeof(result)};
    enum toktab_verdict verdict = toktab_verify(host->table, bytes, length, NULL, &result);

    MUST(verdict == result.verdict);
    MUST(result.verdict != TOKTAB_ALLOW || result.reason == TOKTAB_REASON_NONE);
    return toktab_reason_name(result.reason);
}

START_TEST(every_character_of_a_token_counts)
{
    struct scene s;
    char text[TOKEN_MAX + 1];
    size_t length;

    scene_start(&s, "60s");
    length = strlen(s.a.token);
    memcpy(text, s.a.token, sizeof(text));
    for (size_t i = 0; i < length; i++) {
        for (int c = 0; c < 256; c += 3) {
            text[i] = (char)c;
            MUST(strcmp(ask_bytes(&s.host, text, length), text[i] == s.a.token[i] ? "none" : "malformed") ==
                 0);
        }
        text[i] = s.a.token[i];
    }
    for (size_t i = 0; i < length; i++)
        MUST(strcmp(ask_bytes(&s.host, text, i), "malformed") == 0);
    ck_assert_str_eq(ask_bytes(&s.host, text, length + 1), "malformed"); /* with its NUL */
    ck_assert_str_eq(ask_bytes(&s.host, NULL, 0), "malformed");
    ck_assert_str_eq(ask_bytes(&s.host, text, length), "none");
    scene_end(&s);
}
END_TEST

START_TEST(huge_and_binary)
{
    struct scene s;
    size_t length = 1 << 20;
    char *bytes = malloc(length);

    scene_start(&s, "60s");
    for (int fill = 0; fill < 256; fill += 51) {
        memset(bytes, fill, length);
        ck_assert_str_eq(ask_bytes(&s.host, bytes, length), "malformed");
        memcpy(bytes, s.a.token, strlen(s.a.token));
        ck_assert_str_eq(ask_bytes(&s.host, bytes, length), "malformed");
        ck_assert_str_eq(ask_bytes(&s.host, bytes, strlen(s.a.token)), "none");
    }
    free(bytes);
    scene_end(&s);
}
END_TEST

/* The id is known, the secret is not: this is no other answer than that to an unknown id. */
START_TEST(guessed_secret)
{
    struct scene s;
    struct sample guess;
    struct toktab_result result;

    scene_start(&s, "60s");
    sample_guess(&guess, &s.a);
    ck_assert_str_eq(host_ask_for(&s.host, &guess, NULL, &result), "deny unknown");
    ck_assert_str_eq(result.id, "");
    ck_assert_str_eq(result.label, "");
    ck_assert_uint_eq(result.serial, 0);
    forge_revoke(&s.forge, &s.a);
    ck_assert_str_eq(host_ask_for(&s.host, &guess, NULL, &result), "deny unknown");
    ck_assert_str_eq(result.id, "");
    scene_end(&s);
}
END_TEST

/* The store is asked for the id, the hash covers the prefix: a domain may change it. */
START_TEST(token_with_another_prefix)
{
    struct scene s;
    struct sample other;
    size_t length;
    const char *id;

    scene_start(&s, "60s");
    other = s.c;
    length = token_make(other.token, "zz9");
    ck_assert(token_shape_valid(other.token, length, &id));
    memcpy(other.record.id, id, ID_LENGTH);
    crypto_hash_token(other.record.hash, other.token, length, id);
    forge_create(&s.forge, &other);
    ck_assert_str_eq(host_ask(&s.host, &other), "allow");
    scene_end(&s);
}
END_TEST

START_TEST(token_of_the_manual)
{
    static const char *const tokens[] = {
        "acme_ExampleTokenNeverUseThisSecretItIsPrintedInTheManual12009B2EU",
        "acme_SecondSampleAnotherSecretThatIsKnownToEveryReader45678929SVNN",
    };
    struct bytes file =
        file_read(_i == 0 ? "tests/unit/vector.tokens" : "tests/unit/vector-compacted.tokens");
    char directory[SCRATCH_PATH], path[SCRATCH_PATH];
    struct toktab_result result = {.size = sizeof(result)};
    struct host host;

    scratch_directory(directory);
    path_join(path, directory, HOST_DOMAIN ".tokens");
    file_write(path, file.at, file.length);
    host_open(&host, directory, "60s");
    ck_assert_int_eq(toktab_verify(host.table, tokens[0], strlen(tokens[0]), NULL, &result), TOKTAB_DENY);
    ck_assert_int_eq(result.reason, TOKTAB_REASON_REVOKED);
    ck_assert_str_eq(result.label, "build|100% f\xc3\xbcr CI");
    ck_assert_str_eq(result.user, "deploy");
    ck_assert_str_eq(result.scopes, "read,write");
    ck_assert_uint_eq(result.serial, 1);
    ck_assert_int_eq(result.expires, 1798761600);
    ck_assert_int_eq(toktab_verify(host.table, tokens[1], strlen(tokens[1]), NULL, &result), TOKTAB_ALLOW);
    ck_assert_str_eq(result.id, "SecondSample");
    ck_assert_int_eq(result.expires, TOKTAB_NEVER);
    ck_assert_uint_eq(host.alerts, 0);
    bytes_free(&file);
    host_close(&host);
}
END_TEST

/* ---- requests ---- */

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
    struct scene s;
    struct {
        struct toktab_request request;
        char more[100];
    } newer = {.request = {.size = sizeof(newer)}};
    struct toktab_request request = {.size = sizeof(request) - 1};
    struct toktab_result result, before;
    char error[256] = "";

    scene_start(&s, "60s");
    ck_assert_str_eq(host_ask_for(&s.host, &s.a, &request, NULL), "error request");
    ck_assert_int_eq(toktab_check_request(s.host.table, &request, error, sizeof(error)), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_nonnull(strstr(error, "size"));
    request.size = 0;
    ck_assert_str_eq(host_ask_for(&s.host, &s.a, &request, NULL), "error request");
    /* of a caller who is newer, and asks for nothing that is not known here; or does */
    ck_assert_str_eq(host_ask_for(&s.host, &s.a, &newer.request, NULL), "allow");
    newer.more[99] = 1;
    ck_assert_str_eq(host_ask_for(&s.host, &s.a, &newer.request, NULL), "error request");
    memset(&result, 0x55, sizeof(result));
    result.size = sizeof(result) - 1;
    before = result;
    ck_assert_int_eq(toktab_verify(s.host.table, s.a.token, strlen(s.a.token), NULL, &result), TOKTAB_ERROR);
    ck_assert_mem_eq(&result, &before, sizeof(result));
    scene_end(&s);
}
END_TEST

START_TEST(result_is_filled_whatever_the_verdict)
{
    struct scene s;
    struct toktab_request request = {.size = sizeof(request), .scopes = "admin"};
    struct toktab_result result;

    scene_start(&s, "60s");
    s.c.record.user = span_of("bob");
    s.c.record.scopes = span_of("read");
    s.c.record.expires = TIME_NEVER - 1;
    forge_create(&s.forge, &s.c);
    memset(&result, 0x55, sizeof(result));
    ck_assert_str_eq(host_ask_for(&s.host, &s.c, &request, &result), "deny scope");
    ck_assert_mem_eq(result.id, s.c.record.id, ID_LENGTH + 1);
    ck_assert_uint_eq(result.serial, 3);
    ck_assert_int_eq(result.expires, TIME_NEVER - 1);
    ck_assert_str_eq(result.user, "bob");
    ck_assert_str_eq(result.scopes, "read");
    ck_assert_str_eq(result.label, "a sample");
    memset(&result, 0x55, sizeof(result));
    ck_assert_str_eq(host_ask_for(&s.host, &s.d, NULL, &result), "deny unknown");
    ck_assert(result.id[0] == '\0' && result.label[0] == '\0' && result.user[0] == '\0' &&
              result.scopes[0] == '\0');
    ck_assert(result.serial == 0 && result.expires == 0);
    scene_end(&s);
}
END_TEST

/* ---- bound tokens ---- */

START_TEST(client_addresses)
{
    struct scene s;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct toktab_request request = {.size = sizeof(request)};

    scene_start(&s, "60s");
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
    scene_end(&s);
}
END_TEST

START_TEST(users_of_tokens)
{
    static const struct {
        const char *user, *answer;
    } users[] = {
        {NULL, "allow"}, {"", "deny user"}, {"bob", "allow"}, {"alice", "deny user"}, {"bobby", "deny user"}};
    struct scene s;
    struct toktab_request request = {.size = sizeof(request)};

    scene_start(&s, "60s");
    s.c.record.user = span_of("bob");
    forge_create(&s.forge, &s.c);
    for (int i = 0; i < LENGTH(users); i++) {
        request.user = users[i].user;
        ck_assert_str_eq(host_ask_for(&s.host, &s.c, &request, NULL), users[i].answer);
        ck_assert_str_eq(host_ask_for(&s.host, &s.a, &request, NULL), "allow"); /* it names nobody */
    }
    scene_end(&s);
}
END_TEST

START_TEST(key_in_capitals)
{
    struct scene s;

    scene_start(&s, "60s");
    s.c.record.ext = span_of("note=x");
    forge_create(&s.forge, &s.c);
    EXPECT(s, c, "allow");
    s.c.record.op = OPERATION_UPDATE;
    s.c.record.ext = span_of("note=x QUOTA=5");
    forge_append(&s.forge, &s.c.record);
    EXPECT(s, c, "deny unsupported");
    scene_end(&s);
}
END_TEST

/* ---- the rest ---- */

START_TEST(names_of_reasons)
{
    static const char *const names[] = {"none",    "malformed", "unknown",     "revoked", "expired", "scope",
                                        "network", "user",      "unsupported", "store",   "request"};

    for (int i = 0; i < LENGTH(names); i++)
        ck_assert_str_eq(toktab_reason_name((enum toktab_reason)i), names[i]);
    ck_assert_str_eq(toktab_reason_name((enum toktab_reason)LENGTH(names)), "unknown reason");
    ck_assert_str_eq(toktab_reason_name((enum toktab_reason) - 1), "unknown reason");
    ck_assert_str_eq(toktab_reason_name((enum toktab_reason)1000000), "unknown reason");
}
END_TEST

START_TEST(zeroed_answer_refuses)
{
    struct toktab_result result = {0};

    ck_assert_int_eq(result.verdict, TOKTAB_DENY);
    ck_assert_int_ne(result.verdict, TOKTAB_ALLOW);
    ck_assert_int_eq(TOKTAB_ALLOW, 1);
    ck_assert_int_eq(TOKTAB_ERROR, 2);
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

START_TEST(no_message_holds_a_token)
{
    struct scene s;
    struct bytes older;

    scene_start(&s, "60s");
    older = file_read(s.forge.path);
    forge_create(&s.forge, &s.c);
    EXPECT(s, c, "allow");
    file_replace(s.forge.path, older.at, older.length);
    EXPECT(s, c, "allow");
    ck_assert_uint_eq(s.host.alerts, 1);
    ck_assert_ptr_nonnull(strstr(s.host.last, s.forge.path)); /* which store it is */
    ck_assert_ptr_null(strstr(s.host.last, s.c.token + 4 + ID_LENGTH));
    ck_assert_ptr_null(strstr(s.host.last, s.c.record.id));
    bytes_free(&older);
    scene_end(&s);
}
END_TEST

START_TEST(two_tables_in_one_process)
{
    struct scene s, other;

    scene_start(&s, "60s");
    scene_start(&other, "60s");
    ck_assert_str_eq(host_ask(&s.host, &other.a), "deny unknown");
    ck_assert_str_eq(host_ask(&other.host, &other.a), "allow");
    forge_revoke(&s.forge, &s.a);
    EXPECT(s, a, "deny revoked");
    ck_assert_str_eq(host_ask(&other.host, &other.a), "allow");
    scene_end(&s);
    ck_assert_str_eq(host_ask(&other.host, &other.b), "allow");
    scene_end(&other);
}
END_TEST

Suite *table_suite(void)
{
    Suite *suite = suite_create("table");
    TCase *opens = tcase_create("open"), *tokens = tcase_create("tokens"),
          *requested = tcase_create("requests"), *bound = tcase_create("bound"), *rest = tcase_create("rest");

    tcase_add_loop_test(opens, opening, 0, LENGTH(open_cases));
    tcase_add_test(opens, error_is_cut_to_its_size);
    tcase_add_test(opens, closing_nothing);
    suite_add_tcase(suite, opens);
    tcase_set_timeout(tokens, 60);
    tcase_add_test(tokens, every_character_of_a_token_counts);
    tcase_add_test(tokens, huge_and_binary);
    tcase_add_test(tokens, guessed_secret);
    tcase_add_test(tokens, token_with_another_prefix);
    tcase_add_loop_test(tokens, token_of_the_manual, 0, 2);
    suite_add_tcase(suite, tokens);
    tcase_add_loop_test(requested, request_is_checked, 0, LENGTH(requests));
    tcase_add_test(requested, scopes_that_no_store_could_hold);
    tcase_add_test(requested, structs_of_the_wrong_size);
    tcase_add_test(requested, result_is_filled_whatever_the_verdict);
    suite_add_tcase(suite, requested);
    tcase_add_test(bound, client_addresses);
    tcase_add_test(bound, users_of_tokens);
    tcase_add_test(bound, key_in_capitals);
    suite_add_tcase(suite, bound);
    tcase_add_test(rest, names_of_reasons);
    tcase_add_test(rest, zeroed_answer_refuses);
    tcase_add_test(rest, messages);
    tcase_add_test(rest, no_message_holds_a_token);
    tcase_add_test(rest, two_tables_in_one_process);
    suite_add_tcase(suite, rest);
    return suite;
}
