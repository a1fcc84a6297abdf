/* Does a file that begins beyond this host's log stand for it? follow judges its lines and then asks agree.h,
 * which takes little memory. Both together must say what programs say, which keep all lines. */
#include "store/agree.h"

#include "forge.h"
#include "load.h"
#include "store/incoming.h"
#include "store/numbered.h"
#include "suites.h"
#include "tip_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TOKENS = 6, STARTED = 3, ROUNDS = 400 };

/* One of two hosts' logs. */
struct lineage {
    struct forge forge;
    struct sample samples[TOKENS];
    int created;
};

static void change(struct lineage *lineage)
{
    int which = (int)(random() % lineage->created);

    switch (random() % 4) {
    case 0:
        if (lineage->created < TOKENS)
            forge_create(&lineage->forge, &lineage->samples[lineage->created++]);
        break;
    case 1:
        forge_revoke(&lineage->forge, &lineage->samples[which]);
        break;
    default:
        lineage->samples[which].record.op = OPERATION_UPDATE;
        forge_append(&lineage->forge, &lineage->samples[which].record);
    }
}

static void change_some(struct lineage *lineage, long most)
{
    for (long count = random() % (most + 1); count > 0; count--)
        change(lineage);
}

static void compact(struct lineage *lineage)
{
    forge_compact(&lineage->forge, random() % 3 == 0 ? NOW + 1 : TIME_NEVER);
}

/* What programs that have read `ours` say of the other file. */
static bool readers_take(const char *ours, const char *theirs)
{
    struct index index[2] = {0};
    struct known known = {0};
    bool good = true;

    for (int i = 0; i < 2 && good; i++) {
        struct progress progress = {0};
        struct fault fault;
        const struct loading loading = {.progress = &progress,
                                        .fd = open(i == 0 ? ours : theirs, O_RDONLY),
                                        .index = &index[i],
                                        .grow = true,
                                        .known = known,
                                        .fault = &fault};

        ck_assert(index_make(&index[i], TOKENS));
        good = load_header(&progress, loading.fd, "example.com", &fault) && load_lines(&loading, 1 << 20);
        ck_assert(i == 1 || good);
        known = (struct known){progress.chain.at, &index[0]};
        close(loading.fd);
    }
    index_free(&index[0]);
    index_free(&index[1]);
    return good;
}

/* For struct own_lines. */
static enum own find_own(void *context, uint64_t n, struct span *line)
{
    struct numbered *numbered = context;
    enum found found = numbered_find(numbered, n);

    *line = numbered->at;
    return found == FOUND_LINE ? OWN_LINE : found == FOUND_NONE ? OWN_NONE : OWN_ERROR;
}

/* Each line by itself. STATUS_NO: one of them is another than ours. */
static enum status judge_lines(int store, const char *theirs)
{
    struct bytes file = file_read(theirs);
    struct numbered numbered;
    struct incoming incoming = {.domain = "example.com", .own = {find_own, &numbered}, .has_store = true};
    enum incoming_verdict verdict = INCOMING_FILE_LINE;
    struct fault fault;
    struct tip tip;

    ck_assert_int_eq(tip_read(&tip, store, "example.com", &fault), STATUS_DONE);
    incoming.mine = tip.chain;
    numbered_make(&numbered, store);
    for (const char *at = file.at, *end = file.at + file.length, *lf; at < end && verdict != INCOMING_TROUBLE;
         at = lf + 1) {
        lf = memchr(at, '\n', (size_t)(end - at));
        verdict = incoming_judge(&incoming, at, (size_t)(lf - at) + 1);
    }
    ck_assert(verdict != INCOMING_TROUBLE || incoming.trouble == TROUBLE_FORK);
    ck_assert(verdict == INCOMING_TROUBLE || incoming_file_beyond(&incoming));
    numbered_free(&numbered);
    bytes_free(&file);
    return verdict == INCOMING_TROUBLE ? STATUS_NO : STATUS_DONE;
}

static enum status ask(const char *ours, const char *theirs, struct fault *fault)
{
    const struct agree both = {"example.com", open(ours, O_RDONLY), open(theirs, O_RDONLY), true};
    enum status status = judge_lines(both.store, theirs);

    fault->text[0] = '\0';
    ck_assert_int_eq(agree_snapshot(&both, fault), STATUS_DONE);
    if (status == STATUS_DONE)
        status = agree(&both, fault);
    close(both.store);
    close(both.file);
    return status;
}

START_TEST(says_what_programs_say)
{
    int taken = 0, refused = 0, refused_late = 0, revived = 0;

    srandom(1);
    for (int round = 0; round < ROUNDS; round++) {
        struct lineage ours = {.created = STARTED}, theirs;
        struct fault fault;
        enum status status;

        tip_start(&ours.forge);
        for (int i = 0; i < TOKENS; i++)
            sample_make(&ours.samples[i]);
        for (int i = 0; i < STARTED; i++)
            forge_create(&ours.forge, &ours.samples[i]);
        if (random() % 2)
            compact(&ours);
        change_some(&ours, 3);
        theirs = ours;
        forge_copy(&theirs.forge, &ours.forge, "theirs");
        change_some(&ours, random() % 2 ? 2 : 0);
        while (theirs.forge.at.n <= ours.forge.at.n)
            change(&theirs);
        change_some(&theirs, 5);
        compact(&theirs);
        change_some(&theirs, 3);
        status = ask(ours.forge.path, theirs.forge.path, &fault);
        if (!readers_take(ours.forge.path, theirs.forge.path)) {
            ck_assert_int_eq(status, STATUS_NO);
            refused++;
            refused_late += fault.text[0] != '\0';
        } else if (status == STATUS_NO) {
            ck_assert_ptr_nonnull(strstr(fault.text, "revoked here and not there"));
            revived++;
        } else {
            ck_assert_int_eq(status, STATUS_DONE);
            taken++;
        }
        forge_end(&ours.forge);
        forge_end(&theirs.forge);
    }
    ck_assert_int_ge(taken, 10);
    ck_assert_int_ge(refused, 10);
    ck_assert_int_ge(refused_late, 5); /* no line by itself told */
    ck_assert_int_ge(revived, 1);
}
END_TEST

/* ---- files that are not whole ---- */

/* This host's file, and one that begins after its end and stands for it. */
struct pair {
    struct lineage ours, theirs;
    struct bytes store, file;
};

static void pair_start(struct pair *pair)
{
    memset(pair, 0, sizeof(*pair));
    tip_start(&pair->ours.forge);
    for (int i = 0; i < TOKENS; i++)
        sample_make(&pair->ours.samples[i]);
    for (int i = 0; i < STARTED; i++)
        forge_create(&pair->ours.forge, &pair->ours.samples[i]);
    pair->theirs = pair->ours;
    forge_copy(&pair->theirs.forge, &pair->ours.forge, "theirs");
    forge_create(&pair->theirs.forge, &pair->theirs.samples[STARTED]);
    forge_compact(&pair->theirs.forge, TIME_NEVER);
    pair->store = file_read(pair->ours.forge.path);
    pair->file = file_read(pair->theirs.forge.path);
}

static void pair_end(struct pair *pair)
{
    bytes_free(&pair->store);
    bytes_free(&pair->file);
    forge_end(&pair->ours.forge);
    forge_end(&pair->theirs.forge);
}

static void expect_agree(enum status expected, const struct pair *pair, bool same_epoch)
{
    const struct agree both = {"example.com", open(pair->ours.forge.path, O_RDONLY),
                               open(pair->theirs.forge.path, O_RDONLY), same_epoch};
    struct fault fault = {0};

    ck_assert_int_eq(agree(&both, &fault), expected);
    ck_assert(expected == STATUS_DONE || fault.text[0] != '\0');
    close(both.store);
    close(both.file);
}

/* What follows the last line of this host's store. */
static void expect_rest(enum status expected, const char *rest, size_t length)
{
    struct pair pair;

    pair_start(&pair);
    file_append(pair.ours.forge.path, rest, length);
    expect_agree(expected, &pair, true);
    expect_agree(STATUS_DONE, &pair, false); /* a higher epoch comes whatever this host has */
    pair_end(&pair);
}

START_TEST(own_store_that_does_not_end_with_a_line)
{
    static const char zeros[100], many[5000] = {[0 ... 4999] = 'x'};

    expect_rest(STATUS_DONE, "", 0);
    expect_rest(STATUS_DONE, "4|abc", 5);
    expect_rest(STATUS_DONE, zeros, sizeof(zeros));
    expect_rest(STATUS_DAMAGED, "rubbish", 7);
    expect_rest(STATUS_DAMAGED, "rubbish\n", 8);
    expect_rest(STATUS_DAMAGED, many, sizeof(many));
}
END_TEST

START_TEST(own_last_line_without_its_end)
{
    struct pair pair;
    struct lineage *ours = &pair.ours;

    pair_start(&pair);
    forge_revoke(&ours->forge, &ours->samples[0]); /* not there */
    bytes_free(&pair.store);
    pair.store = file_read(ours->forge.path);
    file_write(ours->forge.path, pair.store.at, pair.store.length - 1);
    expect_agree(STATUS_NO, &pair, true);
    expect_agree(STATUS_NO, &pair, false);
    pair_end(&pair);
}
END_TEST

START_TEST(own_store_that_is_damaged)
{
    const char *path;
    struct pair pair;
    size_t middle;

    pair_start(&pair);
    path = pair.ours.forge.path;
    middle = pair.store.length / 2;
    pair.store.at[middle] ^= 1;
    file_write(path, pair.store.at, pair.store.length);
    expect_agree(STATUS_DAMAGED, &pair, true);
    expect_agree(STATUS_DONE, &pair, false);
    for (size_t length = 0; length < 10; length += 9) {
        file_write(path, "no header\n", length);
        expect_agree(STATUS_DAMAGED, &pair, true);
    }
    file_write(path, pair.file.at, pair.file.length / 2); /* half a snapshot */
    expect_agree(STATUS_DAMAGED, &pair, true);
    pair_end(&pair);
}
END_TEST

/* Of a snapshot's lines only the seals are proved, and these have empty columns: more of them fit into the
 * file than lines of any store that was checked. */
START_TEST(own_snapshot_of_short_lines)
{
    struct pair pair;
    struct forge *ours = &pair.ours.forge;
    struct sample sample;
    char text[LINE_SIZE_MAX];

    pair_start(&pair);
    for (int i = 0; i < 60; i++) {
        sample_make(&sample);
        forge_create(ours, &sample);
    }
    for (size_t i = 0; i < ours->count; i++) {
        struct forged_line *line = &ours->state[i];
        int length = snprintf(text, sizeof(text), "%d|%.12s|C|%064d|%d|||||||||||||||%032d\n", (int)line->n,
                              line->id, 0, (int)line->n, 0);

        bytes_free(&line->text);
        bytes_add(&line->text, text, (size_t)length);
    }
    forge_compact(ours, TIME_NEVER);
    expect_agree(STATUS_DAMAGED, &pair, true);
    pair_end(&pair);
}
END_TEST

/* Nothing can be said then, not even of a higher epoch: what is revoked here may be missing there. */
START_TEST(files_that_cannot_be_read)
{
    struct pair pair;
    struct agree both = {.domain = "example.com"};
    struct fault fault;

    pair_start(&pair);
    for (int i = 0; i < 2; i++) {
        both.same_epoch = i == 1;
        both.store = -1;
        both.file = open(pair.theirs.forge.path, O_RDONLY);
        ck_assert_int_eq(agree(&both, &fault), STATUS_IO);
        close(both.file);
        both.store = open(pair.ours.forge.path, O_RDONLY);
        both.file = -1;
        ck_assert_int_eq(agree(&both, &fault), STATUS_IO);
        ck_assert_int_eq(agree_snapshot(&both, &fault), STATUS_IO);
        close(both.store);
        both.store = open(pair.ours.forge.path, O_WRONLY); /* the first read fails: that is no damage */
        both.file = open(pair.theirs.forge.path, O_WRONLY);
        ck_assert_int_eq(agree(&both, &fault), STATUS_IO);
        ck_assert(fault.passing);
        ck_assert_int_eq(agree_snapshot(&both, &fault), STATUS_IO);
        ck_assert(fault.passing);
        close(both.store);
        close(both.file);
    }
    file_write(pair.theirs.forge.path, pair.file.at, 100); /* not even a header */
    expect_agree(STATUS_IO, &pair, true);
    pair_end(&pair);
}
END_TEST

START_TEST(lines_of_the_file_that_are_none)
{
    struct pair pair;
    struct bytes file = {0};

    pair_start(&pair);
    bytes_add(&file, pair.file.at, pair.file.length);
    bytes_add(&file, "not 20 columns\n", 15);
    file_write(pair.theirs.forge.path, file.at, file.length);
    expect_agree(STATUS_IO, &pair, true);
    bytes_free(&file);
    pair_end(&pair);
}
END_TEST

Suite *agree_suite(void)
{
    Suite *suite = suite_create("agree");
    TCase *tcase = tcase_create("readers");

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, says_what_programs_say);
    tcase_add_test(tcase, own_store_that_does_not_end_with_a_line);
    tcase_add_test(tcase, own_last_line_without_its_end);
    tcase_add_test(tcase, own_store_that_is_damaged);
    tcase_add_test(tcase, own_snapshot_of_short_lines);
    tcase_add_test(tcase, files_that_cannot_be_read);
    tcase_add_test(tcase, lines_of_the_file_that_are_none);
    return suite;
}
