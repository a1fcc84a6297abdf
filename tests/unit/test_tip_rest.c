/* What a writer makes of each kind of rest, which test_rest.c tells apart. */
#include "tip_fixture.h"

#include "mendable.h"
#include "suites.h"

#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

enum { SECTOR = 512 };

enum kind { IGNORED, DAMAGE };

/* After line 9, so that the next number has two digits. */
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
        tip_expect_none(file);
    else
        tip_expect(forge, file, whole, false);
    file->length = whole;
}

START_TEST(torn_writes)
{
    struct forge forge;
    struct bytes file = tip_start_with(&forge, 9);

    expect_kind(&forge, &file, torn[_i].kind, torn[_i].rest, strlen(torn[_i].rest));
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(torn_at_each_byte)
{
    struct forge forge, before;
    struct bytes file = tip_start_with(&forge, 1);
    char text[LINE_SIZE_MAX];
    size_t length;

    before = forge;
    length = tip_next_line(&forge, text);
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
    struct bytes file = tip_start_with(&forge, 9);

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
    struct bytes file = tip_start_with(&forge, 9);

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
    struct bytes file = tip_start_with(&forge, 9);
    size_t lost = SECTOR - file.length % SECTOR, length;

    before = forge;
    length = tip_next_line(&forge, line);
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

    tip_start(&forge);
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
                tip_expect_none(&file);
                file.at[at] = was;
                nuls_made++;
            }
        bytes_free(&file);
    }
    ck_assert_uint_eq(nuls_made, 12 * SECTOR / 8);
    forge_end(&forge);
}
END_TEST

/* It counts: with nothing after it, or one byte. */
START_TEST(line_without_its_lf)
{
    static const char *const after[] = {"", "x", "\t", "\x80", "|"}, *const damage[] = {"xx", "x\n", "\n\n",
                                                                                        "x\n\n"};
    struct forge forge;
    struct bytes file = tip_start_with(&forge, 1);
    char text[LINE_SIZE_MAX];
    size_t length = tip_next_line(&forge, text) - 1;

    bytes_add(&file, text, length);
    for (int i = 0; i < LENGTH(after); i++) {
        bytes_add(&file, after[i], strlen(after[i]));
        tip_expect(&forge, &file, file.length - strlen(after[i]), true);
        file.length -= strlen(after[i]);
    }
    bytes_add(&file, "", 1); /* a NUL */
    tip_expect(&forge, &file, file.length - 1, true);
    file.length--;
    for (int i = 0; i < LENGTH(damage); i++) {
        bytes_add(&file, damage[i], strlen(damage[i]));
        tip_expect_none(&file);
        file.length -= strlen(damage[i]);
    }
    for (size_t i = 0; i < length; i++) { /* one that proves nothing does not, and is no torn one either */
        char *byte = &file.at[file.length - length + i];

        if (*byte == '|')
            continue;
        *byte = (char)(*byte ^ 1);
        tip_expect_none(&file);
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
    struct bytes file = tip_start_with(&forge, 3);
    size_t second = start_of_line(&file, 2), third = start_of_line(&file, 3), whole = file.length;
    char last[LINE_SIZE_MAX];

    memcpy(last, file.at + third, whole - third);
    bytes_add(&file, last, whole - third - 1); /* once more */
    tip_expect_none(&file);
    file.length = second; /* and one too early */
    bytes_add(&file, last, whole - third - 1);
    tip_expect_none(&file);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(without_lines)
{
    struct forge forge;
    struct bytes file = tip_start_with(&forge, 0);
    char text[LINE_SIZE_MAX];

    expect_kind(&forge, &file, IGNORED, "", 0);
    expect_kind(&forge, &file, IGNORED, "1|abc", 5);
    expect_kind(&forge, &file, IGNORED, "\0\0\n", 3);
    expect_kind(&forge, &file, DAMAGE, "0|", 2);
    expect_kind(&forge, &file, DAMAGE, "\n", 1);
    bytes_add(&file, text, tip_next_line(&forge, text) - 1);
    tip_expect(&forge, &file, file.length, true);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

/* A compaction writes it before the rename, so that a torn one is damage; but it may lack its LF. */
START_TEST(point_alone)
{
    struct forge forge;
    struct bytes file = tip_start_with(&forge, 5);
    size_t point, whole;

    bytes_free(&file);
    forge_compact(&forge, TIME_NEVER);
    file = file_read(forge.path);
    whole = file.length;
    tip_expect(&forge, &file, whole, false);
    expect_kind(&forge, &file, IGNORED, "7|", 2);
    point = start_of_line(&file, 6);
    file.length = whole - 1;
    tip_expect(&forge, &file, whole - 1, true);
    for (file.length = point; file.length < whole - 1; file.length++)
        tip_expect_none(&file);
    file.length = point - 1; /* the snapshot is cut short */
    tip_expect_none(&file);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

START_TEST(point_missing)
{
    static const int without[] = {0, 1, 2, 3, 4, 5, 7, -1};
    struct forge forge;
    struct bytes file = tip_start_with(&forge, 5), made;
    struct sample sample;
    size_t point;

    bytes_free(&file);
    forge_compact(&forge, TIME_NEVER);
    sample_make(&sample);
    forge_create(&forge, &sample);
    file = file_read(forge.path);
    tip_expect(&forge, &file, file.length, false);
    made = lines_of(&file, without);
    tip_expect_none(&made);
    point = start_of_line(&file, 6);
    file.at[point] = 'x'; /* damaged: it does not matter */
    tip_expect(&forge, &file, file.length, false);
    bytes_free(&made);
    bytes_free(&file);
    forge_end(&forge);
}
END_TEST

Suite *tip_rest_suite(void)
{
    Suite *suite = suite_create("tip_rest");
    TCase *test = tcase_create("tip_rest");

    tcase_add_loop_test(test, torn_writes, 0, LENGTH(torn));
    tcase_add_test(test, torn_at_each_byte);
    tcase_add_loop_test(test, too_long_a_rest, 0, 2);
    tcase_add_loop_test(test, unsynced_writes, 0, LENGTH(nuls));
    tcase_add_test(test, unsynced_sectors);
    tcase_add_test(test, flipped_bits_that_make_nuls);
    tcase_add_test(test, line_without_its_lf);
    tcase_add_test(test, another_line_without_its_lf);
    tcase_add_test(test, without_lines);
    tcase_add_test(test, point_alone);
    tcase_add_test(test, point_missing);
    suite_add_tcase(suite, test);
    return suite;
}
