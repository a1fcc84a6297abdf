#include "config_fixture.h"
#include "suites.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

/* ---- good ones ---- */

START_TEST(everything_is_taken)
{
    static const char text[] =
        "# a comment\n"
        "store_dir = \"/var/lib/x\"; // another\n"
        "domains = (\n"
        "  { name = \"example.com\"; prefix = \"acme\"; admins = [ \"alice\", \"@webops\" ];\n"
        "    scopes = [ \"read\", \"write\" ]; default_lifetime = \"90d\"; max_lifetime = \"365d\";\n"
        "    track_usage = true; stale_limit = \"5m\"; foreign = true;\n"
        "    source = \"ssh toktab@w1 toktab log\"; snapshot = \"cat x\"; max_lag = \"1m\"; },\n"
        "  /* with the\n defaults */ { name = \"a\"; },\n"
        "  { name = \"z-9.b\"; track_usage = false; admins = ( ); scopes = ( \"all\" ); stale_limit = \"0s\" "
        "}\n"
        ");\n";
    struct config config;
    struct fault fault;
    const struct domain *domain;

    ck_assert_msg(config_load_text(&config, &fault, text) == 0, "%s", fault.text);
    ck_assert_str_eq(config.store_dir, "/var/lib/x");
    ck_assert_uint_eq(config.count, 3);
    domain = config_domain(&config, "example.com");
    ck_assert_ptr_nonnull(domain);
    ck_assert_str_eq(domain->prefix, "acme");
    ck_assert_str_eq(domain->admins, "alice,@webops");
    ck_assert_str_eq(domain->scopes, "read,write");
    ck_assert_int_eq(domain->default_lifetime, 90 * 86400);
    ck_assert_int_eq(domain->max_lifetime, 365 * 86400);
    ck_assert_int_eq(domain->stale_limit, 300);
    ck_assert(domain->track_usage);
    ck_assert(domain->foreign);
    ck_assert_str_eq(domain->source, "ssh toktab@w1 toktab log");
    ck_assert_str_eq(domain->snapshot, "cat x");
    ck_assert_int_eq(domain->max_lag, 60);
    domain = config_domain(&config, "a");
    ck_assert_ptr_nonnull(domain);
    ck_assert_str_eq(domain->prefix, "tok");
    ck_assert_str_eq(domain->admins, "");
    ck_assert_str_eq(domain->scopes, "");
    ck_assert_int_eq(domain->default_lifetime, 0);
    ck_assert_int_eq(domain->max_lifetime, 0);
    ck_assert_int_eq(domain->stale_limit, 60);
    ck_assert(domain->track_usage);
    ck_assert(!domain->foreign);
    ck_assert_str_eq(domain->source, "");
    ck_assert_str_eq(domain->snapshot, "");
    ck_assert_int_eq(domain->max_lag, 30);
    domain = config_domain(&config, "z-9.b");
    ck_assert_ptr_nonnull(domain);
    ck_assert_str_eq(domain->scopes, "all");
    ck_assert_int_eq(domain->stale_limit, 0);
    ck_assert(!domain->track_usage);
    config_unload(&config);
    config_unload(&config);
}
END_TEST

static const char *const complete[] = {
    "",
    "\n",
    "# nothing but a comment",
    "// nothing but a comment",
    "/* nothing but a comment */",
    "store_dir = \"/var/lib/x\"",
    "store_dir = \"/var/lib/x/\"",
    "store_dir = \"/var/lib/x//\"",
    "store_dir : \"/var/lib/x\",",
    "store_dir = \"/var\" \"/lib/x\";",
    "domains = ( { name = \"default\" } )",
    "domains = ( { name = \"default\"; admins = []; } );",
};

START_TEST(little_is_enough)
{
    struct config config;
    struct fault fault;
    const struct domain *domain;

    ck_assert_msg(config_load_text(&config, &fault, complete[_i]) == 0, "%s", fault.text);
    ck_assert_uint_eq(config.count, 1);
    domain = config_domain(&config, NULL);
    ck_assert_ptr_nonnull(domain);
    ck_assert_str_eq(domain->name, "default");
    ck_assert_str_eq(domain->prefix, "tok");
    ck_assert_int_eq(domain->stale_limit, 60);
    ck_assert_str_eq(config.store_dir,
                     strstr(complete[_i], "store_dir") ? "/var/lib/x" : CONFIG_DEFAULT_STORE_DIR);
    config_unload(&config);
}
END_TEST

static const struct {
    const char *names[3], *asked, *found;
} domains[] = {
    {{"default", "a", "b"}, NULL, "default"},
    {{"a", "b", "default"}, NULL, "default"},
    {{"a"}, NULL, "a"},
    {{"a", "b"}, NULL, NULL},
    {{"a", "b"}, "b", "b"},
    {{"a", "b"}, "c", NULL},
    {{"a", "b"}, "", NULL},
    {{"a", "b"}, "A", NULL},
    {{"a"}, "default", NULL},
    {{"ab", "b"}, "a", NULL},
    {{"b", "a.b", "a"}, "a.b", "a.b"},
    {{"a"},
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     NULL},
};

START_TEST(domain_is_found)
{
    struct config config;
    struct fault fault;
    const struct domain *domain;
    char text[512] = "domains = (";

    for (int i = 0; i < 3 && domains[_i].names[i]; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s { name = \"%s\"; }", i > 0 ? "," : "",
                 domains[_i].names[i]);
    strcat(text, ");");
    ck_assert_msg(config_load_text(&config, &fault, text) == 0, "%s", fault.text);
    domain = config_domain(&config, domains[_i].asked);
    if (domains[_i].found)
        ck_assert_pstr_eq(domain ? domain->name : NULL, domains[_i].found);
    else
        ck_assert_ptr_null(domain);
    config_unload(&config);
}
END_TEST

START_TEST(one_of_the_domains)
{
    struct config config, one;
    struct fault fault;

    ck_assert_int_eq(
        config_load_text(&config, &fault,
                         "store_dir = \"/x\"; domains = ( { name = \"a\"; }, { name = \"b\"; prefix = "
                         "\"pb\"; scopes = [ \"s\" ]; admins = [ \"u\" ]; } );"),
        0);
    ck_assert(config_copy_one(&one, &config, config_domain(&config, "b")));
    config_unload(&config); /* nothing is shared */
    ck_assert_uint_eq(one.count, 1);
    ck_assert_str_eq(one.store_dir, "/x");
    ck_assert_str_eq(one.domains[0].name, "b");
    ck_assert_str_eq(one.domains[0].prefix, "pb");
    ck_assert_str_eq(one.domains[0].scopes, "s");
    ck_assert_str_eq(one.domains[0].admins, "u");
    config_unload(&one);
}
END_TEST

static const struct {
    const char *given, *wanted, *foreign; /* NULL: it has all */
} scopes[] = {
    {"[ \"read\", \"write\" ]", "", NULL},
    {"[ \"read\", \"write\" ]", "read", NULL},
    {"[ \"read\", \"write\" ]", "write,read", NULL},
    {"[ \"read\", \"write\" ]", "admin", "admin"},
    {"[ \"read\", \"write\" ]", "read,admin", "admin"},
    {"[ \"read\", \"write\" ]", "rea", "rea"},
    {"[ \"read\", \"write\" ]", "Read", "Read"},
    {"[]", "anything,at:all", NULL},
    {"[]", "a b", "a b"},
    {"[]", "\xc3\xa4", "\xc3\xa4"},
    {"[]", "a\"", "a\""},
    {"[]", ",", ""},
    {"[]", "a,,b", ""},
    {"[]", "a,", ""},
    {"[ \"%7C|\" ]", "%7C|", NULL},
};

START_TEST(domain_has_the_scopes)
{
    struct config config;
    struct fault fault;
    struct span foreign = {"", 0};
    char text[256];

    snprintf(text, sizeof(text), "domains = ( { name = \"a\"; scopes = %s; } );", scopes[_i].given);
    ck_assert_msg(config_load_text(&config, &fault, text) == 0, "%s", fault.text);
    ck_assert_msg(domain_has_scopes(config.domains, span_of(scopes[_i].wanted), &foreign) ==
                      !scopes[_i].foreign,
                  "%s", scopes[_i].wanted);
    if (scopes[_i].foreign && scopes[_i].foreign[0] != '\0')
        ck_assert(span_equals(foreign, scopes[_i].foreign));
    config_unload(&config);
}
END_TEST

/* ---- bad ones ---- */

#define D(settings) "domains = (\n { name = \"a\";\n " settings " } );\n"
#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    const char *text;
    int line;         /* that is named; 0: none */
    const char *says; /* what else */
} faults[] = {
    /* names */
    {"\nstor_dir = \"/x\";\n", 2, "\"stor_dir\": did you mean \"store_dir\"?"},
    {"domain = ( );\n", 1, "did you mean \"domains\"?"},
    {"colour = \"red\";\n", 1, "unknown setting \"colour\""},
    {D("prefx = \"ab\";"), 3, "did you mean \"prefix\"?"},
    {D("scope = [];"), 3, "did you mean \"scopes\"?"},
    {D("maxlifetime = \"1d\";"), 3, "did you mean \"max_lifetime\"?"},
    {D("trackusage = true;"), 3, "did you mean \"track_usage\"?"},
    {D("store_dir = \"/x\";"), 3, "unknown setting"},
    {"name = \"a\";", 1, "unknown setting"},
    {"toktab_end_of_file = \"reached\";\n", 0, ""},
    /* given twice */
    {"store_dir = \"/x\";\nstore_dir = \"/y\";\n", 2, "duplicate"},
    {D("name = \"b\";"), 3, "duplicate"},
    {"domains = ( { name = \"a\"; },\n{ name = \"b\"; },\n{ name = \"a\"; } );", 3,
     "\"a\" is the name of two domains"},
    /* types */
    {"store_dir = 1;", 1, "\"store_dir\" must be a string"},
    {"store_dir = true;", 1, "\"store_dir\" must be a string"},
    {"store_dir = [ \"/x\" ];", 1, "\"store_dir\" must be a string"},
    {"store_dir = { };", 1, "\"store_dir\" must be a string"},
    {"store_dir = 1.5;", 1, "\"store_dir\" must be a string"},
    {"domains = \"a\";", 1, "\"domains\" must be a list"},
    {"domains = { name = \"a\"; };", 1, "\"domains\" must be a list"},
    {"domains = ();", 1, "\"domains\" must be a list"},
    {"domains = [];", 1, "\"domains\" must be a list"},
    {"domains = [ \"a\" ];", 1, "\"domains\" must be a list"},
    {"domains = ( \"a\" );", 1, "must be a list of groups"},
    {"domains = (\n( ) );", 2, "must be a list of groups"},
    {D("prefix = 7;"), 3, "\"prefix\" must be a string"},
    {D("admins = \"alice\";"), 3, "\"admins\" must be a list"},
    {D("admins = [ 1, 2 ];"), 3, "\"admins\" must list strings"},
    {D("admins = ( \"a\", 2 );"), 3, "\"admins\" must list strings"},
    {D("admins = ( \"a\", [ \"b\" ] );"), 3, "\"admins\" must list strings"},
    {D("admins = [ \"web:a b\" ];"), 3, "\"web:a b\" is not allowed in admins"},
    {D("scopes = { a = \"b\"; };"), 3, "\"scopes\" must be a list"},
    {D("default_lifetime = 90;"), 3, "\"default_lifetime\" must be a string"},
    {D("max_lifetime = 4294967297;"), 3, "\"max_lifetime\" must be a string"},
    {D("stale_limit = 0640;"), 3, "\"stale_limit\" must be a string"},
    {D("track_usage = \"yes\";"), 3, "\"track_usage\" must be true or false"},
    {D("track_usage = 1;"), 3, "\"track_usage\" must be true or false"},
    /* values */
    {"store_dir = \"\";", 1, "absolute"},
    {"store_dir = \"var/lib/x\";", 1, "absolute"},
    {"store_dir = \"./x\";", 1, "absolute"},
    {"store_dir = \"/a\nb\";", 1, "control characters"},
    {"store_dir = \"/a\xff\";", 1, "UTF-8"},
    {"domains = ( { prefix = \"ab\"; } );", 1, "\"name\" is missing"},
    {"domains = ( { } );", 1, "\"name\" is missing"},
    {"domains = ( { name = \"\"; } );", 1, "valid domain name"},
    {"domains = ( { name = \"A\"; } );", 1, "valid domain name"},
    {"domains = ( { name = \"a_b\"; } );", 1, "valid domain name"},
    {"domains = ( { name = \"../a\"; } );", 1, "valid domain name"},
    {"domains = ( { name = \".a\"; } );", 1, "valid domain name"},
    {"domains = ( { name = \"-a\"; } );", 1, "valid domain name"},
    {"domains = ( { name = \"a b\"; } );", 1, "valid domain name"},
    {"domains = ( { name = \"\xc3\xa4\"; } );", 1, "valid domain name"},
    {"domains = ( { name = \"" A63 "a\"; } );", 1, "valid domain name"},
    {D("prefix = \"\";"), 3, "prefix"},
    {D("prefix = \"a\";"), 3, "prefix"},
    {D("prefix = \"abcdefghijklmnopq\";"), 3, "prefix"},
    {D("prefix = \"Ab\";"), 3, "prefix"},
    {D("prefix = \"1a\";"), 3, "prefix"},
    {D("prefix = \"a_\";"), 3, "prefix"},
    {D("admins = [ \"\" ];"), 3, "admins"},
    {D("admins = [ \"@\" ];"), 3, "admins"},
    {D("admins = [ \"a,b\" ];"), 3, "admins"},
    {D("admins = [ \"a\nb\" ];"), 3, "admins"},
    {D("admins = [ \"\xff\" ];"), 3, "admins"},
    {D("scopes = [ \"\" ];"), 3, "scopes"},
    {D("scopes = [ \"a b\" ];"), 3, "scopes"},
    {D("scopes = [ \"a,b\" ];"), 3, "scopes"},
    {D("scopes = [ \"\xc3\xa4\" ];"), 3, "scopes"},
    {D("default_lifetime = \"90\";"), 3, "default_lifetime"},
    {D("default_lifetime = \"0s\";"), 3, "default_lifetime"},
    {D("default_lifetime = \"\";"), 3, "default_lifetime"},
    {D("default_lifetime = \"-1d\";"), 3, "default_lifetime"},
    {D("default_lifetime = \"never\";"), 3, "default_lifetime"},
    {D("max_lifetime = \"0d\";"), 3, "max_lifetime"},
    {D("max_lifetime = \"18446744073709551617s\";"), 3, "max_lifetime"},
    {D("stale_limit = \"60\";"), 3, "stale_limit"},
    {D("stale_limit = \"1000000000w\";"), 3, "stale_limit"},
    {D("source = \"\";"), 3, "source"},
    {D("source = \"  \";"), 3, "source"},
    {D("source = \"Etcd\";"), 3, "name of an engine"},
    {D("source = \"ssh a\tb\";"), 3, "source"},
    {D("source = [ \"ssh\" ];"), 3, "\"source\" must be a string"},
    {D("snapshot = \"etcd\";"), 3, "\"snapshot\" must be a command"},
    {D("snapshot = \"\";"), 3, "snapshot"},
    {D("max_lag = \"0s\";"), 3, "max_lag"},
    {D("max_lag = 30;"), 3, "\"max_lag\" must be a string"},
    {D("default_lifetime = \"2d\"; max_lifetime = \"1d\";"), 3, "longer than max_lifetime"},
    {D("max_lifetime = \"1d\"; default_lifetime = \"86401s\";"), 3, "longer than max_lifetime"},
    /* text */
    {"store_dir = \"/x\"\n\ngarbage\n", 0, "syntax error"},
    {"store_dir = \"/x\"; }\n", 1, "syntax error"},
    {"domains = ( { name = \"a\"; } )\n)\n", 2, "syntax error"},
    {"domains = ( { name = \"a\" } \n", 0, "syntax error: the file ends inside a setting"},
    {"store_dir = \n", 0, "syntax error"},
    {"store_dir", 0, "syntax error"},
    {"= \"x\";", 1, "syntax error"},
    {"store_dir = \"/x", 0, "syntax error: the file ends inside a setting"},
    {"store_dir = '/x';", 1, "syntax error"},
    {"store_dir = \"/x\"; /* and so on\n", 0, "comment"},
    {"/*", 0, "comment"},
    {"store_dir = \"/x\"; /*/", 0, "comment"},
    {"toktab_end_of_file = \"reached\"; /* and so on\n", 0, ""},
    {"\nstore_dir = \"/x\\y\";", 2, "backslash"},
    {"a = 1;\n\n  @include \"/etc\"\n", 3, "@include"},
    {"/*/ \"\n*/\n@include \"/etc\"\n/* \" */\n", 3, "@include"},
    {"/* */ a = \"x\"; /**//**/ b = \"\n\"; \n@include \"/etc\"\n", 3, "@include"},
};

START_TEST(fault_is_found_and_named)
{
    struct config config;
    struct fault fault;
    char path[SCRATCH_PATH], at[SCRATCH_PATH + 16];

    ck_assert_msg(config_load_bytes(&config, &fault, path, faults[_i].text, strlen(faults[_i].text)) == -1,
                  "accepted: %s", faults[_i].text);
    ck_assert_int_eq(errno, EINVAL);
    snprintf(at, sizeof(at), faults[_i].line > 0 ? "%s:%d: " : "%s:", path, faults[_i].line);
    ck_assert_msg(strncmp(fault.text, at, strlen(at)) == 0, "\"%s\" does not begin with \"%s\"", fault.text,
                  at);
    ck_assert_msg(strstr(fault.text, faults[_i].says) != NULL, "\"%s\" does not say \"%s\"", fault.text,
                  faults[_i].says);
    ck_assert(!strchr(fault.text, '\n'));
    ck_assert_ptr_null(config.domains);
}
END_TEST

START_TEST(nul_is_refused)
{
    static const char text[] = "store_dir = \"/x\";\n\0domains = ();";
    struct config config;
    struct fault fault;
    char path[SCRATCH_PATH];

    ck_assert_int_eq(config_load_bytes(&config, &fault, path, text, sizeof(text) - 1), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_nonnull(strstr(fault.text, ":2: "));
    ck_assert_ptr_nonnull(strstr(fault.text, "NUL"));
}
END_TEST

/* Cut at any byte it is accepted or refused, and nothing else. */
START_TEST(cut_anywhere)
{
    static const char text[] =
        "store_dir = \"/x\"; /* c */ # d\n" D("prefix = \"ab\"; admins = [ \"a\" ]; track_usage = true;");
    struct config config;
    struct fault fault;
    char directory[SCRATCH_PATH], path[SCRATCH_PATH];

    scratch_directory(directory);
    path_join(path, directory, "toktab.conf");
    for (size_t length = 0; length < sizeof(text); length++) {
        file_write(path, text, length);
        if (config_load(&config, path, &fault) == 0)
            config_unload(&config);
        else
            ck_assert_uint_gt(strlen(fault.text), strlen(path));
    }
}
END_TEST

Suite *config_suite(void)
{
    Suite *suite = suite_create("config");
    TCase *good = tcase_create("good"), *bad = tcase_create("bad");

    tcase_add_test(good, everything_is_taken);
    tcase_add_loop_test(good, little_is_enough, 0, LENGTH(complete));
    tcase_add_loop_test(good, domain_is_found, 0, LENGTH(domains));
    tcase_add_loop_test(good, domain_has_the_scopes, 0, LENGTH(scopes));
    tcase_add_test(good, one_of_the_domains);
    suite_add_tcase(suite, good);
    tcase_add_loop_test(bad, fault_is_found_and_named, 0, LENGTH(faults));
    tcase_add_test(bad, nul_is_refused);
    tcase_add_test(bad, cut_anywhere);
    suite_add_tcase(suite, bad);
    return suite;
}
