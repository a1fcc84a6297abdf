/* When a reader looks, what it trusts, how long it goes on without its store, and what time it is. */
#include "scene.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* As if the path had last been looked at long ago: what only the path shows is seen by the next question. */
static enum standing look_at_path(struct reader *reader)
{
    atomic_store(&reader->looked, 0);
    return reader_look(reader);
}

/* ---- trust ---- */

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

static void expect_by_mode(const struct scene *scene, const char *path, const struct mode *mode, mode_t good)
{
    struct reader before, after;

    scene_open_reader(&before, scene);
    ck_assert_int_eq(chmod(path, mode->mode), 0);
    scene_open_reader(&after, scene);
    ck_assert_int_eq(look_at_path(&before), mode->trusted ? STANDING_GOOD : STANDING_TROUBLE);
    ck_assert_int_eq(look_at_path(&after), mode->trusted ? STANDING_GOOD : STANDING_NONE);
    if (!mode->trusted) {
        ck_assert_ptr_nonnull(strstr(before.fault.text, "chmod")); /* what to do */
        ck_assert_ptr_nonnull(strstr(after.fault.text, "chmod"));
    }
    ck_assert_int_eq(chmod(path, good), 0);
    ck_assert_int_eq(look_at_path(&before), STANDING_GOOD);
    ck_assert_int_eq(look_at_path(&after), STANDING_GOOD);
    reader_close(&before);
    reader_close(&after);
}

START_TEST(store_is_trusted_by_its_mode)
{
    struct scene s;

    scene_start(&s, "60s");
    expect_by_mode(&s, s.forge.path, &store_modes[_i], 0640);
    scene_end(&s);
}
END_TEST

START_TEST(directory_is_trusted_by_its_mode)
{
    struct scene s;

    scene_start(&s, "60s");
    expect_by_mode(&s, s.directory, &directory_modes[_i], 0750);
    scene_end(&s);
}
END_TEST

/* Who can write the file can compute a chain: what was appended while it was not to be trusted admits nobody,
 * although the file is held. */
START_TEST(what_is_not_trusted_is_not_read)
{
    struct scene s;
    struct reader reader;
    const char *path;

    scene_start(&s, "60s");
    scene_open_reader(&reader, &s);
    path = _i == 0 ? s.forge.path : s.directory;
    ck_assert_int_eq(chmod(path, 0770), 0);
    forge_create(&s.forge, &s.c);
    ck_assert_int_eq(look_at_path(&reader), STANDING_TROUBLE);
    ck_assert_ptr_null(reader_line(&reader, &s.c));
    EXPECT(s, c, "error store");
    EXPECT(s, a, "allow");
    reader_close(&reader);
    scene_end(&s);
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
    struct scene s;
    char good[SCRATCH_PATH], aside[SCRATCH_PATH];

    scene_start(&s, "60s");
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
    scene_end(&s);
}
END_TEST

enum { NOBODY = 65534 };

static bool become_nobody(const struct scene *scene)
{
    return chmod(scene->directory, 0755) == 0 && chdir(scene->directory) == 0 &&
           setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

/* A host that lacks the right to read the store hears so. */
START_TEST(store_that_may_not_be_read)
{
    struct scene s;
    int child;

    scene_start(&s, "60s");
    ck_assert_int_eq(chmod(s.forge.path, geteuid() == 0 ? 0600 : 0), 0);
    child = fork();
    if (child == 0) {
        struct reader reader;
        bool was_root = geteuid() == 0, ready = !was_root || become_nobody(&s);

        if (was_root)
            strcpy(s.directory, "."); /* what is above it may be closed to nobody */
        scene_open_reader(&reader, &s);
        _exit(ready && reader_look(&reader) == STANDING_NONE && strstr(reader.fault.text, "Permission denied")
                  ? 0
                  : 1);
    }
    expect_child(child);
    scene_end(&s);
}
END_TEST

/* ---- when it looks ---- */

START_TEST(store_that_comes_later)
{
    struct scene s;
    struct reader reader;
    char aside[SCRATCH_PATH];

    scene_start(&s, "60s");
    host_close(&s.host);
    path_join(aside, s.directory, "aside");
    ck_assert_int_eq(rename(s.forge.path, aside), 0);
    scene_open_reader(&reader, &s);
    host_open(&s.host, s.directory, "60s");
    ck_assert_int_eq(reader_look(&reader), STANDING_NONE);
    EXPECT(s, a, "error store");
    EXPECT(s, a, "error store");
    ck_assert_uint_eq(s.host.alerts, 1);
    ck_assert_int_eq(rename(aside, s.forge.path), 0);
    ck_assert_int_eq(reader_look(&reader), STANDING_GOOD);
    EXPECT(s, a, "allow");
    EXPECT(s, d, "deny unknown");
    ck_assert_uint_eq(s.host.others, 1);
    reader_close(&reader);
    scene_end(&s);
}
END_TEST

START_TEST(directory_that_comes_later)
{
    struct scene s;
    struct reader reader;
    char aside[SCRATCH_PATH + 8];

    scene_start(&s, "60s");
    snprintf(aside, sizeof(aside), "%s.aside", s.directory);
    ck_assert_int_eq(rename(s.directory, aside), 0);
    scene_open_reader(&reader, &s);
    ck_assert_int_eq(reader_look(&reader), STANDING_NONE);
    ck_assert_int_eq(rename(aside, s.directory), 0);
    ck_assert_int_eq(reader_look(&reader), STANDING_GOOD);
    reader_close(&reader);
    scene_end(&s);
}
END_TEST

/* The descriptor does not show it: the look at the path does. */
START_TEST(directory_that_was_moved_away)
{
    struct scene s;
    struct reader reader;
    char aside[SCRATCH_PATH + 8];

    scene_start(&s, "60s");
    scene_open_reader(&reader, &s);
    snprintf(aside, sizeof(aside), "%s.aside", s.directory);
    ck_assert_int_eq(rename(s.directory, aside), 0);
    ck_assert_int_eq(look_at_path(&reader), STANDING_TROUBLE);
    ck_assert_int_eq(mkdir(s.directory, 0750), 0);
    ck_assert_int_eq(look_at_path(&reader), STANDING_TROUBLE);
    ck_assert_int_eq(rmdir(s.directory), 0);
    ck_assert_int_eq(rename(aside, s.directory), 0);
    ck_assert_int_eq(look_at_path(&reader), STANDING_GOOD);
    reader_close(&reader);
    scene_end(&s);
}
END_TEST

static void sleep_a_little(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

/* Ask until the answer is another; it must be before a minute is over. */
static const char *answer_after(struct scene *scene, const struct sample *sample, const char *first)
{
    const char *answer = first;

    for (int i = 0; i < 3000 && strcmp(answer, first) == 0; i++) {
        answer = host_ask(&scene->host, sample);
        sleep_a_little();
    }
    return answer;
}

/* The same from outside: noticed by a host that goes on asking, which then goes on for stale_limit alone. */
START_TEST(moved_away_for_longer_than_stale_limit)
{
    struct scene s;
    char aside[SCRATCH_PATH + 8];

    scene_start(&s, "1s");
    snprintf(aside, sizeof(aside), "%s.aside", s.directory);
    ck_assert_int_eq(rename(s.directory, aside), 0);
    ck_assert_str_eq(answer_after(&s, &s.d, "deny unknown"), "error store");
    ck_assert_str_eq(answer_after(&s, &s.a, "allow"), "error store");
    for (int i = 0; i < 10; i++)
        EXPECT(s, a, "error store");
    ck_assert_uint_eq(s.host.alerts, 1);
    ck_assert_int_eq(rename(aside, s.directory), 0);
    EXPECT(s, a, "allow");
    EXPECT(s, d, "deny unknown");
    scene_end(&s);
}
END_TEST

/* ---- without its store ---- */

START_TEST(still_trusted_for_stale_limit)
{
    struct scene s;
    struct reader reader;
    int64_t good;

    scene_start(&s, "60s");
    scene_open_reader(&reader, &s);
    ck_assert_int_eq(reader_look(&reader), STANDING_GOOD);
    good = atomic_load(&reader.good);
    ck_assert(reader_still_trusted(&reader));
    atomic_store(&reader.good, good - 50000);
    ck_assert(reader_still_trusted(&reader));
    atomic_store(&reader.good, good - 60000);
    ck_assert(!reader_still_trusted(&reader));
    ck_assert_int_eq(reader_look(&reader), STANDING_GOOD); /* it is there, after all */
    ck_assert(reader_still_trusted(&reader));
    ck_assert_int_eq(unlink(s.forge.path), 0);
    atomic_store(&reader.good, good - 60000);
    ck_assert_int_eq(reader_look(&reader), STANDING_TROUBLE);
    ck_assert(!reader_still_trusted(&reader)); /* a look at a store in trouble is none at a good one */
    reader_close(&reader);
    scene_end(&s);
}
END_TEST

START_TEST(stale_limit_of_zero)
{
    struct scene s;

    scene_start(&s, "0s");
    forge_revoke(&s.forge, &s.b);
    EXPECT(s, b, "deny revoked");
    ck_assert_int_eq(unlink(s.forge.path), 0);
    EXPECT(s, a, "error store");
    EXPECT(s, b, "deny revoked");
    EXPECT(s, d, "error store");
    scene_end(&s);
}
END_TEST

/* In trouble a token that is denied for another reason is still denied, and not an error. */
START_TEST(denials_in_trouble)
{
    struct toktab_request request = {.size = sizeof(request), .scopes = "admin"};
    struct scene s;
    struct sample expired, guess;

    scene_start(&s, "60s");
    sample_make(&expired);
    expired.record.expires = NOW + 1;
    forge_create(&s.forge, &expired);
    sample_guess(&guess, &s.a);
    ck_assert_str_eq(host_ask(&s.host, &guess), "deny unknown");
    EXPECT(s, a, "allow");
    ck_assert_int_eq(unlink(s.forge.path), 0);
    ck_assert_str_eq(host_ask(&s.host, &expired), "deny expired");
    ck_assert_str_eq(host_ask_for(&s.host, &s.a, &request, NULL), "deny scope");
    ck_assert_str_eq(host_ask(&s.host, &guess), "deny unknown");
    guess.token[0] = '-';
    ck_assert_str_eq(host_ask(&s.host, &guess), "deny malformed");
    scene_end(&s);
}
END_TEST

/* ---- the clock ---- */

/* The reader's clock where the store's newest line and the own clock's newest are so far ahead of now. */
static int64_t clock_ahead(struct reader *reader, int64_t line, int64_t clock)
{
    struct timespec before, after;
    int64_t t;

    do {
        clock_gettime(CLOCK_REALTIME_COARSE, &before);
        atomic_store(&reader->newest_line, before.tv_sec + line);
        atomic_store(&reader->newest_clock, before.tv_sec + clock);
        t = reader_clock(reader);
        clock_gettime(CLOCK_REALTIME_COARSE, &after);
    } while (before.tv_sec != after.tv_sec);
    return t - before.tv_sec;
}

static const struct {
    int64_t line, clock, t;
} clocks[] = {
    {0, 0, 0},       {-1, 0, 0},    {-1000, -1000, 0},  {1, 0, 1},          {0, 1, 1},       {300, 0, 300},
    {0, 300, 300},   {301, 0, 0},   {0, 301, 0},        {200, 100, 200},    {100, 200, 200}, {301, 300, 300},
    {300, 301, 300}, {301, 301, 0}, {1000000000, 5, 5}, {5, 1000000000, 5},
};

START_TEST(clock_is_the_latest_within_reason)
{
    struct scene s;
    struct reader reader;

    scene_start(&s, "60s");
    scene_open_reader(&reader, &s);
    ck_assert_int_eq(clock_ahead(&reader, clocks[_i].line, clocks[_i].clock), clocks[_i].t);
    reader_close(&reader);
    scene_end(&s);
}
END_TEST

/* The own clock's newest goes forward with it, and back only where it was out of all reason. */
START_TEST(own_clock_is_remembered)
{
    struct scene s;
    struct reader reader;
    int64_t now;

    scene_start(&s, "60s");
    scene_open_reader(&reader, &s);
    now = reader_clock(&reader);
    ck_assert_int_ge(atomic_load(&reader.newest_clock), now);
    atomic_store(&reader.newest_clock, now + 200);
    reader_clock(&reader);
    ck_assert_int_eq(atomic_load(&reader.newest_clock), now + 200);
    atomic_store(&reader.newest_clock, now + 100000);
    reader_clock(&reader);
    ck_assert_int_le(atomic_load(&reader.newest_clock), now + 100);
    reader_close(&reader);
    scene_end(&s);
}
END_TEST

START_TEST(newest_line_counts_as_clock)
{
    struct scene s;
    struct sample soon;
    int64_t now = time(NULL);

    scene_start(&s, "60s");
    sample_make(&soon);
    soon.record.expires = now + 150;
    forge_create(&s.forge, &soon);
    ck_assert_str_eq(host_ask(&s.host, &soon), "allow");
    s.c.record.time = now + (_i == 0 ? 200 : 100000);
    forge_create(&s.forge, &s.c);
    ck_assert_str_eq(host_ask(&s.host, &soon), _i == 0 ? "deny expired" : "allow");
    EXPECT(s, c, "allow");
    scene_end(&s);
}
END_TEST

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

Suite *reader_suite(void)
{
    Suite *suite = suite_create("reader");
    TCase *trust = tcase_create("trust"), *looks = tcase_create("looks"), *stale = tcase_create("stale"),
          *clock = tcase_create("clock");

    tcase_add_loop_test(trust, store_is_trusted_by_its_mode, 0, LENGTH(store_modes));
    tcase_add_loop_test(trust, directory_is_trusted_by_its_mode, 0, LENGTH(directory_modes));
    tcase_add_loop_test(trust, what_is_not_trusted_is_not_read, 0, 2);
    tcase_add_loop_test(trust, something_else_is_in_its_place, 0, LENGTH(put_something_else));
    tcase_add_test(trust, store_that_may_not_be_read);
    suite_add_tcase(suite, trust);
    tcase_set_timeout(looks, 120);
    tcase_add_test(looks, store_that_comes_later);
    tcase_add_test(looks, directory_that_comes_later);
    tcase_add_test(looks, directory_that_was_moved_away);
    tcase_add_test(looks, moved_away_for_longer_than_stale_limit);
    suite_add_tcase(suite, looks);
    tcase_add_test(stale, still_trusted_for_stale_limit);
    tcase_add_test(stale, stale_limit_of_zero);
    tcase_add_test(stale, denials_in_trouble);
    suite_add_tcase(suite, stale);
    tcase_add_loop_test(clock, clock_is_the_latest_within_reason, 0, LENGTH(clocks));
    tcase_add_test(clock, own_clock_is_remembered);
    tcase_add_loop_test(clock, newest_line_counts_as_clock, 0, 2);
    suite_add_tcase(suite, clock);
    return suite;
}
