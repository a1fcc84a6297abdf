/* What of a request is believed: who it is, where it leads, where it comes from. */
#include "panel/asked.h"
#include "panel/route.h"
#include "suites.h"

#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

/* ---- the path ---- */

static const struct {
    const char *prefix, *path;
    enum route_kind kind;
    const char *domain, *id;
} paths[] = {
    {"", "/", ROUTE_DOMAINS, "", ""},
    {"", "", ROUTE_NONE, "", ""},
    {"", "x", ROUTE_NONE, "", ""},
    {"", "/example.com", ROUTE_FILE, "example.com", ""},
    {"", "/panel-0.css", ROUTE_FILE, "panel-0.css", ""},
    {"", "/_", ROUTE_FILE, "", ""},
    {"", "/example.com/", ROUTE_LIST, "example.com", ""},
    {"", "/example.com/new", ROUTE_CREATE, "example.com", ""},
    {"", "/example.com/new/", ROUTE_NONE, "example.com", ""},
    {"", "/example.com/Qfj7et6GnHPH", ROUTE_TOKEN, "example.com", "Qfj7et6GnHPH"},
    {"", "/example.com/Qfj7et6GnHPH/", ROUTE_NONE, "example.com", "Qfj7et6GnHPH"},
    {"", "/example.com/Qfj7et6GnHPH/revoke", ROUTE_REVOKE, "example.com", "Qfj7et6GnHPH"},
    {"", "/example.com/Qfj7et6GnHPH/rotate", ROUTE_ROTATE, "example.com", "Qfj7et6GnHPH"},
    {"", "/example.com/Qfj7et6GnHPH/rotated", ROUTE_NONE, "example.com", "Qfj7et6GnHPH"},
    {"", "/example.com/Qfj7et6GnHP", ROUTE_NONE, "example.com", ""},
    {"", "/example.com/Qfj7et6GnHPHx", ROUTE_NONE, "example.com", ""},
    {"", "/example.com/--version000", ROUTE_NONE, "example.com", ""},
    {"", "/-d/", ROUTE_NONE, "", ""},
    {"", "/../", ROUTE_NONE, "", ""},
    {"", "//", ROUTE_NONE, "", ""},
    {"", "/a\"b/", ROUTE_NONE, "", ""},
    {"/tokens", "/tokens/", ROUTE_DOMAINS, "", ""},
    {"/tokens", "/tokens", ROUTE_BARE, "", ""},
    {"/tokens", "/tokens/intern", ROUTE_FILE, "intern", ""},
    {"/tokens", "/tokensx/", ROUTE_NONE, "", ""},
    {"/tokens", "/", ROUTE_NONE, "", ""},
    {"/tokens", "/tokens/intern/new", ROUTE_CREATE, "intern", ""},
};

START_TEST(routes)
{
    struct route route = route_find(paths[_i].prefix, paths[_i].path);

    ck_assert_int_eq(route.kind, paths[_i].kind);
    ck_assert_str_eq(route.domain, paths[_i].domain);
    ck_assert_str_eq(route.id, paths[_i].id);
}
END_TEST

START_TEST(long_names)
{
    char path[2 * DOMAIN_NAME_MAX];

    memset(path, 'a', sizeof(path));
    path[0] = '/';
    strcpy(path + 1 + DOMAIN_NAME_MAX, "/");
    ck_assert_int_eq(route_find("", path).kind, ROUTE_LIST);
    path[1 + DOMAIN_NAME_MAX] = 'a';
    strcpy(path + 2 + DOMAIN_NAME_MAX, "/");
    ck_assert_int_eq(route_find("", path).kind, ROUTE_NONE);
}
END_TEST

/* ---- the parameters ---- */

static struct asked asked;

START_TEST(parameters)
{
    char *const given[] = {"REQUEST_METHOD=GET",
                           "REMOTE_USER=alice@example.com",
                           "QUERY_STRING=",
                           "DOCUMENT_URI=/",
                           "HTTP_REMOTE_USER=root",
                           "REMOTE_USERX=root",
                           NULL};

    asked_read(&asked, given);
    ck_assert_str_eq(asked.user, "alice@example.com");
    ck_assert_str_eq(asked.method, "GET");
    ck_assert_ptr_null(asked.query);
    ck_assert_ptr_null(asked.from.origin);
}
END_TEST

START_TEST(twice_is_never)
{
    char *const given[] = {"REMOTE_USER=root", "DOCUMENT_URI=/", "REMOTE_USER=alice", "DOCUMENT_URI=/", NULL};

    asked_read(&asked, given);
    ck_assert_ptr_null(asked.user);
    ck_assert_ptr_null(asked.path);
}
END_TEST

/* As if it was not said would mean: a client that is no browser. */
static char *const headers_twice[][2] = {
    {"HTTP_ORIGIN=https://panel.test", "HTTP_ORIGIN=https://evil.test"},
    {"HTTP_SEC_FETCH_SITE=same-origin", "HTTP_SEC_FETCH_SITE=cross-site"},
    {"HTTP_SEC_FETCH_SITE=", "HTTP_SEC_FETCH_SITE=same-origin"},
};

START_TEST(origin_twice)
{
    char *const given[] = {"PANEL_SELF=https://panel.test", headers_twice[_i][0], headers_twice[_i][1], NULL};

    asked_read(&asked, given);
    ck_assert(!origin_allows_post(&asked.from));
}
END_TEST

START_TEST(frame_twice)
{
    char *const given[] = {"HTTP_SEC_FETCH_DEST=document", "HTTP_SEC_FETCH_DEST=iframe", NULL};

    asked_read(&asked, given);
    ck_assert(!origin_allows_page(&asked.from));
}
END_TEST

START_TEST(twice_though_empty)
{
    char *const given[] = {"REMOTE_USER=", "REMOTE_USER=alice", NULL};

    asked_read(&asked, given);
    ck_assert_ptr_null(asked.user);
}
END_TEST

static char *const names[] = {
    "REMOTE_USER=",    "REMOTE_USER=a b",  "REMOTE_USER=a,b",      "REMOTE_USER=a/b", "REMOTE_USER=a|b",
    "REMOTE_USER=a\n", "REMOTE_USER=a\"b", "REMOTE_USER=\xc3\xbc", "REMOTE_USER",     "REMOTE_USER=web:a",
};

START_TEST(no_names)
{
    char *const given[] = {names[_i], NULL};

    asked_read(&asked, given);
    ck_assert_ptr_null(asked.user);
}
END_TEST

START_TEST(long_user)
{
    char name[160] = "REMOTE_USER=", *const given[] = {name, NULL};
    size_t length = strlen(name);

    memset(name + length, 'a', 128);
    asked_read(&asked, given);
    ck_assert_ptr_nonnull(asked.user);
    name[length + 128] = 'a';
    asked_read(&asked, given);
    ck_assert_ptr_null(asked.user);
}
END_TEST

static const struct {
    const char *text;
    size_t length;
} lengths[] = {
    {NULL, 0},     {"0", 0},        {"16384", 16384}, {"16385", 16385}, {"99999999999999999999", 16385},
    {"-1", 16385}, {"junk", 16385}, {"1 ", 16385},    {"0x10", 16385},
};

START_TEST(body_lengths)
{
    asked.content_length = lengths[_i].text;
    ck_assert_uint_eq(asked_length(&asked), lengths[_i].length);
}
END_TEST

/* ---- the origin: what Chromium was seen to send ---- */

#define OWN "https://panel.test:18005"

static const struct {
    const char *site, *origin;
    bool allowed;
} posts[] = {
    {"same-origin", OWN, true},
    {"same-origin", "null", true}, /* extensions that strip referrers */
    {"same-origin", NULL, true},
    {NULL, OWN, true}, /* http */
    {NULL, NULL, true},
    {NULL, "null", false},
    {NULL, "http://evil.test:18006", false},
    {NULL, "https://panel.test", false},
    {NULL, OWN ".evil.test", false},
    {"cross-site", "https://evil.test:18005", false},
    {"cross-site", OWN, false},
    {"cross-site", "null", false},
    {"cross-site", NULL, false},
    {"same-site", OWN, false},
    {"none", OWN, false},
    {"none", NULL, false},
    {"same-origin", "https://evil.test:18005", false},
    {"same-origin, cross-site", OWN, false},
};

START_TEST(origins)
{
    const struct provenance from = {OWN, posts[_i].origin, posts[_i].site, NULL};

    ck_assert_int_eq(origin_allows_post(&from), posts[_i].allowed);
}
END_TEST

static const struct {
    const char *dest, *site;
    bool allowed;
} pages[] = {
    {NULL, NULL, true},
    {"document", "none", true},
    {"document", "cross-site", true}, /* a link */
    {"empty", NULL, true},
    {"empty", "same-origin", true},
    {"empty", "same-site", false},
    {"empty", "cross-site", false},
    {"iframe", "same-origin", false},
    {"frame", NULL, false},
    {"embed", NULL, false},
    {"object", NULL, false},
    {"image", "cross-site", false},
};

START_TEST(frames)
{
    const struct provenance from = {OWN, NULL, pages[_i].site, pages[_i].dest};

    ck_assert_int_eq(origin_allows_page(&from), pages[_i].allowed);
}
END_TEST

START_TEST(media_types)
{
    ck_assert(origin_sends_form("application/x-www-form-urlencoded"));
    ck_assert(origin_sends_form("application/x-www-form-urlencoded; charset=UTF-8"));
    ck_assert(origin_sends_form("Application/X-WWW-Form-Urlencoded"));
    ck_assert(!origin_sends_form("application/x-www-form-urlencodedx"));
    ck_assert(!origin_sends_form("multipart/form-data"));
    ck_assert(!origin_sends_form("text/plain"));
    ck_assert(!origin_sends_form(NULL));
}
END_TEST

Suite *panel_request_suite(void)
{
    Suite *suite = suite_create("panel_request");
    TCase *test = tcase_create("request");

    tcase_add_loop_test(test, routes, 0, LENGTH(paths));
    tcase_add_test(test, long_names);
    tcase_add_test(test, parameters);
    tcase_add_test(test, twice_is_never);
    tcase_add_loop_test(test, origin_twice, 0, LENGTH(headers_twice));
    tcase_add_test(test, frame_twice);
    tcase_add_test(test, twice_though_empty);
    tcase_add_loop_test(test, no_names, 0, LENGTH(names));
    tcase_add_test(test, long_user);
    tcase_add_loop_test(test, body_lengths, 0, LENGTH(lengths));
    tcase_add_loop_test(test, origins, 0, LENGTH(posts));
    tcase_add_loop_test(test, frames, 0, LENGTH(pages));
    tcase_add_test(test, media_types);
    suite_add_tcase(suite, test);
    return suite;
}
