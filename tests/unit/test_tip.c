#include "store/tip.h"

#include "forge.h"
#include "suites.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

enum { SECTOR = 512 };

static void start(struct forge *forge)
{
    char directory[SCRATCH_PATH];

    scratch_directory(directory);
    forge_start(forge, directory, "example.com");
}

/* With that many tokens. */
static struct bytes start_with(struct forge *forge, int count)
{
    struct sample sample;

    start(forge);
    for (int i = 0; i < count; i++) {
        sample_make(&sample);
        forge_create(forge, &sample);
    }
    return file_read(forge->path);
}

/* The line that would create another token; forge goes on behind it. */
static size_t next_line(struct forge *forge, char text[LINE_SIZE_MAX])
{
    struct sample sample;

    sample_make(&sample);
    sample.record.op = OPERATION_CREATE;
    sample.record.serial = forge->at.n + 1;
    return forge_line(forge, &sample.record, text);
}

static const char *tip_from(struct tip *tip, const struct bytes *file, size_t from)
{
    size_t head = file->length < LINE_SIZE_MAX ? file->length : LINE_SIZE_MAX;

    return tip_find(tip, "example.com", file->at, head, file->at + from, file->length - from, from);
}

/* As the tool reads it. */
static const char *tip_of(struct tip *tip, const struct bytes *file)
{
    return tip_from(tip, file, file->length < TIP_TAIL ? 0 : file->length - TIP_TAIL);
}

static void expect_log_end(const struct tip *tip, const struct forge *forge, size_t end, bool lf_due)
{
    ck_assert_uint_eq(tip->chain.header.epoch, forge->header.epoch);
    ck_assert(position_equal(&tip->chain.at, &forge->at));
    ck_assert_uint_eq(tip->chain.serial, forge->serial);
    ck_assert_uint_eq(tip->end, end);
    ck_assert_int_eq(tip->lf_due, lf_due);
}

/* The last line ends there. */
static void expect_tip(const struct forge *forge, const struct bytes *file, size_t end, bool lf_due)
{
    struct tip tip;

    ck_assert_ptr_null(tip_of(&tip, file));
    expect_log_end(&tip, forge, end, lf_due);
    ck_assert_uint_eq(tip.size, file->length);
}

static void expect_refusal(const struct bytes *file)
{
    struct tip tip;

    MUST(tip_of(&tip, file) != NULL);
}

static size_t start_of_line(const struct bytes *file, size_t number)
{
    size_t at = 0;

    for (; number > 0; number--)
        at = (size_t)((const char *)memchr(file->at + at, '\n', file->length - at) - file->at) + 1;
    return at;
}

/* Lines of a file, by their places in it, one after the other; the header is 0. */
static struct bytes assemble(const struct bytes *file, const int *lines, int count)
{
    struct bytes made = {0};

    for (int i = 0; i < count; i++) {
        size_t at = start_of_line(file, (size_t)lines[i]), next = start_of_line(file, (size_t)lines[i] + 1);

        bytes_add(&made, file->at + at, next - at);
    }
    return made;
}

/* ---- whole lines ---- */

START_TEST(grows_with_the_log)
{
    struct forge forge;
    struct sample sample;

    start(&forge);
    for (int i = 0; i < 100; i++) { /* more than TIP_TAIL */
        struct bytes file = file_read(forge.path);

        expect_tip(&forge, &file, file.length, false);
        bytes_free(&file);
        sample_make(&sample);
        forge_create(&forge, &sample);
    }
    forge_end(&forge);
}
END_TEST

/* Wherever the window begins, if the last line does within it; with a snapshot before it, and without. */
START_TEST(windows_that_begin_anywhere)
{
    struct forge forge;
    struct bytes file = start_with(&forge, 4);
    struct sample sample;
    struct tip tip;
    size_t last;

    if (_i == 1) {
        forge_compact(&forge, TIME_NEVER);
        sample_make(&sample);
        forge_create(&forge, &sample);
    }
    bytes_free(&file);
    file = file_read(forge.path);
    last = start_of_line(&file, _i == 1 ? 6 : 4);
    for (size_t from = 0; from < last; from++) {
        MUST(tip_from(&tip, &file, from) == NULL);
        MUST(position_equal(&tip.chain.at, &forge.at) && tip.end == file.length);
    }
    for (size_t from = last; from <= file.length; from++)
        MUST(tip_from(&tip, &file, from) != NULL);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* The longest lines, and the longest rest behind them, still show where the log ends. */
START_TEST(windows_of_long_lines)
{
    char torn[LINE_SIZE_MAX];
    struct forge forge;
    struct bytes file = start_with(&forge, 1);
    struct sample sample;
    size_t whole;

    sample_make(&sample);
    forge_create(&forge, &sample);
    forge_fill(&forge, &sample, LINE_SIZE_MAX, 20 * LINE_SIZE_MAX);
    bytes_free(&file);
    file = file_read(forge.path);
    whole = file.length;
    memset(torn, 'x', sizeof(torn));
    snprintf(torn, sizeof(torn), "%llu|", (unsigned long long)forge.at.n + 1);
    torn[strlen(torn)] = 'x';
    bytes_add(&file, torn, sizeof(torn) - 1);
    expect_tip(&forge, &file, whole, false);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* Whichever bit of the header or of the last line is another, it is seen; but the LF of the last one may be
 * another byte. */
START_TEST(flipped_bits)
{
    struct forge forge;
    struct bytes file = start_with(&forge, 1);

    for (size_t bit = 0; bit + 8 < 8 * file.length; bit++) {
        file.at[bit / 8] = (char)(file.at[bit / 8] ^ 1 << bit % 8);
        expect_refusal(&file);
        file.at[bit / 8] = (char)(file.at[bit / 8] ^ 1 << bit % 8);
    }
    for (int bit = 0; bit < 8; bit++) {
        file.at[file.length - 1] = (char)('\n' ^ 1 << bit);
        expect_tip(&forge, &file, file.length - 1, true);
    }
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* It is no reason to refuse a revocation. */
START_TEST(damage_before_the_last_line)
{
    struct forge forge;
    struct bytes file = start_with(&forge, 3);
    size_t last = start_of_line(&file, 3);

    for (size_t i = start_of_line(&file, 1); i < last - 1; i++) {
        file.at[i] = (char)(file.at[i] ^ 1);
        expect_tip(&forge, &file, file.length, false);
        file.at[i] = (char)(file.at[i] ^ 1);
    }
    file.at[last - 1] = 'x'; /* the LF before it: now it is no line of its own */
    expect_refusal(&file);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* But lines that are sound and do not follow one another are of two writers, or one is missing. */
static const struct {
    int lines[6], count;
} misfits[] = {
    {{0, 2}, 2},       {{0, 1, 3}, 3},       {{0, 1, 2, 4}, 4}, {{0, 2, 1}, 3},
    {{0, 1, 2, 2}, 4}, {{0, 1, 2, 3, 2}, 5}, {{0, 1, 3, 4}, 4}, {{0, 1, 2, 3, 4, 1}, 6},
};

START_TEST(lines_that_do_not_follow)
{
    struct forge forge;
    struct bytes file = start_with(&forge, 4), made = assemble(&file, misfits[_i].lines, misfits[_i].count);

    expect_refusal(&made);
    bytes_free(&made);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* Nor with damage between them. */
START_TEST(lines_that_go_back)
{
    static const int first[] = {0, 1, 2, 3}, then[] = {2, 3};
    struct forge forge;
    struct bytes file = start_with(&forge, 4), made;

    for (int i = 0; i < 2; i++) {
        struct bytes again = assemble(&file, &then[i], 1);

        made = assemble(&file, first, 4);
        bytes_add(&made, "damage\n", 7);
        bytes_add(&made, again.at, again.length);
        expect_refusal(&made);
        bytes_free(&again);
        bytes_free(&made);
    }
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* The third line of a log that parted from this one at the second. */
START_TEST(line_of_a_fork)
{
    struct forge forge, fork;
    struct bytes file = start_with(&forge, 1), other;
    struct sample sample;
    size_t third;

    forge_copy(&fork, &forge, "fork");
    for (int i = 0; i < 2; i++) {
        sample_make(&sample);
        forge_create(&fork, &sample);
    }
    sample_make(&sample);
    forge_create(&forge, &sample);
    bytes_free(&file);
    file = file_read(forge.path);
    other = file_read(fork.path);
    third = start_of_line(&other, 3);
    bytes_add(&file, other.at + third, other.length - third);
    expect_refusal(&file);
    bytes_free(&other);
    bytes_free(&file);
    forge_end(&fork);
    forge_end(&forge);
}
END_TEST

START_TEST(is_no_store)
{
    static const char *const texts[] = {"", "\n", "toktab1|\n", "no store\nno line\n"};
    struct bytes file = {0};

    bytes_add(&file, texts[_i], strlen(texts[_i]));
    expect_refusal(&file);
    bytes_free(&file);
}
END_TEST

START_TEST(another_domain)
{
    struct forge forge;
    struct bytes file = start_with(&forge, 1);
    struct tip tip;

    ck_assert_ptr_nonnull(tip_find(&tip, "example.net", file.at, file.length, file.at, file.length, 0));
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* ---- what stands behind the last line ---- */

enum kind { IGNORED, DAMAGE };

/* Behind line 9, so that the next number has two digits. */
static const struct {
    enum kind kind;
    const char *rest;
} torn[] = {
    {IGNORED, "1"},
    {IGNORED, "10"},
    {IGNORED, "10|"},
    {IGNORED, "10|abc|\xc3\xa9\x80 ~"},
    {IGNORED, "10|||||||||||||||||||"}, /* 19 bars */
    {IGNORED, "10|||||||||||||||||||0123456789abcdef0123456789abcde"},
    {DAMAGE, "10|||||||||||||||||||0123456789abcdef0123456789abcdef"}, /* a whole chain */
    {DAMAGE, "10||||||||||||||||||||"},                                /* 20 bars */
    {DAMAGE, "9|"},
    {DAMAGE, "11|"},
    {DAMAGE, "100"},
    {DAMAGE, "1|"},
    {DAMAGE, "1x"},
    {DAMAGE, "010|"},
    {DAMAGE, "x"},
    {DAMAGE, "|"},
    {DAMAGE, " "},
    {DAMAGE, "10|a\x1f"},
    {DAMAGE, "10|a\t"},
    {DAMAGE, "10|a\x7f"},
    {DAMAGE, "10|a\nb"},
    {DAMAGE, "10|a\n"},
    {DAMAGE, "\n"},
};

static void expect_kind(const struct forge *forge, struct bytes *file, enum kind kind, const void *rest,
                        size_t length)
{
    size_t whole = file->length;

    bytes_add(file, rest, length);
    if (kind == DAMAGE)
        expect_refusal(file);
    else
        expect_tip(forge, file, whole, false);
    file->length = whole;
}

START_TEST(torn_writes)
{
    struct forge forge;
    struct bytes file = start_with(&forge, 9);

    expect_kind(&forge, &file, torn[_i].kind, torn[_i].rest, strlen(torn[_i].rest));
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(torn_at_each_byte)
{
    struct forge forge, before;
    struct bytes file = start_with(&forge, 1);
    char text[LINE_SIZE_MAX];
    size_t length;

    before = forge;
    length = next_line(&forge, text);
    for (size_t torn_at = 0; torn_at < length - 1; torn_at++)
        expect_kind(&before, &file, IGNORED, text, torn_at);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(too_long_a_rest)
{
    static char rest[LINE_SIZE_MAX];
    struct forge forge;
    struct bytes file = start_with(&forge, 9);

    memset(rest, _i == 0 ? 'x' : '\0', sizeof(rest));
    if (_i == 0)
        memcpy(rest, "10|", 3);
    expect_kind(&forge, &file, IGNORED, rest, LINE_SIZE_MAX - 1);
    expect_kind(&forge, &file, DAMAGE, rest, LINE_SIZE_MAX);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

#define NULS(kind, text) {kind, text, sizeof(text) - 1}

static const struct {
    enum kind kind;
    const char *rest;
    size_t length;
} nuls[] = {
    NULS(IGNORED, "\0"),      NULS(IGNORED, "\0\n"),         NULS(IGNORED, "\0\0\n\0\n"),
    NULS(IGNORED, "10|ab\0"), NULS(IGNORED, "10|ab\0\0\n"),  NULS(IGNORED, "1\0\0"),
    NULS(DAMAGE, "x\0"),      NULS(DAMAGE, "9|ab\0\0"),      NULS(DAMAGE, "10|a\tb\0\0"),
    NULS(DAMAGE, "\n\0"),     NULS(DAMAGE, "10|ab\n\0\0\n"), NULS(DAMAGE, "10||||||||||||||||||||\0\0"),
};

START_TEST(unsynced_writes)
{
    struct forge forge;
    struct bytes file = start_with(&forge, 9);

    expect_kind(&forge, &file, nuls[_i].kind, nuls[_i].rest, nuls[_i].length);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* What a disk has of a write after a sector that it has not: the end of a line may stand there, and no whole
 * one. Anywhere else it is damage. */
START_TEST(unsynced_sectors)
{
    char rest[2 * LINE_SIZE_MAX] = "", line[LINE_SIZE_MAX];
    struct forge forge, before;
    struct bytes file = start_with(&forge, 9);
    size_t lost = SECTOR - file.length % SECTOR, length;

    before = forge;
    length = next_line(&forge, line);
    for (size_t from = 1; from < length; from++) {
        memcpy(rest + lost, line + from, length - from);
        expect_kind(&before, &file, IGNORED, rest, lost + length - from);
        expect_kind(&before, &file, IGNORED, rest, lost + length - from - 1);
        memcpy(rest + lost - 1, line + from, length - from);
        expect_kind(&before, &file, from == length - 1 ? IGNORED : DAMAGE, rest, lost - 1 + length - from);
        rest[lost - 1] = '\0';
    }
    memcpy(rest + lost, line, length);
    expect_kind(&before, &file, DAMAGE, rest, lost + length);
    expect_kind(&before, &file, DAMAGE, rest, lost + length - 1);
    rest[lost + length - 1] = 'x';
    expect_kind(&before, &file, DAMAGE, rest, lost + length);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* Each bit of a line that ends a token: what makes a NUL is no power cut, wherever a sector ends. */
START_TEST(flipped_bits_that_make_nuls)
{
    struct forge forge;
    struct bytes file;
    struct sample sample;
    size_t last, nuls_made = 0;

    start(&forge);
    for (int i = 0; i < SECTOR / 8; i++) {
        sample_make(&sample);
        sample.record.label = span_of("@ @@ @@@ @ @");
        forge_create(&forge, &sample);
        forge_revoke(&forge, &sample);
        file = file_read(forge.path);
        last = start_of_line(&file, (size_t)forge.at.n);
        for (size_t at = last; at < file.length; at++)
            if (file.at[at] == '@' || file.at[at] == ' ') {
                char was = file.at[at];

                file.at[at] = '\0';
                expect_refusal(&file);
                file.at[at] = was;
                nuls_made++;
            }
        bytes_free(&file);
    }
    ck_assert_uint_eq(nuls_made, 12 * SECTOR / 8);
    forge_end(&forge);
}
END_TEST

/* It counts: with nothing behind it, or one byte. */
START_TEST(line_without_its_lf)
{
    static const char *const behind[] = {"", "x", "\t", "\x80", "|"}, *const damage[] = {"xx", "x\n", "\n\n",
                                                                                         "x\n\n"};
    struct forge forge;
    struct bytes file = start_with(&forge, 1);
    char text[LINE_SIZE_MAX];
    size_t length = next_line(&forge, text) - 1;

    bytes_add(&file, text, length);
    for (int i = 0; i < LENGTH(behind); i++) {
        bytes_add(&file, behind[i], strlen(behind[i]));
        expect_tip(&forge, &file, file.length - strlen(behind[i]), true);
        file.length -= strlen(behind[i]);
    }
    bytes_add(&file, "", 1); /* a NUL */
    expect_tip(&forge, &file, file.length - 1, true);
    file.length--;
    for (int i = 0; i < LENGTH(damage); i++) {
        bytes_add(&file, damage[i], strlen(damage[i]));
        expect_refusal(&file);
        file.length -= strlen(damage[i]);
    }
    for (size_t i = 0; i < length; i++) { /* one that proves nothing does not, and is no torn one either */
        char *byte = &file.at[file.length - length + i];

        if (*byte == '|')
            continue;
        *byte = (char)(*byte ^ 1);
        expect_refusal(&file);
        *byte = (char)(*byte ^ 1);
    }
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* Nor does one that is not the next. */
START_TEST(another_line_without_its_lf)
{
    struct forge forge;
    struct bytes file = start_with(&forge, 3);
    size_t second = start_of_line(&file, 2), third = start_of_line(&file, 3), whole = file.length;
    char last[LINE_SIZE_MAX];

    memcpy(last, file.at + third, whole - third);
    bytes_add(&file, last, whole - third - 1); /* once more */
    expect_refusal(&file);
    file.length = second; /* and one too early */
    bytes_add(&file, last, whole - third - 1);
    expect_refusal(&file);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(without_lines)
{
    struct forge forge;
    struct bytes file = start_with(&forge, 0);
    char text[LINE_SIZE_MAX];

    expect_kind(&forge, &file, IGNORED, "", 0);
    expect_kind(&forge, &file, IGNORED, "1|abc", 5);
    expect_kind(&forge, &file, IGNORED, "\0\0\n", 3);
    expect_kind(&forge, &file, DAMAGE, "0|", 2);
    expect_kind(&forge, &file, DAMAGE, "\n", 1);
    bytes_add(&file, text, next_line(&forge, text) - 1);
    expect_tip(&forge, &file, file.length, true);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* A compaction writes it before the rename, so that a torn one is damage; but it may lack its LF. */
START_TEST(point_alone)
{
    struct forge forge;
    struct bytes file = start_with(&forge, 5);
    size_t point, whole;

    bytes_free(&file);
    forge_compact(&forge, TIME_NEVER);
    file = file_read(forge.path);
    whole = file.length;
    expect_tip(&forge, &file, whole, false);
    expect_kind(&forge, &file, IGNORED, "7|", 2);
    point = start_of_line(&file, 6);
    file.length = whole - 1;
    expect_tip(&forge, &file, whole - 1, true);
    for (file.length = point; file.length < whole - 1; file.length++)
        expect_refusal(&file);
    file.length = point - 1; /* the snapshot is cut short */
    expect_refusal(&file);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(point_missing)
{
    static const int without[] = {0, 1, 2, 3, 4, 5, 7};
    struct forge forge;
    struct bytes file = start_with(&forge, 5), made;
    struct sample sample;
    size_t point;

    bytes_free(&file);
    forge_compact(&forge, TIME_NEVER);
    sample_make(&sample);
    forge_create(&forge, &sample);
    file = file_read(forge.path);
    expect_tip(&forge, &file, file.length, false);
    made = assemble(&file, without, LENGTH(without));
    expect_refusal(&made);
    point = start_of_line(&file, 6);
    file.at[point] = 'x'; /* damaged: it does not matter */
    expect_tip(&forge, &file, file.length, false);
    bytes_free(&made);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* ---- of an open file ---- */

START_TEST(open_store)
{
    struct forge forge;
    struct bytes file = start_with(&forge, _i == 0 ? 0 : 100);
    struct fault fault;
    struct tip tip;
    int fd = open(forge.path, O_RDONLY | O_CLOEXEC);

    ck_assert_int_eq(tip_read(&tip, fd, "example.com", &fault), STATUS_DONE);
    expect_log_end(&tip, &forge, file.length, false);
    ck_assert_uint_eq(tip.size, file.length);
    file_append(forge.path, "\n", 1);
    ck_assert_int_eq(tip_read(&tip, fd, "example.com", &fault), STATUS_DAMAGED);
    ck_assert_ptr_nonnull(strstr(fault.text, "toktab mend"));
    close(fd);
    ck_assert_int_eq(tip_read(&tip, fd, "example.com", &fault), STATUS_IO);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

Suite *tip_suite(void)
{
    Suite *suite = suite_create("tip");
    TCase *lines = tcase_create("lines"), *rest = tcase_create("rest");

    tcase_add_test(lines, grows_with_the_log);
    tcase_add_loop_test(lines, windows_that_begin_anywhere, 0, 2);
    tcase_add_test(lines, windows_of_long_lines);
    tcase_add_test(lines, flipped_bits);
    tcase_add_test(lines, damage_before_the_last_line);
    tcase_add_loop_test(lines, lines_that_do_not_follow, 0, LENGTH(misfits));
    tcase_add_test(lines, lines_that_go_back);
    tcase_add_test(lines, line_of_a_fork);
    tcase_add_loop_test(lines, is_no_store, 0, 4);
    tcase_add_test(lines, another_domain);
    tcase_add_loop_test(lines, open_store, 0, 2);
    tcase_add_loop_test(rest, torn_writes, 0, LENGTH(torn));
    tcase_add_test(rest, torn_at_each_byte);
    tcase_add_loop_test(rest, too_long_a_rest, 0, 2);
    tcase_add_loop_test(rest, unsynced_writes, 0, LENGTH(nuls));
    tcase_add_test(rest, unsynced_sectors);
    tcase_add_test(rest, flipped_bits_that_make_nuls);
    tcase_add_test(rest, line_without_its_lf);
    tcase_add_test(rest, another_line_without_its_lf);
    tcase_add_test(rest, without_lines);
    tcase_add_test(rest, point_alone);
    tcase_add_test(rest, point_missing);
    suite_add_tcase(suite, lines);
    suite_add_tcase(suite, rest);
    return suite;
}
