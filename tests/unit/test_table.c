/* The public hook, as toktab.h promises it. How it follows its store is in test_follow.c and its neighbours.
 */
#include "scene.h"
#include "suites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
    {"domain = 1;", 0640, 0, EINVAL, ":1: unknown setting \"domain\": did you mean \"domains\"?"},
    {"", 0666, 0, EPERM, "writable by everybody"},
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

/* One domain of two: the other is not known to the table. */
START_TEST(opening_one_domain)
{
    static const char config[] = "domains = ( { name = \"a\"; }, { name = \"b\"; } );";
    struct toktab_options options = {.size = sizeof(options), .domain = "b"};
    struct toktab_request a = {.size = sizeof(a), .domain = "a"}, b = {.size = sizeof(b), .domain = "b"};
    char directory[SCRATCH_PATH], path[SCRATCH_PATH], error[512];
    struct toktab *table;

    scratch_directory(directory);
    path_join(path, directory, "toktab.conf");
    file_write(path, config, strlen(config));
    options.config = path;
    table = toktab_open(&options, error, sizeof(error));
    ck_assert_ptr_nonnull(table);
    ck_assert_int_eq(toktab_check_request(table, &b, NULL, 0), 0);
    ck_assert_int_eq(toktab_check_request(table, NULL, NULL, 0), 0);
    ck_assert_int_eq(toktab_check_request(table, &a, NULL, 0), -1);
    toktab_close(table);

    options.domain = "c";
    errno = 4711;
    ck_assert_ptr_null(toktab_open(&options, error, sizeof(error)));
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_ptr_nonnull(strstr(error, "no domain \"c\" in /"));
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

/* Its chain holds, but no toktab wrote it: it admits nobody, is told of once, and disturbs no other token. */
START_TEST(line_that_makes_no_sense)
{
    struct scene s;

    scene_start(&s, "60s");
    s.c.record.scopes = span_of("a,,b");
    forge_create(&s.forge, &s.c);
    for (int i = 0; i < 5; i++) {
        EXPECT(s, c, "error store");
        EXPECT(s, a, "allow");
        EXPECT(s, d, "deny unknown");
    }
    ck_assert_uint_eq(s.host.alerts, 1);
    ck_assert_ptr_nonnull(strstr(s.host.last, s.c.record.id)); /* which may be logged */
    s.c.record.scopes = span_of("a");
    forge_append(&s.forge, &s.c.record);
    EXPECT(s, c, "allow");
    scene_end(&s);
}
END_TEST

/* A text that is no token is denied, whatever the store is like. */
START_TEST(malformed_without_a_store)
{
    struct scene s;
    struct sample mistyped;

    scene_start(&s, "60s");
    mistyped = s.a;
    mistyped.token[10] = mistyped.token[10] == 'x' ? 'y' : 'x';
    ck_assert_str_eq(host_ask(&s.host, &mistyped), "deny malformed");
    ck_assert_int_eq(unlink(s.forge.path), 0);
    ck_assert_str_eq(host_ask(&s.host, &mistyped), "deny malformed");
    host_close(&s.host);
    host_open(&s.host, s.directory, "60s");
    ck_assert_str_eq(host_ask(&s.host, &mistyped), "deny malformed");
    EXPECT(s, a, "error store");
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
    TCase *opens = tcase_create("open"), *tokens = tcase_create("tokens"), *rest = tcase_create("rest");

    tcase_add_loop_test(opens, opening, 0, LENGTH(open_cases));
    tcase_add_test(opens, opening_one_domain);
    tcase_add_test(opens, error_is_cut_to_its_size);
    tcase_add_test(opens, closing_nothing);
    suite_add_tcase(suite, opens);
    tcase_add_test(tokens, every_character_of_a_token_counts);
    tcase_add_test(tokens, huge_and_binary);
    tcase_add_test(tokens, guessed_secret);
    tcase_add_test(tokens, token_with_another_prefix);
    tcase_add_loop_test(tokens, token_of_the_manual, 0, 2);
    suite_add_tcase(suite, tokens);
    tcase_add_test(rest, names_of_reasons);
    tcase_add_test(rest, zeroed_answer_refuses);
    tcase_add_test(rest, no_message_holds_a_token);
    tcase_add_test(rest, line_that_makes_no_sense);
    tcase_add_test(rest, malformed_without_a_store);
    tcase_add_test(rest, two_tables_in_one_process);
    suite_add_tcase(suite, rest);
    return suite;
}
