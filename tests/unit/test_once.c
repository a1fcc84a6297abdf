/* Tables for hosts that ask once: the same verdicts, and what is different where a store is damaged. */
#include "damage.h"
#include "host.h"
#include "scene_case.h"
#include "suites.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *ask(struct toktab *table, const struct sample *sample)
{
    struct toktab_result result, again;
    enum toktab_verdict verdict;

    result.size = again.size = sizeof(result);
    errno = 4711;
    verdict = toktab_verify(table, sample->token, strlen(sample->token), NULL, &result);
    MUST(errno == 4711 && verdict == result.verdict);
    MUST(toktab_recheck(table, sample->record.id, NULL, &again) == verdict && again.reason == result.reason);
    MUST(errno == 4711);
    return verdict == TOKTAB_ALLOW ? "allow" : toktab_reason_name(result.reason);
}

static const char *ask_once(const struct sample *sample)
{
    struct host host;
    const char *answer;

    host_open_once(&host, s.directory);
    answer = ask(host.table, sample);
    host_close(&host);
    return answer;
}

START_TEST(verdicts)
{
    time_t now = time(NULL);
    struct sample guess;

    ck_assert_str_eq(ask_once(&s.a), "allow");
    ck_assert_str_eq(ask_once(&s.c), "unknown");
    forge_revoke(&s.forge, &s.b);
    ck_assert_str_eq(ask_once(&s.b), "revoked");
    forge_compact(&s.forge, TIME_NEVER);
    ck_assert_str_eq(ask_once(&s.a), "allow");
    ck_assert_str_eq(ask_once(&s.b), "revoked");
    s.c.record.expires = now + 100;
    forge_create(&s.forge, &s.c);
    ck_assert_str_eq(ask_once(&s.c), "allow");
    s.a.record.time = now + 200; /* the clock was set back since then */
    s.a.record.op = OPERATION_UPDATE;
    forge_append(&s.forge, &s.a.record);
    EXPECT(s, c, "deny expired");
    ck_assert_str_eq(ask_once(&s.c), "expired");
    sample_guess(&guess, &s.a);
    strcpy(guess.record.id, s.d.record.id); /* so that asking again by the id gives the same */
    ck_assert_str_eq(ask_once(&guess), "unknown");
}
END_TEST

/* A token that has just been asked about is not looked for again, as long as the file says that it is the
 * same, and no line can come without its saying so. */
START_TEST(unchanged_file)
{
    unsigned long long before, once;
    char start[24];
    struct host host;

    forge_fill(&s.forge, &s.b, 600, 10 * LINE_SIZE_MAX);
    host_open_once(&host, s.directory);
    before = bytes_read_so_far();
    ck_assert_str_eq(ask(host.table, &s.a), "allow"); /* two questions */
    once = bytes_read_so_far() - before;
    ck_assert_uint_ge(once, 10 * LINE_SIZE_MAX);
    ck_assert_uint_lt(once, 15 * LINE_SIZE_MAX);
    ck_assert_str_eq(ask(host.table, &s.b), "allow");
    ck_assert_str_eq(ask(host.table, &s.a), "allow");
    forge_revoke(&s.forge, &s.a);
    ck_assert_str_eq(ask(host.table, &s.a), "revoked");
    snprintf(start, sizeof(start), "%" PRIu64, s.forge.at.n + 1); /* of a line */
    file_append(s.forge.path, start, strlen(start));
    before = bytes_read_so_far();
    ck_assert_str_eq(ask(host.table, &s.a), "revoked");
    ck_assert_uint_ge(bytes_read_so_far() - before, 20 * LINE_SIZE_MAX);
    host_close(&host);
}
END_TEST

struct asking {
    struct toktab *table;
    const struct sample *sample;
    const char *answer;
};

static void *ask_often(void *argument)
{
    const struct asking *asking = argument;

    for (int i = 0; i < 300; i++)
        MUST(strcmp(ask(asking->table, asking->sample), "allow") == 0);
    return NULL;
}

START_TEST(threads)
{
    pthread_t thread[2];
    struct asking asking[2];
    struct host host;

    host_open_once(&host, s.directory);
    for (int i = 0; i < 2; i++) {
        asking[i] = (struct asking){.table = host.table, .sample = i == 0 ? &s.a : &s.b};
        ck_assert_int_eq(pthread_create(&thread[i], NULL, ask_often, &asking[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
    host_close(&host);
}
END_TEST

static void drop_last_byte(const char *path)
{
    struct stat status;

    ck_assert(stat(path, &status) == 0 && truncate(path, status.st_size - 1) == 0);
}

static void *ask_when_cancelled(void *argument)
{
    struct asking *asking = argument;

    pthread_cancel(pthread_self());
    asking->answer = ask(asking->table, asking->sample);
    pthread_testcancel();
    return NULL;
}

/* A thread that somebody cancels ends with its answer, in a pass or in a reader, and leaves nothing open. */
START_TEST(cancelled_thread)
{
    struct asking asking = {.table = NULL};
    pthread_t thread;
    struct host host;
    void *result;
    size_t open;

    open = open_descriptors();
    host_open_once(&host, s.directory);
    if (_i == 1)
        drop_last_byte(s.forge.path); /* the LF: that leaves a doubt */
    asking = (struct asking){.table = host.table, .sample = &s.a};
    ck_assert_int_eq(pthread_create(&thread, NULL, ask_when_cancelled, &asking), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
    ck_assert_str_eq(asking.answer, "allow");
    ck_assert_uint_eq(open_descriptors(), open);
    host_close(&host);
}
END_TEST

/* The same table may be asked again, and keeps no descriptor. */
START_TEST(many_questions)
{
    struct toktab_request request = {.size = sizeof(request), .scopes = "read"};
    struct toktab_status status = {.size = sizeof(status)};
    struct host host;
    size_t open;

    open = open_descriptors();
    host_open_once(&host, s.directory);
    ck_assert_str_eq(ask(host.table, &s.a), "allow");
    forge_revoke(&s.forge, &s.a);
    ck_assert_str_eq(ask(host.table, &s.a), "revoked");
    forge_create(&s.forge, &s.c);
    ck_assert_str_eq(ask(host.table, &s.c), "allow");
    ck_assert_str_eq(host_ask_for(&host, &s.c, &request, NULL), "deny scope");
    ck_assert_uint_eq(open_descriptors(), open);
    errno = 0;
    ck_assert_int_eq(toktab_status(host.table, NULL, &status), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_uint_eq(host.alerts + host.others, 0);
    host_close(&host);
}
END_TEST

START_TEST(trouble_is_told)
{
    struct host host;

    host_open_once(&host, s.directory);
    ck_assert_str_eq(ask(host.table, &s.a), "allow");
    ck_assert_int_eq(unlink(s.forge.path), 0);
    ck_assert_str_eq(ask(host.table, &s.a), "store"); /* at once: it has no grace */
    ck_assert_uint_eq(host.alerts, 2);                /* of two questions */
    ck_assert_ptr_nonnull(strstr(host.last, s.forge.path));
    host_close(&host);
}
END_TEST

/* A line of another token is damaged: it is not seen where nothing depends on it. */
START_TEST(damage_elsewhere)
{
    struct host whole;
    struct bytes file;
    char *at;

    forge_fill(&s.forge, &s.b, 600, 3 * LINE_SIZE_MAX);
    file = file_read(s.forge.path);
    for (int line = 1; line <= 2; line++) { /* of a, then of b */
        at = file.at + start_of_line(&file, (size_t)line + 1) - 100;
        *at ^= 1;
        file_write(s.forge.path, file.at, file.length);
        ck_assert_str_eq(ask_once(&s.a), line == 1 ? "store" : "allow");
        ck_assert_str_eq(ask_once(&s.b), line == 1 ? "allow" : "store");
        ck_assert_str_eq(ask_once(&s.d), "unknown");
        host_open(&whole, s.directory, "60s");
        ck_assert_str_eq(host_ask(&whole, &s.a), "error store");
        ck_assert_str_eq(host_ask(&whole, &s.b), "error store");
        ck_assert_str_eq(host_ask(&whole, &s.d), "error store");
        host_close(&whole);
        *at ^= 1;
    }
    bytes_free(&file);
}
END_TEST

/* The clock was set back, and damage to another token's line hides it: the time of that line is less than it
 * was, or too far ahead to be believed. */
START_TEST(damaged_time_of_another_line)
{
    int64_t now = time(NULL);
    struct bytes file;
    char *at;

    s.c.record.expires = now + 100;
    forge_create(&s.forge, &s.c);
    ck_assert_str_eq(ask_once(&s.c), "allow");
    s.a.record.time = now + 200;
    s.a.record.op = OPERATION_UPDATE;
    forge_append(&s.forge, &s.a.record);
    forge_fill(&s.forge, &s.b, 600, 3 * LINE_SIZE_MAX);
    ck_assert_str_eq(ask_once(&s.c), "expired");
    file = file_read(s.forge.path);
    at = file.at + start_of_line(&file, 4);
    for (int i = 0; i < COLUMN_TIME; i++)
        at = strchr(at, '|') + 1;
    ck_assert_int_eq(*at, '1');
    at[0] = _i == 0 ? '1' : '3';
    at[1] = '0'; /* of ten digits */
    file_write(s.forge.path, file.at, file.length);
    ck_assert_str_eq(ask_once(&s.c), "store");
    bytes_free(&file);
}
END_TEST

/* Each kind of damage: both tables say the same; or the whole one says error, and the other one what the
 * undamaged store would say, or that it does not know the token. */
START_TEST(both_ways)
{
    const struct damage_kind *kind = &damage_kinds[_i];
    static struct history history;
    const char *truth[HISTORY_TOKENS];
    struct host whole, once;

    srandom(crypto_random_below(1000000));
    for (unsigned number = 0; number < 6; number++) {
        char directory[SCRATCH_PATH];

        history_make(&history, kind->only < SHAPES ? kind->only : (enum shape)(number % SHAPES));
        strcpy(directory, history.forge.path);
        *strrchr(directory, '/') = '\0';
        host_open(&whole, directory, "60s");
        for (size_t i = 0; i < history.count; i++)
            truth[i] = ask(whole.table, &history.sample[i]);
        host_close(&whole);
        kind->damage(&history.file, &history);
        file_replace(history.forge.path, history.file.at, history.file.length);
        host_open(&whole, directory, "60s");
        host_open_once(&once, directory);
        for (size_t i = 0; i < history.count; i++) {
            const char *of_whole = ask(whole.table, &history.sample[i]),
                       *of_once = ask(once.table, &history.sample[i]);

            ck_assert_msg(strcmp(of_once, of_whole) == 0 ||
                              (strcmp(of_whole, "store") == 0 &&
                               (strcmp(of_once, truth[i]) == 0 || strcmp(of_once, "unknown") == 0)),
                          "%s: %s, %s, %s", kind->name, of_whole, of_once, truth[i]);
        }
        host_close(&whole);
        host_close(&once);
        history_free(&history);
    }
}
END_TEST

Suite *once_suite(void)
{
    Suite *suite = suite_create("once");
    TCase *test = scene_case("once"), *damage = tcase_create("damage");

    tcase_add_test(test, verdicts);
    tcase_add_test(test, many_questions);
    tcase_add_test(test, unchanged_file);
    tcase_add_test(test, threads);
    tcase_add_loop_test(test, cancelled_thread, 0, 2);
    tcase_add_test(test, trouble_is_told);
    tcase_add_test(test, damage_elsewhere);
    tcase_add_loop_test(test, damaged_time_of_another_line, 0, 2);
    suite_add_tcase(suite, test);
    tcase_add_loop_test(damage, both_ways, 0, DAMAGE_KINDS);
    suite_add_tcase(suite, damage);
    return suite;
}
