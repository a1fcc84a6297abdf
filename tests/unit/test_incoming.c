/* What a follower takes of what a source says, line by line. */
#include "store/incoming.h"

#include "forge.h"
#include "suites.h"
#include "tip_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

enum { TOKENS = 5 };

/* A store and what it was before; the source goes on with forge. */
struct scenery {
    struct forge forge;
    struct sample samples[TOKENS];
    struct bytes mine; /* this host's file */
    struct incoming incoming;
};

/* For struct own_lines: what stands in this host's file. */
static enum own find_mine(void *context, uint64_t n, struct span *line)
{
    const struct bytes *mine = context;
    const char *at = (const char *)memchr(mine->at, '\n', mine->length) + 1, *end = mine->at + mine->length,
               *lf;

    for (; at < end && (lf = memchr(at, '\n', (size_t)(end - at))) != NULL; at = lf + 1)
        if (strtoull(at, NULL, 10) == n) {
            *line = (struct span){at, (size_t)(lf - at) + 1};
            return OWN_LINE;
        }
    return OWN_NONE;
}

/* This host has what forge has now. */
static void stand(struct scenery *scenery)
{
    struct tip tip;

    bytes_free(&scenery->mine);
    scenery->mine = file_read(scenery->forge.path);
    ck_assert_ptr_null(tip_of(&tip, &scenery->mine));
    scenery->incoming = (struct incoming){
        .domain = "example.com", .own = {find_mine, &scenery->mine}, .has_store = true, .mine = tip.chain};
}

static void start(struct scenery *scenery)
{
    memset(scenery, 0, sizeof(*scenery));
    tip_start(&scenery->forge);
    for (int i = 0; i < TOKENS; i++) {
        sample_make(&scenery->samples[i]);
        forge_create(&scenery->forge, &scenery->samples[i]);
    }
    stand(scenery);
}

static void end(struct scenery *scenery)
{
    bytes_free(&scenery->mine);
    forge_end(&scenery->forge);
}

/* The next line of the log, which forge goes on after. */
static size_t next_line(struct forge *forge, char text[LINE_SIZE_MAX])
{
    struct sample sample;

    sample_make(&sample);
    sample.record.op = OPERATION_CREATE;
    sample.record.serial = forge->at.n + 1;
    return forge_line(forge, &sample.record, text);
}

static void expect_trouble(struct incoming *incoming, const char *text, size_t length, enum trouble trouble)
{
    struct position at = incoming->mine.at;
    enum incoming_verdict verdict = incoming_judge(incoming, text, length);

    ck_assert_int_eq(incoming->trouble, trouble);
    ck_assert(verdict == INCOMING_TROUBLE || verdict == INCOMING_BEAT);
    ck_assert(incoming->why.text[0] != '\0');
    ck_assert(position_equal(&at, &incoming->mine.at));
}

static void expect(struct incoming *incoming, const char *text, size_t length, enum incoming_verdict verdict)
{
    ck_assert_int_eq(incoming_judge(incoming, text, length), verdict);
    ck_assert_int_eq(incoming->trouble, TROUBLE_NONE);
}

static size_t beat_of(char text[HEAD_SIZE + 2], uint64_t epoch, const struct position *at)
{
    char head[HEAD_SIZE];

    head_format(head, epoch, at->n, at->chain);
    return (size_t)snprintf(text, HEAD_SIZE + 2, "=%s\n", head);
}

START_TEST(next_lines_are_taken)
{
    struct scenery scenery;
    char text[LINE_SIZE_MAX], beat[HEAD_SIZE + 2];

    start(&scenery);
    for (int i = 0; i < 3; i++) {
        size_t length = next_line(&scenery.forge, text);

        expect(&scenery.incoming, text, length, INCOMING_LINE);
        ck_assert(!incoming_level(&scenery.incoming));
        ck_assert(position_equal(&scenery.incoming.mine.at, &scenery.forge.at));
        expect(&scenery.incoming, text, length, INCOMING_KNOWN); /* an engine sends the last one again */
        expect(&scenery.incoming, beat, beat_of(beat, 1, &scenery.forge.at), INCOMING_BEAT);
        ck_assert(incoming_level(&scenery.incoming));
    }
    end(&scenery);
}
END_TEST

START_TEST(a_beat_of_more_is_not_level)
{
    struct scenery scenery;
    char text[LINE_SIZE_MAX], beat[HEAD_SIZE + 2];

    start(&scenery);
    next_line(&scenery.forge, text);
    expect(&scenery.incoming, beat, beat_of(beat, 1, &scenery.forge.at), INCOMING_BEAT);
    ck_assert(!incoming_level(&scenery.incoming));
    end(&scenery);
}
END_TEST

/* Every byte of the next line changed, and every cut of it. */
START_TEST(changed_lines_are_garbage)
{
    struct scenery scenery;
    char text[LINE_SIZE_MAX];
    size_t length;

    start(&scenery);
    length = next_line(&scenery.forge, text);
    for (size_t i = 0; i < length; i++) {
        text[i] ^= 1;
        MUST(incoming_judge(&scenery.incoming, text, length) == INCOMING_TROUBLE);
        MUST(scenery.incoming.mine.at.n == TOKENS && !scenery.incoming.in_file);
        text[i] ^= 1;
        MUST(incoming_judge(&scenery.incoming, text, i) == INCOMING_TROUBLE);
    }
    expect(&scenery.incoming, text, length, INCOMING_LINE);
    end(&scenery);
}
END_TEST

static const char *const garbage[] = {
    "x\n",
    "\n",
    "6|\n",
    "=\n",
    "=1:5\n",
    "=1:5:00\n",
    "!\n",
    "!what\n",
    "!forked\n",
    "t\n",
    "toktab1|\n",
    "= 1:5:0123456789abcdef0123456789abcdef\n",
    "!fork",
    "6|no end",
    "=1:5:0123456789abcdef0123456789abcdeg\n",
    "=1:5:0123456789abcdef0123456789abcdef ",
    "=01:5:0123456789abcdef0123456789abcdef\n",
};

START_TEST(garbage_is_refused)
{
    struct scenery scenery;

    start(&scenery);
    expect_trouble(&scenery.incoming, garbage[_i], strlen(garbage[_i]), TROUBLE_GARBAGE);
    end(&scenery);
}
END_TEST

START_TEST(long_lines_are_refused)
{
    static char text[LINE_SIZE_MAX + 1];
    struct scenery scenery;

    start(&scenery);
    for (char first = '!'; first < 127; first++) {
        memset(text, first, sizeof(text));
        text[LINE_SIZE_MAX] = '\n';
        expect_trouble(&scenery.incoming, text, sizeof(text), TROUBLE_GARBAGE);
        text[LINE_SIZE_MAX - 1] = '\n';
        expect_trouble(&scenery.incoming, text, LINE_SIZE_MAX, TROUBLE_GARBAGE);
    }
    end(&scenery);
}
END_TEST

static const struct {
    const char *text;
    enum trouble trouble;
} reasons[] = {
    {"!fork\n", TROUBLE_FORK},
    {"!behind\n", TROUBLE_BEHIND},
    {"!gap\n", TROUBLE_GAP},
    {"!denied\n", TROUBLE_DENIED},
    {"!unavailable\n", TROUBLE_UNAVAILABLE},
    {"!unavailable no leader\n", TROUBLE_UNAVAILABLE},
    {"!fork 12\n", TROUBLE_FORK},
};

START_TEST(reasons_are_known)
{
    struct scenery scenery;

    start(&scenery);
    expect_trouble(&scenery.incoming, reasons[_i].text, strlen(reasons[_i].text), reasons[_i].trouble);
    end(&scenery);
}
END_TEST

START_TEST(gaps_want_the_file)
{
    struct scenery scenery;
    char text[LINE_SIZE_MAX], beat[HEAD_SIZE + 2];
    size_t length;

    start(&scenery);
    next_line(&scenery.forge, text);
    length = next_line(&scenery.forge, text);
    expect_trouble(&scenery.incoming, text, length, TROUBLE_GAP);
    expect_trouble(&scenery.incoming, beat, beat_of(beat, 2, &scenery.forge.at), TROUBLE_GAP);
    scenery.incoming.has_store = false;
    expect_trouble(&scenery.incoming, text, length, TROUBLE_GAP);
    end(&scenery);
}
END_TEST

START_TEST(forks_are_seen)
{
    struct scenery scenery;
    struct forge other;
    char mine[LINE_SIZE_MAX], theirs[LINE_SIZE_MAX], beat[HEAD_SIZE + 2];
    size_t length;

    start(&scenery);
    forge_copy(&other, &scenery.forge, "other");
    length = next_line(&scenery.forge, mine);
    expect(&scenery.incoming, mine, length, INCOMING_LINE);
    bytes_add(&scenery.mine, mine, length);
    length = next_line(&other, theirs);
    expect_trouble(&scenery.incoming, theirs, length, TROUBLE_FORK); /* the line that is our last */
    expect_trouble(&scenery.incoming, beat, beat_of(beat, 1, &other.at), TROUBLE_FORK);
    length = next_line(&scenery.forge, mine);
    expect(&scenery.incoming, mine, length, INCOMING_LINE);
    bytes_add(&scenery.mine, mine, length);
    expect_trouble(&scenery.incoming, beat, beat_of(beat, 1, &other.at), TROUBLE_FORK);
    length = next_line(&other, theirs);
    length = next_line(&other, theirs);
    expect_trouble(&scenery.incoming, theirs, length, TROUBLE_FORK); /* the next one, after another */
    forge_end(&other);
    end(&scenery);
}
END_TEST

START_TEST(an_older_source_is_behind)
{
    struct scenery scenery;
    char beat[HEAD_SIZE + 2];
    struct position old;
    struct sample sample;
    struct bytes file;
    const char *lf;

    start(&scenery);
    old = scenery.forge.at;
    file = file_read(scenery.forge.path);
    sample_make(&sample);
    forge_create(&scenery.forge, &sample);
    stand(&scenery);
    expect_trouble(&scenery.incoming, beat, beat_of(beat, 1, &old), TROUBLE_BEHIND);
    for (const char *at = file.at; at < file.at + file.length; at = lf + 1) { /* as a file, too */
        lf = memchr(at, '\n', (size_t)(file.at + file.length - at));
        expect(&scenery.incoming, at, (size_t)(lf - at) + 1,
               at == file.at ? INCOMING_FILE : INCOMING_FILE_LINE);
    }
    ck_assert(!incoming_file_whole(&scenery.incoming));
    expect_trouble(&scenery.incoming, beat, beat_of(beat, 1, &old), TROUBLE_BEHIND);
    bytes_free(&file);
    end(&scenery);
}
END_TEST

/* Give a whole file to a follower, up to where it refuses. Returns the trouble. */
static enum trouble give_file(struct incoming *incoming, const struct bytes *file)
{
    const char *end = file->at + file->length, *lf;

    for (const char *at = file->at; at < end; at = lf + 1) {
        lf = memchr(at, '\n', (size_t)(end - at));
        if (incoming_judge(incoming, at, (size_t)(lf - at) + 1) == INCOMING_TROUBLE)
            return incoming->trouble;
    }
    return TROUBLE_NONE;
}

START_TEST(files_are_taken)
{
    struct scenery scenery;
    struct sample sample;
    struct bytes file;
    char beat[HEAD_SIZE + 2];

    start(&scenery);
    forge_revoke(&scenery.forge, &scenery.samples[0]);
    if (_i % 2 == 1)
        forge_compact(&scenery.forge, TIME_NEVER);
    sample_make(&sample);
    forge_create(&scenery.forge, &sample);
    if (_i / 2 == 1)
        scenery.incoming.has_store = false;
    file = file_read(scenery.forge.path);
    ck_assert_int_eq(give_file(&scenery.incoming, &file), TROUBLE_NONE);
    ck_assert(incoming_file_whole(&scenery.incoming));
    expect(&scenery.incoming, beat, beat_of(beat, 1, &scenery.forge.at), INCOMING_FILE_END);
    incoming_took_file(&scenery.incoming);
    ck_assert(incoming_level(&scenery.incoming));
    bytes_free(&file);
    end(&scenery);
}
END_TEST

/* A file in which a beat comes too early, or not for its end. */
START_TEST(a_file_ends_where_the_source_says)
{
    struct scenery scenery;
    struct position before;
    struct bytes file;
    char beat[HEAD_SIZE + 2];

    start(&scenery);
    before = scenery.forge.at;
    forge_compact(&scenery.forge, TIME_NEVER);
    file = file_read(scenery.forge.path);
    expect(&scenery.incoming, file.at, (size_t)((char *)memchr(file.at, '\n', file.length) - file.at) + 1,
           INCOMING_FILE);
    expect_trouble(&scenery.incoming, beat, beat_of(beat, 1, &scenery.forge.at), TROUBLE_GARBAGE);
    ck_assert_int_eq(give_file(&scenery.incoming, &file), TROUBLE_NONE);
    expect_trouble(&scenery.incoming, beat, beat_of(beat, 1, &before), TROUBLE_GARBAGE);
    bytes_free(&file);
    end(&scenery);
}
END_TEST

/* Gives our log another line, and a copy of it so many, which is then compacted: its file. */
static struct bytes compacted_fork(struct forge *other, struct scenery *scenery, int lines)
{
    struct sample sample;

    forge_copy(other, &scenery->forge, "other");
    sample_make(&sample);
    forge_create(&scenery->forge, &sample);
    for (int i = 0; i < lines; i++) {
        sample_make(&sample);
        forge_create(other, &sample);
    }
    forge_compact(other, TIME_NEVER);
    return file_read(other->path);
}

/* A fork that was compacted before it is sent: one line of its snapshot is not ours. */
START_TEST(a_compacted_fork_is_seen)
{
    struct scenery scenery;
    struct forge other;
    struct bytes file;

    start(&scenery);
    file = compacted_fork(&other, &scenery, 2);
    stand(&scenery);
    ck_assert_int_eq(give_file(&scenery.incoming, &file), TROUBLE_FORK);
    bytes_free(&file);
    forge_end(&other);
    end(&scenery);
}
END_TEST

START_TEST(epochs_and_stores)
{
    struct scenery scenery;
    struct forge other;
    struct bytes old, file;
    char beat[HEAD_SIZE + 2];
    struct position at;

    start(&scenery);
    old = file_read(scenery.forge.path);
    at = scenery.forge.at;
    forge_mend(&scenery.forge, 7);
    file = file_read(scenery.forge.path);
    ck_assert_int_eq(give_file(&scenery.incoming, &file), TROUBLE_NONE);
    expect(&scenery.incoming, beat, beat_of(beat, 7, &scenery.forge.at), INCOMING_FILE_END);
    stand(&scenery);
    ck_assert_int_eq(give_file(&scenery.incoming, &old), TROUBLE_FENCED);
    expect_trouble(&scenery.incoming, beat, beat_of(beat, 1, &at), TROUBLE_FENCED);
    bytes_free(&file);
    tip_start(&other);
    file = file_read(other.path);
    ck_assert_int_eq(give_file(&scenery.incoming, &file), TROUBLE_OTHER);
    bytes_free(&file);
    bytes_free(&old);
    forge_end(&other);
    end(&scenery);
}
END_TEST

/* Where this host's own lines cannot be had. */
static enum own find_none(void *context, uint64_t n, struct span *line)
{
    (void)context, (void)n, (void)line;
    return OWN_NONE;
}

static enum own find_error(void *context, uint64_t n, struct span *line)
{
    (void)context, (void)n, (void)line;
    return OWN_ERROR;
}

/* Line `place` of a file; 0: its header. */
static struct span line_at(const struct bytes *file, int place)
{
    const char *at = file->at, *end = file->at + file->length, *lf;

    while ((lf = memchr(at, '\n', (size_t)(end - at))) != NULL && place-- > 0)
        at = lf + 1;
    ck_assert_ptr_nonnull(lf);
    return (struct span){at, (size_t)(lf - at) + 1};
}

/* A line that we should have, sent again. */
START_TEST(own_lines_that_cannot_be_compared)
{
    struct scenery scenery;
    struct bytes file;
    struct span second;

    start(&scenery);
    file = file_read(scenery.forge.path);
    second = line_at(&file, 2);
    scenery.incoming.own.find = find_none;
    expect_trouble(&scenery.incoming, second.at, second.length, TROUBLE_OWN);
    scenery.incoming.own.find = find_error;
    expect_trouble(&scenery.incoming, second.at, second.length, TROUBLE_OWN);
    scenery.incoming.own.find = find_mine;
    scenery.mine.at[second.at - file.at + 40] ^= 1;
    expect_trouble(&scenery.incoming, second.at, second.length, TROUBLE_OWN);
    forge_compact(&scenery.forge, TIME_NEVER);
    stand(&scenery);
    expect(&scenery.incoming, second.at, second.length, INCOMING_KNOWN); /* before our snapshot */
    scenery.incoming.own.find = find_none;
    expect(&scenery.incoming, second.at, second.length, INCOMING_KNOWN);
    bytes_free(&file);
    end(&scenery);
}
END_TEST

/* A line of a source's snapshot that we should have. */
START_TEST(own_lines_that_a_snapshot_is_compared_with)
{
    struct scenery scenery;
    struct forge other;
    struct sample sample;
    struct bytes file;

    start(&scenery);
    forge_copy(&other, &scenery.forge, "other");
    forge_compact(&other, TIME_NEVER);
    file = file_read(other.path);
    sample_make(&sample);
    forge_create(&scenery.forge, &sample);
    stand(&scenery);
    scenery.incoming.own.find = find_none;
    ck_assert_int_eq(give_file(&scenery.incoming, &file), TROUBLE_FORK);
    scenery.incoming.own.find = find_error;
    ck_assert_int_eq(give_file(&scenery.incoming, &file), TROUBLE_OWN);
    forge_end(&other);
    bytes_free(&file);
    end(&scenery);
}
END_TEST

/* A snapshot that came before ours may keep what ours has dropped. */
START_TEST(an_older_snapshot_keeps_more)
{
    struct scenery scenery;
    struct forge other;
    struct bytes file;

    start(&scenery);
    forge_revoke(&scenery.forge, &scenery.samples[0]);
    forge_copy(&other, &scenery.forge, "other");
    forge_compact(&other, TIME_NEVER);
    file = file_read(other.path);
    forge_revoke(&scenery.forge, &scenery.samples[1]);
    forge_compact(&scenery.forge, NOW + 1);
    stand(&scenery);
    ck_assert_int_eq(give_file(&scenery.incoming, &file), TROUBLE_NONE);
    ck_assert(!incoming_file_whole(&scenery.incoming)); /* it ends before ours */
    forge_end(&other);
    bytes_free(&file);
    end(&scenery);
}
END_TEST

/* Of two logs that have parted, and were both compacted: whose fault is it? */
START_TEST(snapshots_that_have_parted)
{
    struct scenery scenery;
    struct forge other;
    struct bytes file;
    struct span last;

    start(&scenery);
    file = compacted_fork(&other, &scenery, 3);
    forge_compact(&scenery.forge, TIME_NEVER);
    stand(&scenery);
    ck_assert_int_eq(give_file(&scenery.incoming, &file), TROUBLE_FORK);
    last = line_at(&scenery.mine, TOKENS + 1);
    scenery.mine.at[last.at - scenery.mine.at + 40] ^= 1;
    ck_assert_int_eq(give_file(&scenery.incoming, &file), TROUBLE_OWN);
    forge_end(&other);
    bytes_free(&file);
    end(&scenery);
}
END_TEST

/* Its header says it, where its snapshot ends in the place of our last line. */
START_TEST(a_header_of_a_fork)
{
    struct scenery scenery;
    struct forge other;
    struct bytes file;
    struct span header;

    start(&scenery);
    file = compacted_fork(&other, &scenery, 1);
    stand(&scenery);
    header = line_at(&file, 0);
    expect_trouble(&scenery.incoming, header.at, header.length, TROUBLE_FORK);
    forge_end(&other);
    bytes_free(&file);
    end(&scenery);
}
END_TEST

START_TEST(beats_before_our_snapshot)
{
    static const char no_number[] = "x|||||||||||||||||||\n";
    struct scenery scenery;
    struct position old;
    char beat[HEAD_SIZE + 2];
    size_t length;

    start(&scenery);
    old = scenery.forge.at;
    old.n = 3;
    forge_compact(&scenery.forge, TIME_NEVER);
    stand(&scenery);
    scenery.incoming.own.find = find_error; /* it is not looked for */
    expect_trouble(&scenery.incoming, beat, beat_of(beat, 1, &old), TROUBLE_BEHIND);
    length = beat_of(beat, 1, &scenery.forge.at);
    beat[length - 5] = '\0';
    expect_trouble(&scenery.incoming, beat, length, TROUBLE_GARBAGE);
    scenery.incoming.has_store = false;
    expect(&scenery.incoming, beat, beat_of(beat, 1, &old), INCOMING_BEAT);
    ck_assert(!incoming_level(&scenery.incoming)); /* a new host has nothing yet */
    expect_trouble(&scenery.incoming, no_number, sizeof(no_number) - 1, TROUBLE_GARBAGE);
    end(&scenery);
}
END_TEST

/* The writer hears only of a higher epoch. */
START_TEST(the_writer_is_deaf)
{
    struct scenery scenery;
    struct forge other;
    struct bytes file;
    char text[LINE_SIZE_MAX], beat[HEAD_SIZE + 2];
    size_t length;

    start(&scenery);
    scenery.incoming.writer = true;
    forge_copy(&other, &scenery.forge, "other");
    file = file_read(scenery.forge.path);
    length = next_line(&scenery.forge, text);
    expect(&scenery.incoming, text, length, INCOMING_KNOWN);
    ck_assert_uint_eq(scenery.incoming.mine.at.n, TOKENS);
    expect(&scenery.incoming, beat, beat_of(beat, 1, &scenery.forge.at), INCOMING_KNOWN);
    expect(&scenery.incoming, "x\n", 2, INCOMING_KNOWN);
    ck_assert_int_eq(give_file(&scenery.incoming, &file), TROUBLE_NONE);
    ck_assert(!scenery.incoming.in_file);
    bytes_free(&file);
    forge_mend(&other, 9);
    file = file_read(other.path);
    ck_assert_int_eq(give_file(&scenery.incoming, &file), TROUBLE_NONE);
    expect(&scenery.incoming, beat, beat_of(beat, 9, &other.at), INCOMING_FILE_END);
    incoming_took_file(&scenery.incoming);
    ck_assert(!scenery.incoming.writer);
    bytes_free(&file);
    forge_end(&other);
    end(&scenery);
}
END_TEST

START_TEST(each_trouble_has_a_word)
{
    for (enum trouble i = TROUBLE_NONE; i < TROUBLES; i++) {
        const char *word = incoming_word(i);

        ck_assert(word[0] != '\0' && strspn(word, "abcdefghijklmnopqrstuvwxyz") == strlen(word));
    }
}
END_TEST

Suite *incoming_suite(void)
{
    Suite *suite = suite_create("incoming");
    TCase *lines = tcase_create("lines"), *files = tcase_create("files");

    tcase_add_test(lines, next_lines_are_taken);
    tcase_add_test(lines, a_beat_of_more_is_not_level);
    tcase_add_test(lines, changed_lines_are_garbage);
    tcase_add_loop_test(lines, garbage_is_refused, 0, LENGTH(garbage));
    tcase_add_test(lines, long_lines_are_refused);
    tcase_add_loop_test(lines, reasons_are_known, 0, LENGTH(reasons));
    tcase_add_test(lines, gaps_want_the_file);
    tcase_add_test(lines, forks_are_seen);
    tcase_add_test(lines, an_older_source_is_behind);
    tcase_add_test(lines, each_trouble_has_a_word);
    tcase_add_test(lines, own_lines_that_cannot_be_compared);
    tcase_add_test(lines, beats_before_our_snapshot);
    tcase_add_loop_test(files, files_are_taken, 0, 4);
    tcase_add_test(files, a_file_ends_where_the_source_says);
    tcase_add_test(files, a_compacted_fork_is_seen);
    tcase_add_test(files, epochs_and_stores);
    tcase_add_test(files, own_lines_that_a_snapshot_is_compared_with);
    tcase_add_test(files, an_older_snapshot_keeps_more);
    tcase_add_test(files, snapshots_that_have_parted);
    tcase_add_test(files, a_header_of_a_fork);
    tcase_add_test(files, the_writer_is_deaf);
    suite_add_tcase(suite, lines);
    suite_add_tcase(suite, files);
    return suite;
}
