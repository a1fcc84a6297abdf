/* Tokens in UTF-16 and in base64 are found in any pieces, on the line where they are, and once. */
#include "forge.h"
#include "suites.h"
#include "token/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

#define TOKEN_A "acme_ExampleTokenNeverUseThisSecretItIsPrintedInTheManual12009B2EU"
#define TOKEN_B "acme_SecondSampleAnotherSecretThatIsKnownToEveryReader45678929SVNN"

/* What was found: "A1 B3 " for A on line 1 and B on line 3. */
struct found {
    char text[256];
};

static void note(void *context, const char *token, size_t length, uint64_t line)
{
    struct found *found = context;
    size_t used = strlen(found->text);
    bool a = length == strlen(TOKEN_A) && memcmp(token, TOKEN_A, length) == 0;

    MUST(a || (length == strlen(TOKEN_B) && memcmp(token, TOKEN_B, length) == 0));
    snprintf(found->text + used, sizeof(found->text) - used, "%c%d ", a ? 'A' : 'B', (int)line);
}

static void expect(const struct bytes *text, size_t piece, const char *wanted)
{
    static struct search search;
    struct found found = {""};

    search_begin(&search, note, &found);
    for (size_t at = 0; at < text->length; at += piece) {
        size_t size = text->length - at < piece ? text->length - at : piece;

        memcpy(search_room(&search), text->at + at, size);
        search_piece(&search, size);
    }
    search_end(&search);
    ck_assert_msg(strcmp(found.text, wanted) == 0, "in pieces of %zu: %s, not %s", piece, found.text, wanted);
}

static void expect_in_pieces(const struct bytes *text, const char *wanted)
{
    static const size_t pieces[] = {1, 2, 3, 7, 59, 60, 61, 84, 100, SEARCH_PIECE};

    for (int i = 0; i < LENGTH(pieces); i++)
        expect(text, pieces[i], wanted);
}

static void add(struct bytes *bytes, const char *text)
{
    bytes_add(bytes, text, strlen(text));
}

/* ---- UTF-16 ---- */

/* low: where the character stands in its two bytes */
static void add_wide(struct bytes *bytes, const char *text, int low)
{
    for (; *text != '\0'; text++) {
        char pair[2] = {0};

        pair[low] = *text;
        bytes_add(bytes, pair, 2);
    }
}

START_TEST(wide)
{
    struct bytes text = {0};

    bytes_add(&text, _i == 0 ? "\xff\xfe" : "\xfe\xff", 2);
    add_wide(&text, "first\r\nkey = " TOKEN_A "\r\n\n" TOKEN_B, _i);
    expect_in_pieces(&text, "A2 B4 ");
    bytes_free(&text);
}
END_TEST

START_TEST(wide_among_other_bytes)
{
    struct bytes text = {0};

    add(&text, "one line of text\n" TOKEN_B "\n");
    bytes_add(&text, "\0\0\0\n\x01\x02", 6);
    add_wide(&text, TOKEN_A, 0);
    add(&text, "\n\n");
    bytes_add(&text, "\0" TOKEN_B "\0", strlen(TOKEN_B) + 2);
    expect(&text, SEARCH_PIECE, "A4 B2 B6 ");
    bytes_free(&text);
}
END_TEST

/* As from `cat a b | toktab scan`. */
START_TEST(wide_and_other_text_in_the_next_piece)
{
    struct bytes text = {0};

    add_wide(&text, TOKEN_A, _i);
    add(&text, "and then text\n");
    expect(&text, 2 * strlen(TOKEN_A), "A1 ");
    bytes_free(&text);
}
END_TEST

/* ---- base64 ---- */

/* In lines of that width; 0: in one. */
static void add_base64(struct bytes *bytes, const char *text, size_t width, const char *newline)
{
    size_t size = crypto_base64_size(strlen(text));
    char *encoded = malloc(size);

    crypto_base64(encoded, size, text, strlen(text));
    for (size_t i = 0; encoded[i] != '\0'; i++) {
        if (width > 0 && i > 0 && i % width == 0)
            add(bytes, newline);
        bytes_add(bytes, encoded + i, 1);
    }
    free(encoded);
}

START_TEST(base64)
{
    static const char *const before[] = {"", "x", "xy", "user:", "a longer text, which tells more\n\n"};

    for (int i = 0; i < LENGTH(before); i++) {
        struct bytes text = {0};
        char plain[256];

        add(&text, "Authorization: Basic ");
        add_base64(&text, strcat(strcpy(plain, before[i]), TOKEN_A), 0, "");
        add(&text, "\n\n  password: \"");
        add_base64(&text, strcat(strcpy(plain, before[i]), TOKEN_B "\nand more"), 0, "");
        add(&text, "\"\n");
        expect_in_pieces(&text, "A1 B3 ");
        bytes_free(&text);
    }
}
END_TEST

START_TEST(base64_in_lines)
{
    static const struct {
        size_t width;
        const char *newline;
    } ways[] = {{64, "\n"}, {76, "\n"}, {76, "\r\n"}};
    struct bytes text = {0};

    add(&text, "-----BEGIN-----\n");
    add_base64(&text,
               "something that is in front of it, and takes more than one line of text\n" TOKEN_A
               "\n" TOKEN_B,
               ways[_i].width, ways[_i].newline);
    add(&text, "\n-----END-----\n" TOKEN_B "\n");
    for (size_t piece = 1; piece < text.length; piece += 3) {
        static struct search search;
        struct found found = {""};

        search_begin(&search, note, &found);
        for (size_t at = 0; at < text.length; at += piece) {
            size_t size = text.length - at < piece ? text.length - at : piece;

            memcpy(search_room(&search), text.at + at, size);
            search_piece(&search, size);
        }
        search_end(&search);
        ck_assert_ptr_nonnull(strstr(found.text, "A2 B2 "));
    }
    bytes_free(&text);
}
END_TEST

/* Longer than any buffer. */
START_TEST(large_base64)
{
    size_t size = 3 * SEARCH_PIECE;
    char *plain = malloc(size + 1);
    struct bytes text = {0};

    memset(plain, 'x', size);
    plain[size] = '\0';
    memcpy(plain + 1000, " " TOKEN_A " ", strlen(TOKEN_A) + 2);
    memcpy(plain + size - 1000, " " TOKEN_B " ", strlen(TOKEN_B) + 2);
    add(&text, "\ndata:;base64,");
    add_base64(&text, plain, 0, "");
    expect(&text, SEARCH_PIECE, "A2 B2 ");
    expect(&text, 4096, "A2 B2 ");
    expect(&text, 4099, "A2 B2 ");
    bytes_free(&text);
    free(plain);
}
END_TEST

START_TEST(only_once_decoded)
{
    struct bytes once = {0}, twice = {0};

    add_base64(&once, TOKEN_A, 0, "");
    bytes_add(&once, "", 1);
    add_base64(&twice, once.at, 0, "");
    expect_in_pieces(&twice, "");
    bytes_free(&once);
    bytes_free(&twice);
}
END_TEST

/* In the alphabet for URLs, among bytes that are no ASCII. */
START_TEST(base64_of_urls)
{
    struct bytes text = {0};
    char plain[256];

    add(&text, "?state=");
    add_base64(&text, strcat(strcpy(plain, "\xff\xfb\xff\xbe "), TOKEN_A), 0, "");
    for (size_t i = 0; i < text.length; i++)
        text.at[i] = text.at[i] == '+' ? '-' : text.at[i] == '/' ? '_' : text.at[i];
    ck_assert_ptr_nonnull(strstr(text.at, "_"));
    expect_in_pieces(&text, "A1 ");
    bytes_free(&text);
}
END_TEST

Suite *search_suite(void)
{
    Suite *suite = suite_create("search");
    TCase *wide_texts = tcase_create("wide"), *base64_texts = tcase_create("base64");

    tcase_add_loop_test(wide_texts, wide, 0, 2);
    tcase_add_test(wide_texts, wide_among_other_bytes);
    tcase_add_loop_test(wide_texts, wide_and_other_text_in_the_next_piece, 0, 2);
    suite_add_tcase(suite, wide_texts);
    tcase_add_test(base64_texts, base64);
    tcase_add_loop_test(base64_texts, base64_in_lines, 0, 3);
    tcase_add_test(base64_texts, large_base64);
    tcase_add_test(base64_texts, only_once_decoded);
    tcase_add_test(base64_texts, base64_of_urls);
    suite_add_tcase(suite, base64_texts);
    return suite;
}
