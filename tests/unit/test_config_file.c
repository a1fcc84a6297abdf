/* Which files are taken for a configuration, and what is left as it was. */
#include "config_fixture.h"
#include "suites.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

START_TEST(at_most_64_kib)
{
    static char text[65537];
    struct config config;
    struct fault fault;
    char path[SCRATCH_PATH];

    memset(text, '#', sizeof(text));
    ck_assert_msg(config_load_bytes(&config, &fault, path, text, 65536) == 0, "%s", fault.text);
    config_unload(&config);
    ck_assert_int_eq(config_load_bytes(&config, &fault, path, text, 65537), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_nonnull(strstr(fault.text, "64 KiB"));
}
END_TEST

static const struct {
    mode_t mode;
    bool trusted;
} modes[] = {
    {0640, true},  {0644, true},  {0600, true},  {0400, true},   {0755, true},
    {0646, false}, {0666, false}, {0602, false}, {01777, false},
};

START_TEST(not_writable_by_others)
{
    struct config config;
    struct fault fault;
    char path[SCRATCH_PATH];

    ck_assert_int_eq(config_load_bytes(&config, &fault, path, "", 0), 0);
    config_unload(&config);
    ck_assert_int_eq(chmod(path, modes[_i].mode), 0);
    ck_assert_int_eq(config_load(&config, path, &fault), modes[_i].trusted ? 0 : -1);
    if (modes[_i].trusted) {
        config_unload(&config);
    } else {
        ck_assert_int_eq(errno, EPERM);
        ck_assert_ptr_nonnull(strstr(fault.text, "chmod o-w"));
    }
}
END_TEST

static void put_symlink(const char *path)
{
    ck_assert_int_eq(symlink("/dev/null", path), 0);
}

static void put_dangling_symlink(const char *path)
{
    ck_assert_int_eq(symlink("missing", path), 0);
}

static void put_circle(const char *path)
{
    ck_assert_int_eq(symlink("toktab.conf", path), 0);
}

static void put_fifo(const char *path)
{
    ck_assert_int_eq(mkfifo(path, 0600), 0);
}

static void put_directory(const char *path)
{
    ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void put_nothing(const char *path)
{
    (void)path;
}

static const struct {
    void (*put)(const char *path);
    int error;
} no_files[] = {
    {put_symlink, EPERM}, {put_dangling_symlink, ELOOP}, {put_circle, ELOOP},
    {put_fifo, EPERM},    {put_directory, EPERM},        {put_nothing, ENOENT},
};

START_TEST(what_is_no_file)
{
    struct config config;
    struct fault fault = {0};
    char directory[SCRATCH_PATH], path[SCRATCH_PATH];
    size_t before = open_descriptors();

    scratch_directory(directory);
    path_join(path, directory, "toktab.conf");
    no_files[_i].put(path);
    ck_assert_int_eq(config_load(&config, path, &fault), -1);
    ck_assert_msg(errno == no_files[_i].error, "%s", strerror(errno));
    ck_assert_ptr_nonnull(strstr(fault.text, path));
    ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

static void put_link(const char *directory, const char *name, const char *target)
{
    char path[SCRATCH_PATH];

    path_join(path, directory, name);
    ck_assert_int_eq(symlink(target, path), 0);
}

static void put_directory_in(char path[SCRATCH_PATH], const char *directory, const char *name)
{
    path_join(path, directory, name);
    ck_assert_int_eq(mkdir(path, 0755), 0);
}

/* As Kubernetes mounts it: toktab.conf -> ..data/toktab.conf, ..data -> ..2026_01. */
START_TEST(symbolic_links_are_followed)
{
    char directory[SCRATCH_PATH], version[SCRATCH_PATH], path[SCRATCH_PATH], relative[SCRATCH_PATH];
    struct config config;
    struct fault fault;
    bool loaded;

    scratch_directory(directory);
    put_directory_in(version, directory, "..2026_01");
    path_join(path, version, "toktab.conf");
    file_write(path, "domains = ( { name = \"mounted\"; } );", 36);
    put_link(directory, "..data", "..2026_01");
    put_link(directory, "toktab.conf", "..data/toktab.conf");
    path_join(path, directory, "toktab.conf");
    ck_assert_msg(config_load(&config, path, &fault) == 0, "%s", fault.text);
    ck_assert_str_eq(config.domains[0].name, "mounted");
    ck_assert_str_eq(config.path, path); /* the name that the admin knows */
    config_unload(&config);

    ck_assert_int_eq(chdir(version), 0);
    snprintf(relative, sizeof(relative), "../toktab.conf");
    ck_assert_msg(config_load(&config, relative, &fault) == 0, "%s", fault.text);
    config_unload(&config);

    ck_assert_int_eq(chmod(version, 0777), 0); /* somebody else could put another file there */
    ck_assert_int_eq(config_load(&config, path, &fault), -1);
    ck_assert_int_eq(errno, EPERM);
    ck_assert_ptr_nonnull(strstr(fault.text, "..2026_01 is writable by everybody"));
    ck_assert_ptr_nonnull(strstr(fault.text, path));
    ck_assert_int_eq(chmod(version, 0755), 0);
    ck_assert_int_eq(chmod(directory, 0770), 0); /* and so on the way there, before any link */
    loaded = config_load(&config, path, &fault) == 0;
    ck_assert(loaded == (getgid() == 0));
    if (loaded)
        config_unload(&config);
    ck_assert_int_eq(chmod(directory, 0777), 0);
    ck_assert_int_eq(config_load(&config, path, &fault), -1);
    ck_assert_int_eq(errno, EPERM);
}
END_TEST

/* Put a new version in the place of the one before, which is removed. */
static void replace_mounted(const char *directory, int version)
{
    char path[SCRATCH_PATH], name[16];

    ck_assert_int_eq(chdir(directory), 0);
    snprintf(name, sizeof(name), "..%d", version);
    ck_assert_int_eq(mkdir(name, 0755), 0);
    path_join(path, name, "toktab.conf");
    file_write(path, "", 0);
    ck_assert_int_eq(symlink(name, "..new"), 0);
    ck_assert_int_eq(rename("..new", "..data"), 0);
    snprintf(name, sizeof(name), "..%d", version - 1);
    path_join(path, name, "toktab.conf");
    ck_assert(version == 0 || (unlink(path) == 0 && rmdir(name) == 0));
}

START_TEST(link_that_is_replaced)
{
    char directory[SCRATCH_PATH], path[SCRATCH_PATH];
    struct config config;
    struct fault fault;
    pid_t child;

    scratch_directory(directory);
    put_link(directory, "toktab.conf", "..data/toktab.conf");
    path_join(path, directory, "toktab.conf");
    replace_mounted(directory, 0);
    child = fork();
    for (int version = 1; child == 0 && version < 5000; version++)
        replace_mounted(directory, version);
    if (child == 0)
        _exit(0);
    while (waitpid(child, NULL, WNOHANG) == 0) {
        ck_assert_msg(config_load(&config, path, &fault) == 0, "%s", fault.text);
        config_unload(&config);
    }
}
END_TEST

/* Whatever link of the chain leads nowhere, the file is not merely missing. */
START_TEST(link_to_nowhere)
{
    char directory[SCRATCH_PATH], path[SCRATCH_PATH], name[SCRATCH_PATH];
    struct config config;
    struct fault fault;

    scratch_directory(directory);
    put_link(directory, "..data", "..2026_01");
    put_link(directory, "toktab.conf", "..data/toktab.conf");
    path_join(path, directory, "toktab.conf");
    ck_assert_int_eq(config_load(&config, path, &fault), -1);
    ck_assert_int_eq(errno, ELOOP);
    path_join(name, directory, "..data/toktab.conf");
    ck_assert_int_eq(config_load(&config, name, &fault), -1);
    ck_assert_int_eq(errno, ELOOP);
    ck_assert_ptr_nonnull(strstr(fault.text, "..2026_01, which does not exist"));
    put_directory_in(name, directory, "..2026_01");
    ck_assert_int_eq(config_load(&config, path, &fault), -1);
    ck_assert_int_eq(errno, ELOOP);
    path_join(path, directory, "..data/toktab.conf"); /* a link, but to a place where there is no file */
    ck_assert_int_eq(config_load(&config, path, &fault), -1);
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(byte_order_mark)
{
    static const struct {
        const char *text;
        unsigned wrong; /* line; 0: none */
    } texts[] = {
        {"\xef\xbb\xbf", 0},
        {"\xef\xbb\xbf"
         "domains = ( { name = \"a\"; } );",
         0},
        {"\xef\xbb\xbf\n# \n domain = 1;", 3},
        {"\xef\xbb", 1},
        {"\xef\xbb\xbf\xef\xbb\xbf", 1},
        {"\n\xef\xbb\xbf", 2},
    };
    struct config config;
    struct fault fault;
    char line[16];

    if (config_load_text(&config, &fault, texts[_i].text) == 0) {
        ck_assert_uint_eq(texts[_i].wrong, 0);
        config_unload(&config);
        return;
    }
    snprintf(line, sizeof(line), ":%u: ", texts[_i].wrong);
    ck_assert_msg(texts[_i].wrong > 0 && strstr(fault.text, line), "%s", fault.text);
}
END_TEST

/* The system's own may be missing; a named one may not. */
START_TEST(without_a_file)
{
    struct config config;
    struct fault fault = {0};

    if (access(CONFIG_DEFAULT_PATH, F_OK) == 0) {
        fprintf(stderr, "SKIPPED: without_a_file: this machine has a %s\n", CONFIG_DEFAULT_PATH);
        return;
    }
    ck_assert_msg(config_load(&config, NULL, &fault) == 0, "%s", fault.text);
    ck_assert_uint_eq(config.count, 1);
    ck_assert_str_eq(config.domains[0].name, "default");
    ck_assert_str_eq(config.store_dir, CONFIG_DEFAULT_STORE_DIR);
    config_unload(&config);
}
END_TEST

/* libconfig swaps the locale of the thread while it parses. */
START_TEST(locale_comes_back)
{
    struct config config;
    struct fault fault;
    locale_t own = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);

    if (!own)
        own = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    ck_assert(own != (locale_t)0);
    uselocale(own);
    ck_assert_int_eq(config_load_text(&config, &fault, "domains = ( { name = \"a\"; } );"), 0);
    config_unload(&config);
    ck_assert_int_eq(config_load_text(&config, &fault, "garbage ="), -1);
    ck_assert(uselocale(LC_GLOBAL_LOCALE) == own);
    freelocale(own);
}
END_TEST

Suite *config_file_suite(void)
{
    Suite *suite = suite_create("config_file");
    TCase *file = tcase_create("file");

    tcase_add_test(file, at_most_64_kib);
    tcase_add_loop_test(file, not_writable_by_others, 0, LENGTH(modes));
    tcase_add_loop_test(file, what_is_no_file, 0, LENGTH(no_files));
    tcase_add_test(file, symbolic_links_are_followed);
    tcase_add_test(file, link_that_is_replaced);
    tcase_add_test(file, link_to_nowhere);
    tcase_add_loop_test(file, byte_order_mark, 0, 6);
    tcase_add_test(file, without_a_file);
    tcase_add_test(file, locale_comes_back);
    suite_add_tcase(suite, file);
    return suite;
}
