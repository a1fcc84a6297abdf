/* Which files are taken for a configuration, and what is left as it was. */
#include "config_fixture.h"
#include "suites.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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
    {put_symlink, ELOOP},
    {put_fifo, EPERM},
    {put_directory, EPERM},
    {put_nothing, ENOENT},
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
    ck_assert_msg(errno == no_files[_i].error || (no_files[_i].error == ELOOP && errno == EPERM), "%s",
                  strerror(errno));
    ck_assert_ptr_nonnull(strstr(fault.text, path));
    ck_assert_uint_eq(open_descriptors(), before);
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
    tcase_add_test(file, without_a_file);
    tcase_add_test(file, locale_comes_back);
    suite_add_tcase(suite, file);
    return suite;
}
