#include "caller/caller.h"
#include "suites.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Is a caller of that name one of these admins? */
static bool is_admin(const char *name, bool web, const char *admins)
{
    struct caller caller = {.uid = getuid(), .known = true, .delegated = true, .web = web};
    struct domain domain = {0};
    bool may;

    caller.name = strdup(name);
    domain.admins = strdup(admins);
    may = caller_is_admin(&caller, &domain);
    ck_assert(may || !web || !caller_may(&caller, &domain));
    free(domain.admins);
    caller_free(&caller);
    return may;
}

/* A directory service can deliver a user whose name begins with "web:". */
START_TEST(web_and_system_users_are_apart)
{
    ck_assert(is_admin("alice", false, "bob,alice"));
    ck_assert(!is_admin("alice", false, "web:alice"));
    ck_assert(!is_admin("web:alice", false, "web:alice"));
    ck_assert(is_admin("web:alice", true, "@nobody,web:alice"));
    ck_assert(!is_admin("web:alice", true, "alice,@alice,web:alic,web:alice2,web:Alice"));
    ck_assert(!is_admin("web:root", true, "root,@root"));
    ck_assert(!is_admin("alice", true, "alice"));
}
END_TEST

static const struct {
    const char *admin;
    bool valid;
} names[] = {
    {"web:a", true},
    {"web:alice@example.com", true},
    {"web:A-Z_0.9+", true},
    {"web:@a", true},
    {"web:", false},
    {"web", false},
    {"", false},
    {"Web:a", false},
    {"web:a b", false},
    {"web:a:b", false},
    {"web:a/b", false},
    {"web:\xc3\xa4", false},
    {"alice", false},
    {"web:alice\n", false},
    {"web:\x7f", false},
};

START_TEST(name)
{
    ck_assert(web_admin_valid(span_of(names[_i].admin)) == names[_i].valid);
}
END_TEST

START_TEST(name_of_any_length)
{
    char text[4 + 130] = "web:";

    memset(text + 4, 'a', 130);
    ck_assert(web_admin_valid((struct span){text, 4 + 128}));
    ck_assert(!web_admin_valid((struct span){text, 4 + 129}));
    text[6] = '\0';
    ck_assert(!web_admin_valid((struct span){text, 4 + 8}));
}
END_TEST

Suite *caller_suite(void)
{
    Suite *suite = suite_create("caller");
    TCase *test = tcase_create("caller");

    tcase_add_test(test, web_and_system_users_are_apart);
    tcase_add_loop_test(test, name, 0, sizeof(names) / sizeof(names[0]));
    tcase_add_test(test, name_of_any_length);
    suite_add_tcase(suite, test);
    return suite;
}
