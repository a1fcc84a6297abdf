/* What a reader trusts, by the modes and kinds of files. */
#include "clock.h"
#include "scene_case.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

struct mode {
    mode_t mode;
    bool trusted;
};

static const struct mode store_modes[] = {
    {0640, true},  {0600, true},  {0400, true},  {0440, true},  {0750, true},  {0644, false}, {0604, false},
    {0660, false}, {0620, false}, {0602, false}, {0642, false}, {0666, false}, {0777, false},
};

static const struct mode directory_modes[] = {
    {0750, true},  {0700, true},  {0755, true},  {02750, true},  {0711, true},
    {0770, false}, {0757, false}, {0777, false}, {01777, false}, {0720, false},
};

static void expect_by_mode(const char *path, const struct mode *mode, mode_t good)
{
    struct reader before, after;

    scene_open_reader(&before, &s);
    ck_assert_int_eq(chmod(path, mode->mode), 0);
    scene_open_reader(&after, &s);
    ck_assert_int_eq(reader_look_at_path(&before), mode->trusted ? STANDING_GOOD : STANDING_TROUBLE);
    ck_assert_int_eq(reader_look_at_path(&after), mode->trusted ? STANDING_GOOD : STANDING_NONE);
    if (!mode->trusted) {
        ck_assert_ptr_nonnull(strstr(before.fault.text, "chmod")); /* what to do */
        ck_assert_ptr_nonnull(strstr(after.fault.text, "chmod"));
    }
    ck_assert_int_eq(chmod(path, good), 0);
    ck_assert_int_eq(reader_look_at_path(&before), STANDING_GOOD);
    ck_assert_int_eq(reader_look_at_path(&after), STANDING_GOOD);
    reader_close(&before);
    reader_close(&after);
}

START_TEST(store_is_trusted_by_its_mode)
{
    expect_by_mode(s.forge.path, &store_modes[_i], 0640);
}
END_TEST

START_TEST(directory_is_trusted_by_its_mode)
{
    expect_by_mode(s.directory, &directory_modes[_i], 0750);
}
END_TEST

START_TEST(path_is_trusted_by_its_directories)
{
    static const struct mode modes[] = {{0777, false}, {01777, true}};
    char parent[SCRATCH_PATH];

    path_join(parent, s.directory, "..");
    expect_by_mode(parent, &modes[_i], 0700);
}
END_TEST

/* Who can write the file can compute a chain: what was appended while it was not to be trusted admits nobody,
 * although the file is held. */
START_TEST(what_is_not_trusted_is_not_read)
{
    struct reader reader;
    const char *path;

    scene_open_reader(&reader, &s);
    path = _i == 0 ? s.forge.path : s.directory;
    ck_assert_int_eq(chmod(path, 0770), 0);
    forge_create(&s.forge, &s.c);
    ck_assert_int_eq(reader_look_at_path(&reader), STANDING_TROUBLE);
    ck_assert_ptr_null(reader_line(&reader, &s.c));
    EXPECT(s, c, "error store");
    EXPECT(s, a, "allow");
    reader_close(&reader);
}
END_TEST

static void put_symlink(const char *path)
{
    ck_assert_int_eq(symlink("good", path), 0);
}

static void put_fifo(const char *path)
{
    ck_assert_int_eq(mkfifo(path, 0640), 0);
}

static void put_directory(const char *path)
{
    ck_assert_int_eq(mkdir(path, 0750), 0);
}

static void put_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_uint_lt(strlen(path), sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path) + 1);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
}

static void put_nothing(const char *path)
{
    (void)path;
}

static void put_empty_file(const char *path)
{
    file_write(path, "", 0);
}

static void put_text_file(const char *path)
{
    file_write(path, "root:x:0:0:\n", 12);
}

static void (*const put_something_else[])(const char *) = {
    put_symlink, put_fifo, put_directory, put_socket, put_nothing, put_empty_file, put_text_file,
};

START_TEST(something_else_is_in_its_place)
{
    char good[SCRATCH_PATH], aside[SCRATCH_PATH];

    path_join(good, s.directory, "good");
    path_join(aside, s.directory, "aside");
    ck_assert_int_eq(rename(s.forge.path, good), 0);
    put_something_else[_i](s.forge.path);
    EXPECT_TROUBLE(s);
    EXPECT_TROUBLE(s);
    ck_assert_uint_eq(s.host.alerts, 1);
    host_close(&s.host);
    host_open(&s.host, s.directory, "60s");
    EXPECT(s, a, "error store");
    ck_assert_uint_eq(s.host.alerts, 1);
    ck_assert(rename(s.forge.path, aside) == 0 || put_something_else[_i] == put_nothing);
    ck_assert_int_eq(rename(good, s.forge.path), 0);
    EXPECT(s, a, "allow");
    EXPECT(s, d, "deny unknown");
    ck_assert_uint_eq(s.host.others, 1);
}
END_TEST

enum { NOBODY = 65534 };

/* Makes the directory "/": what is above it may be closed to nobody. */
static bool become_nobody(const struct scene *scene)
{
    return chroot(scene->directory) == 0 && chdir("/") == 0 && chmod("/", 0755) == 0 &&
           setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

/* A host that lacks the right to read the store hears so. */
START_TEST(store_that_may_not_be_read)
{
    int child;

    ck_assert_int_eq(chmod(s.forge.path, geteuid() == 0 ? 0600 : 0), 0);
    child = fork();
    if (child == 0) {
        struct reader reader;
        bool was_root = geteuid() == 0, ready = !was_root || become_nobody(&s);

        if (was_root)
            strcpy(s.directory, "/");
        scene_open_reader(&reader, &s);
        _exit(ready && reader_look(&reader, clock_now()) == STANDING_NONE &&
                      strstr(reader.fault.text, "Permission denied")
                  ? 0
                  : 1);
    }
    expect_child(child);
}
END_TEST

Suite *untrusted_suite(void)
{
    Suite *suite = suite_create("untrusted");
    TCase *trust = scene_case("untrusted");

    tcase_add_loop_test(trust, store_is_trusted_by_its_mode, 0, LENGTH(store_modes));
    tcase_add_loop_test(trust, directory_is_trusted_by_its_mode, 0, LENGTH(directory_modes));
    tcase_add_loop_test(trust, path_is_trusted_by_its_directories, 0, 2);
    tcase_add_loop_test(trust, what_is_not_trusted_is_not_read, 0, 2);
    tcase_add_loop_test(trust, something_else_is_in_its_place, 0, LENGTH(put_something_else));
    tcase_add_test(trust, store_that_may_not_be_read);
    suite_add_tcase(suite, trust);
    return suite;
}
