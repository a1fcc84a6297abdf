/* Do the lines of each token fit? In memory, and through a temporary file. */
#include "store/origins.h"

#include "forge.h"
#include "store/prove.h"
#include "suites.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FEW = 100, MANY = 20000 };

/* A token of that number; n: of the line. */
static struct record record_of(uint64_t number, char op, uint64_t n)
{
    struct record record = {
        .n = n, .op = op, .serial = number, .created = NOW, .time = NOW, .expires = TIME_NEVER};

    snprintf(record.id, sizeof(record.id), "%012u", (unsigned)number);
    memcpy(record.hash, &number, sizeof(number));
    record.revoked = op == OPERATION_REVOKE ? NOW : TIME_NEVER;
    record.by = span_of("alice/1000/1000");
    record.label = span_of("a token");
    return record;
}

enum fault_of_line {
    SOUND,
    ANOTHER_HASH,
    ANOTHER_SERIAL,
    ANOTHER_TIME,
    NEVER_CREATED,
    CREATED_TWICE,
    FAULTS
};

/* A change of token 7, or what is wrong with it. */
static struct record last_line(enum fault_of_line fault, uint64_t count)
{
    struct record record = record_of(7, OPERATION_REVOKE, count + 1);

    record.hash[HASH_SIZE - 1] = fault == ANOTHER_HASH;
    record.serial += fault == ANOTHER_SERIAL;
    record.created += fault == ANOTHER_TIME;
    if (fault == NEVER_CREATED)
        memcpy(record.id, "neverCreated", ID_LENGTH);
    if (fault == CREATED_TWICE) {
        record.op = OPERATION_CREATE;
        record.serial = record.n;
        record.revoked = TIME_NEVER;
    }
    return record;
}

static bool lines_fit(uint64_t count, enum fault_of_line fault)
{
    struct origins origins;
    struct record record;
    bool fit;

    origins_make(&origins, count * 200);
    for (uint64_t i = 1; i <= count; i++) {
        record = record_of(i, OPERATION_CREATE, i);
        MUST(origins_see(&origins, &record, false));
    }
    record = last_line(fault, count);
    MUST(origins_see(&origins, &record, false));
    fit = origins_fit(&origins);
    ck_assert_int_eq(origins.fd >= 0, count == MANY);
    origins_free(&origins);
    return fit;
}

START_TEST(each_fault_is_seen)
{
    ck_assert_int_eq(lines_fit(FEW, (enum fault_of_line)_i), _i == SOUND);
    ck_assert_int_eq(lines_fit(MANY, (enum fault_of_line)_i), _i == SOUND);
}
END_TEST

START_TEST(serials_of_a_snapshot_differ)
{
    for (int same = 0; same <= 1; same++) {
        struct origins origins;

        origins_make(&origins, 0);
        for (uint64_t i = 1; i <= FEW; i++) {
            struct record record = record_of(i, OPERATION_UPDATE, i);

            if (i == FEW && same)
                record.serial = 9;
            MUST(origins_see(&origins, &record, true));
        }
        ck_assert_int_eq(origins_fit(&origins), !same);
        origins_free(&origins);
    }
}
END_TEST

/* A store of many tokens, and a last line. Returns it open. */
static int many_lines(const char *directory, enum fault_of_line fault)
{
    char text[LINE_SIZE_MAX];
    struct bytes lines = {0};
    struct record record;
    struct forge forge;
    int fd;

    forge_start(&forge, directory, "example.com");
    for (uint64_t i = 1; i <= MANY; i++) {
        record = record_of(i, OPERATION_CREATE, i);
        bytes_add(&lines, text, forge_line(&forge, &record, text));
    }
    record = last_line(fault, MANY);
    bytes_add(&lines, text, forge_line(&forge, &record, text));
    file_append(forge.path, lines.at, lines.length);
    bytes_free(&lines);
    fd = open(forge.path, O_RDONLY | O_CLOEXEC);
    forge_end(&forge);
    return fd;
}

/* The verdict is the same whether there is room for a temporary file or not, and nothing is left of it. */
static void expect_verdict(int fd, const char *wrong)
{
    struct expected_head expect;
    struct proof proof;
    struct fault fault = {0};
    size_t descriptors = open_descriptors();

    ck_assert(head_parse(&expect, "1:20001:00000000000000000000000000000000"));
    ck_assert_int_eq(prove_soundness(&proof, fd, "example.com", &expect, &fault), wrong == NULL);
    if (wrong)
        ck_assert_str_eq(fault.text, wrong);
    ck_assert_int_eq(expect.answer, wrong ? ANSWER_PENDING : ANSWER_NO);
    ck_assert_uint_eq(proof.lines, wrong ? MANY : MANY + 1);
    proof_free(&proof);
    ck_assert_uint_eq(open_descriptors(), descriptors);
}

/* No file of this process, which is the test's own, may become larger than Check's. */
static void allow_no_large_file(void)
{
    const struct rlimit small = {64 * 1024, 64 * 1024};

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
}

START_TEST(a_proof_names_the_line)
{
    static const char *const wrong[FAULTS] = {
        [ANOTHER_HASH] = "line 20002: changes the hash, serial or creation time of its token",
        [ANOTHER_SERIAL] = "line 20002: changes the hash, serial or creation time of its token",
        [ANOTHER_TIME] = "line 20002: changes the hash, serial or creation time of its token",
        [NEVER_CREATED] = "line 20002: changes a token that was never created",
        [CREATED_TWICE] = "line 20002: creates an id that already exists",
    };
    char directory[SCRATCH_PATH], temporary[SCRATCH_PATH];
    int fd;

    scratch_directory(directory);
    scratch_directory(temporary);
    fd = many_lines(directory, (enum fault_of_line)_i);
    setenv("TMPDIR", temporary, 1);
    expect_verdict(fd, wrong[_i]);
    ck_assert_int_eq(rmdir(temporary), 0); /* it is empty */
    expect_verdict(fd, wrong[_i]);         /* in another directory */
    allow_no_large_file();
    expect_verdict(fd, wrong[_i]);
    close(fd);
}
END_TEST

/* What the disk does not give is not damaged. */
START_TEST(a_file_that_cannot_be_read)
{
    char directory[SCRATCH_PATH], path[SCRATCH_PATH + 32];
    struct proof proof;
    struct fault fault;
    int fd;

    scratch_directory(directory);
    snprintf(path, sizeof(path), "%s/unreadable", directory);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    ck_assert(!prove_soundness(&proof, fd, "example.com", NULL, &fault));
    ck_assert(fault.passing);
    ck_assert_str_eq(fault.text, "cannot be read: Bad file descriptor");
    proof_free(&proof);
    close(fd);
}
END_TEST

Suite *origins_suite(void)
{
    Suite *suite = suite_create("origins");
    TCase *fitting = tcase_create("fitting");

    tcase_add_loop_test(fitting, each_fault_is_seen, SOUND, FAULTS);
    tcase_add_test(fitting, serials_of_a_snapshot_differ);
    tcase_add_loop_test(fitting, a_proof_names_the_line, SOUND, FAULTS);
    tcase_add_test(fitting, a_file_that_cannot_be_read);
    suite_add_tcase(suite, fitting);
    return suite;
}
