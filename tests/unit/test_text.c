#include "fixture.h"
#include "suites.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

/* A span of a literal, which may hold NULs. */
#define SPAN(literal) ((struct span){literal, sizeof(literal) - 1})

/* ---- lists ---- */

static const struct {
    const char *list;
    int count;
    const char *items; /* joined by ";" */
    bool whole;
} lists[] = {
    {"", 0, "", true},           {"a", 1, "a", true},
    {"a,b", 2, "a;b", true},     {"abc,d,ef", 3, "abc;d;ef", true},
    {",", 1, "", false},         {"a,", 1, "a", false},
    {",a", 2, ";a", false},      {"a,,b", 3, "a;;b", false},
    {"%2C,b", 2, "%2C;b", true},
};

START_TEST(list_is_taken_apart)
{
    struct span list = span_of(lists[_i].list), item;
    char items[64] = "";
    int count = 0;

    ck_assert(span_list_whole(list) == lists[_i].whole);
    while (span_next_item(&list, &item)) {
        if (count++ > 0)
            strcat(items, ";");
        strncat(items, item.at, item.length);
    }
    if (lists[_i].whole) { /* the others are refused: what their items are is nobody's business */
        ck_assert_str_eq(items, lists[_i].items);
        ck_assert_int_eq(count, lists[_i].count);
    }
}
END_TEST

static const struct {
    const char *given, *wanted;
    bool holds;
} list_pairs[] = {
    {"", "", true},       {"a", "", true},         {"a", "a", true},        {"a,b", "b", true},
    {"a,b", "b,a", true}, {"a,b,c", "a,c", true},  {"a", "a,a", true},      {"", "a", false},
    {"a", "b", false},    {"a,b", "a,c", false},   {"ab", "a", false},      {"a", "ab", false},
    {"a,bc", "b", false}, {"read", "READ", false}, {"a,b", "a,b,c", false},
};

START_TEST(list_holds_all)
{
    ck_assert(span_list_holds_all(span_of(list_pairs[_i].given), span_of(list_pairs[_i].wanted)) ==
              list_pairs[_i].holds);
}
END_TEST

START_TEST(span_is_compared)
{
    ck_assert(span_equals(SPAN("ab"), "ab"));
    ck_assert(span_equals(SPAN(""), ""));
    ck_assert(!span_equals(SPAN("ab"), "abc"));
    ck_assert(!span_equals(SPAN("abc"), "ab"));
    ck_assert(!span_equals(SPAN("ab"), "aB"));
    ck_assert(!span_equals(SPAN("a\0b"), "a"));
}
END_TEST

/* ---- hexadecimal, base 62, decimals ---- */

START_TEST(hex_there_and_back)
{
    unsigned char bytes[256], back[256];
    char hex[512];

    for (int i = 0; i < 256; i++)
        bytes[i] = (unsigned char)i;
    hex_encode(hex, bytes, sizeof(bytes));
    ck_assert_mem_eq(hex, "000102030405060708090a0b0c0d0e0f10", 34);
    ck_assert_mem_eq(hex + 508, "feff", 4);
    ck_assert(hex_decode(back, hex, sizeof(back)));
    ck_assert_mem_eq(back, bytes, sizeof(bytes));
}
END_TEST

START_TEST(hex_is_compared)
{
    unsigned char bytes[4 * HEX_STEP];
    char hex[2 * sizeof(bytes)];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(37 * i + 11);
    hex_encode(hex, bytes, sizeof(bytes));
    for (size_t size = HEX_STEP; size <= sizeof(bytes); size += HEX_STEP) {
        ck_assert(hex_equals(hex, bytes, size));
        for (size_t i = 0; i < sizeof(hex); i++)
            for (int bit = 0; bit < 8; bit++) {
                hex[i] = (char)(hex[i] ^ 1 << bit);
                MUST(hex_equals(hex, bytes, size) == (i >= 2 * size));
                hex[i] = (char)(hex[i] ^ 1 << bit);
            }
    }
}
END_TEST

static bool is_one_of(int c, const char *characters)
{
    return c != 0 && strchr(characters, c) != NULL;
}

START_TEST(hex_is_lower_case)
{
    unsigned char bytes[HEX_STEP];
    char hex[2 * HEX_STEP];

    for (int c = 0; c < 256; c++) {
        memset(hex, '0', sizeof(hex));
        hex[_i] = (char)c;
        ck_assert(hex_decode(bytes, hex, sizeof(bytes)) == is_one_of(c, "0123456789abcdef"));
    }
}
END_TEST

START_TEST(base62_has_62_digits)
{
    for (int c = 0; c < 256; c++) {
        char text[3] = {'a', (char)c, 'Z'};

        ck_assert(base62_valid(text, 3) == is_one_of(c, base62_digits));
    }
    ck_assert(base62_valid("", 0));
    for (size_t length = 1; length < 70; length++)
        for (size_t i = 0; i < length; i++)
            for (int c = 0; c < 256; c++) {
                char text[70];

                memset(text, 'z', length);
                text[i] = (char)c;
                MUST(base62_valid(text, length) == is_one_of(c, base62_digits));
            }
    ck_assert_uint_eq(strlen(base62_digits), 62);
    for (int i = 1; i < 62; i++)
        ck_assert_int_gt(base62_digits[i], base62_digits[i - 1]); /* in the order of ASCII */
}
END_TEST

static const struct {
    struct span text;
    bool valid;
    uint64_t value;
} decimals[] = {
    {SPAN("0"), true, 0},
    {SPAN("7"), true, 7},
    {SPAN("10"), true, 10},
    {SPAN("18446744073709551609"), true, UINT64_MAX - 6},
    {SPAN("18446744073709551615"), true, UINT64_MAX},
    {SPAN("18446744073709551616"), false, 0},
    {SPAN("18446744073709551620"), false, 0},
    {SPAN("28446744073709551615"), false, 0},
    {SPAN("99999999999999999999"), false, 0},
    {SPAN("184467440737095516150"), false, 0},
    {SPAN("100000000000000000000000000000000000000"), false, 0},
    {SPAN(""), false, 0},
    {SPAN("00"), false, 0},
    {SPAN("01"), false, 0},
    {SPAN("+1"), false, 0},
    {SPAN("-1"), false, 0},
    {SPAN(" 1"), false, 0},
    {SPAN("1 "), false, 0},
    {SPAN("1\n"), false, 0},
    {SPAN("1\0"), false, 0},
    {SPAN("\0"), false, 0},
    {SPAN("0x1"), false, 0},
    {SPAN("1e3"), false, 0},
    {SPAN("1.0"), false, 0},
    {SPAN("1:"), false, 0},
    {SPAN("1/"), false, 0},
    {SPAN("\xd9\xa1"), false, 0}, /* an Arabic one */
};

START_TEST(decimal_is_whole_and_unpadded)
{
    uint64_t value = 0;

    ck_assert(decimal_parse(decimals[_i].text, &value) == decimals[_i].valid);
    ck_assert_uint_eq(value, decimals[_i].value);
}
END_TEST

START_TEST(decimal_is_taken_up_to_a_bar)
{
    struct span decimal = decimals[_i].text;
    char text[64] = {0};
    uint64_t value;

    memcpy(text, decimal.at, decimal.length);
    ck_assert_ptr_null(decimal_take(text, '|', &value)); /* no bar */
    strcpy(text + decimal.length, "|12345678|");
    if (decimals[_i].valid) {
        ck_assert_ptr_eq(decimal_take(text, '|', &value), text + decimal.length + 1);
        ck_assert_uint_eq(value, decimals[_i].value);
    } else {
        ck_assert_ptr_null(decimal_take(text, '|', &value));
    }
}
END_TEST

/* Of any length, and whatever stands behind it. */
START_TEST(each_power_of_ten_is_taken)
{
    uint64_t value, power = 1;

    for (int length = 1; length <= 20; length++, power *= 10) {
        char text[64];

        snprintf(text, sizeof(text), "%" PRIu64 "|99999999", power);
        ck_assert_ptr_eq(decimal_take(text, '|', &value), text + length + 1);
        ck_assert_uint_eq(value, power);
        text[length] = '-';
        ck_assert_ptr_null(decimal_take(text, '|', &value));
    }
}
END_TEST

/* ---- UTF-8 ---- */

static const struct {
    struct span text;
    long length;
} utf8_texts[] = {
    {SPAN(""), 0},
    {SPAN("a"), 1},
    {SPAN("\0"), 1},
    {SPAN("\x7f"), 1},
    {SPAN("f\xc3\xbcr"), 3},
    {SPAN("\xc2\x80"), 1},
    {SPAN("\xdf\xbf"), 1},
    {SPAN("\xe0\xa0\x80"), 1},
    {SPAN("\xed\x9f\xbf"), 1}, /* U+D7FF, below the surrogates */
    {SPAN("\xee\x80\x80"), 1}, /* U+E000, above them */
    {SPAN("\xef\xbf\xbf"), 1},
    {SPAN("\xf0\x90\x80\x80"), 1},
    {SPAN("\xf4\x8f\xbf\xbf"), 1}, /* U+10FFFF */
    {SPAN("\xe6\x97\xa5\xe6\x9c\xac\xf0\x9f\x98\x80"), 3},
    /* overlong */
    {SPAN("\xc0\x80"), -1},
    {SPAN("\xc1\xbf"), -1},
    {SPAN("\xe0\x80\x80"), -1},
    {SPAN("\xe0\x9f\xbf"), -1},
    {SPAN("\xf0\x80\x80\x80"), -1},
    {SPAN("\xf0\x8f\xbf\xbf"), -1},
    {SPAN("\xf8\x88\x80\x80\x80"), -1},
    {SPAN("\xfc\x84\x80\x80\x80\x80"), -1},
    /* surrogates */
    {SPAN("\xed\xa0\x80"), -1},
    {SPAN("\xed\xaf\xbf\xed\xbf\xbf"), -1},
    {SPAN("\xed\xbf\xbf"), -1},
    /* beyond U+10FFFF */
    {SPAN("\xf4\x90\x80\x80"), -1},
    {SPAN("\xf5\x80\x80\x80"), -1},
    {SPAN("\xf7\xbf\xbf\xbf"), -1},
    {SPAN("\xff"), -1},
    {SPAN("\xfe"), -1},
    /* cut, or without a beginning */
    {SPAN("\xc3"), -1},
    {SPAN("\xe6\x97"), -1},
    {SPAN("\xf0\x9f\x98"), -1},
    {SPAN("a\xf0\x9f"), -1},
    {SPAN("\x80"), -1},
    {SPAN("\xbf"), -1},
    {SPAN("\xc3\xbc\xbc"), -1},
    {SPAN("\xc3("), -1},
    {SPAN("\xe2\x28\xa1"), -1},
    {SPAN("\xe2\x82("), -1},
    {SPAN("\xf0\x9f(\x80"), -1},
    {SPAN("\xc3\xc3\xbc"), -1},
};

START_TEST(utf8_is_strict)
{
    ck_assert_int_eq(utf8_length(utf8_texts[_i].text), utf8_texts[_i].length);
}
END_TEST

static size_t encode(char text[4], uint32_t point)
{
    if (point < 0x80) {
        text[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        text[0] = (char)(0xc0 | point >> 6);
        text[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        text[0] = (char)(0xe0 | point >> 12);
        text[1] = (char)(0x80 | (point >> 6 & 0x3f));
        text[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    text[0] = (char)(0xf0 | point >> 18);
    text[1] = (char)(0x80 | (point >> 12 & 0x3f));
    text[2] = (char)(0x80 | (point >> 6 & 0x3f));
    text[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

START_TEST(utf8_every_character)
{
    for (uint32_t point = 0; point < 0x110000; point++) {
        char text[4];
        struct span span = {text, encode(text, point)};
        bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);

        if (point >= 0xd800 && point < 0xe000) {
            MUST(utf8_length(span) == -1);
            continue;
        }
        if (utf8_length(span) != 1 || utf8_has_controls(span) != control)
            ck_abort_msg("U+%04X", (unsigned)point);
    }
}
END_TEST

START_TEST(controls_anywhere)
{
    ck_assert(!utf8_has_controls(SPAN("")));
    ck_assert(!utf8_has_controls(SPAN("plain \xc2\xa0 text")));
    ck_assert(utf8_has_controls(SPAN("\nx")));
    ck_assert(utf8_has_controls(SPAN("x\x1b[0m")));
    ck_assert(utf8_has_controls(SPAN("x\0")));
    ck_assert(utf8_has_controls(SPAN("x\x7f")));
    ck_assert(utf8_has_controls(SPAN("x\xc2\x9b")));
}
END_TEST

/* ---- escapes ---- */

START_TEST(escape_there_and_back)
{
    char text[256], escaped[1024], back[256];
    long length;

    for (int i = 1; i < 256; i++)
        text[i - 1] = (char)i;
    length = text_escape(escaped, sizeof(escaped), (struct span){text, 255}, ",/ ");
    ck_assert_int_eq(length, 255 + 2 * (31 + 1 + 2 + 3));
    ck_assert_int_eq(escaped[length], '\0');
    ck_assert_mem_eq(escaped, "%01%02%03%04%05%06%07%08%09%0A%0B%0C%0D%0E%0F%10", 48);
    ck_assert_ptr_nonnull(strstr(escaped, "%1F%20!\"#$%25&"));
    ck_assert_ptr_nonnull(strstr(escaped, "+%2C-.%2F0"));
    ck_assert_ptr_nonnull(strstr(escaped, "{%7C}~%7F\x80"));
    ck_assert_int_eq(text_unescape(back, sizeof(back), (struct span){escaped, (size_t)length}), 255);
    ck_assert_mem_eq(back, text, 255);
    ck_assert_int_eq(back[255], '\0');
}
END_TEST

START_TEST(escape_only_what_must_be)
{
    char escaped[64];

    ck_assert_int_eq(text_escape(escaped, sizeof(escaped), SPAN("a,b/c d|e"), ""), 11);
    ck_assert_str_eq(escaped, "a,b/c d%7Ce");
    ck_assert_int_eq(text_escape(escaped, sizeof(escaped), SPAN(""), ""), 0);
    ck_assert_str_eq(escaped, "");
}
END_TEST

START_TEST(escape_knows_its_room)
{
    char room[8];

    memset(room, '#', sizeof(room));
    ck_assert_int_eq(text_escape(room, 5, SPAN("a%"), ""), 4);
    ck_assert_int_eq(room[5], '#');
    ck_assert_int_eq(text_escape(room, 4, SPAN("a%"), ""), -1);
    ck_assert_int_eq(text_escape(room, 3, SPAN("abc"), ""), -1);
    ck_assert_int_eq(text_escape(room, 4, SPAN("abc"), ""), 3);
    ck_assert_int_eq(text_escape(room, 1, SPAN(""), ""), 0);
    ck_assert_int_eq(text_escape(room, 0, SPAN(""), ""), -1);
    ck_assert_int_eq(text_unescape(room, 4, SPAN("%25bc")), 3);
    ck_assert_int_eq(text_unescape(room, 3, SPAN("%25bc")), -1);
    ck_assert_int_eq(text_unescape(room, 1, SPAN("")), 0);
    ck_assert_int_eq(text_unescape(room, 0, SPAN("")), -1);
    ck_assert_int_eq(room[5], '#');
}
END_TEST

static const struct {
    struct span escaped;
    const char *text; /* NULL: refused */
} escapes[] = {
    {SPAN(""), ""},          {SPAN("abc"), "abc"},         {SPAN("%25"), "%"},
    {SPAN("%7C%0A"), "|\n"}, {SPAN("%C3%BC"), "\xc3\xbc"}, {SPAN("\xc3\xbc"), "\xc3\xbc"},
    {SPAN("%"), NULL},       {SPAN("%7"), NULL},           {SPAN("x%"), NULL},
    {SPAN("%%25"), NULL},    {SPAN("%0a"), NULL},          {SPAN("%7c"), NULL},
    {SPAN("%a0"), NULL},     {SPAN("%00"), NULL},          {SPAN("a%00b"), NULL},
    {SPAN("%G0"), NULL},     {SPAN("%0G"), NULL},          {SPAN("%/0"), NULL},
    {SPAN("%:0"), NULL},     {SPAN("%@0"), NULL},          {SPAN("% 1"), NULL},
    {SPAN("%+1"), NULL},     {SPAN("%-1"), NULL},          {SPAN("a\nb"), NULL},
    {SPAN("a\tb"), NULL},    {SPAN("a\x7f"), NULL},        {SPAN("a\0b"), NULL},
    {SPAN("\x1f"), NULL},
};

START_TEST(unescape_is_strict)
{
    char text[64] = "";
    long length = text_unescape(text, sizeof(text), escapes[_i].escaped);

    if (escapes[_i].text) {
        ck_assert_int_eq(length, (long)strlen(escapes[_i].text));
        ck_assert_str_eq(text, escapes[_i].text);
    } else {
        ck_assert_int_eq(length, -1);
    }
}
END_TEST

static const struct {
    struct span escaped;
    size_t size;
    const char *plain; /* NULL: refused */
    long characters;
} plains[] = {
    {SPAN("100%25 %7C f\xc3\xbcr"), 64, "100% | f\xc3\xbcr", 10},
    {SPAN("a%0Ab%1B%7F"), 64, "a%0Ab%1B%7F", 5},
    {SPAN("\xc2\x80%C2%9F\xc2\xa0"), 64, "%80%9F\xc2\xa0", 3},
    {SPAN("%25%0A"), 64, "%%0A", 2},
    {SPAN("sixteen letters!"), 17, "sixteen letters!", 16},
    {SPAN("sixteen letters!"), 16, NULL, 0},
    {SPAN("a%0Ab"), 6, "a%0Ab", 3},
    {SPAN("a%0Ab"), 5, NULL, 0},
    {SPAN("abc"), 3, NULL, 0},
    {SPAN("a%0a"), 64, NULL, 0},
    {SPAN("%00"), 64, NULL, 0},
    {SPAN("a\xff"), 64, NULL, 0},
    {SPAN("a%FF"), 64, NULL, 0},
    {SPAN(""), 64, "", 0},
    {SPAN(""), 0, NULL, 0},
};

START_TEST(controls_stay_escaped)
{
    char text[64] = "";
    long characters, length = text_unescape_plain(text, plains[_i].size, plains[_i].escaped, &characters);

    if (plains[_i].plain) {
        ck_assert_int_eq(characters, plains[_i].characters);
        ck_assert_str_eq(text, plains[_i].plain);
        ck_assert_int_eq(length, (long)strlen(plains[_i].plain));
    } else {
        ck_assert_int_eq(length, -1);
    }
}
END_TEST

/* A line full of controls fits into nothing when it is escaped: no longer than the room is what is written.
 */
START_TEST(controls_outgrow_their_room)
{
    static char escaped[3 * 4095];
    char text[4096 + 1];
    long characters;

    for (size_t i = 0; i < sizeof(escaped); i += 3)
        memcpy(escaped + i, "%0A", 3);
    for (size_t count = 1; count < 4096; count += 61) {
        memset(text, '#', sizeof(text));
        ck_assert_int_eq(text_unescape_plain(text, 4096, (struct span){escaped, 3 * count}, &characters),
                         3 * count < 4096 ? (long)(3 * count) : -1);
        ck_assert_int_eq(text[4096], '#');
    }
}
END_TEST

Suite *text_suite(void)
{
    Suite *suite = suite_create("text");
    TCase *spans = tcase_create("lists"), *digits = tcase_create("digits"), *utf8 = tcase_create("utf8"),
          *escape = tcase_create("escapes");

    tcase_add_loop_test(spans, list_is_taken_apart, 0, LENGTH(lists));
    tcase_add_loop_test(spans, list_holds_all, 0, LENGTH(list_pairs));
    tcase_add_test(spans, span_is_compared);
    suite_add_tcase(suite, spans);
    tcase_add_test(digits, hex_there_and_back);
    tcase_add_test(digits, hex_is_compared);
    tcase_add_loop_test(digits, hex_is_lower_case, 0, 2 * HEX_STEP);
    tcase_add_test(digits, base62_has_62_digits);
    tcase_add_loop_test(digits, decimal_is_whole_and_unpadded, 0, LENGTH(decimals));
    tcase_add_loop_test(digits, decimal_is_taken_up_to_a_bar, 0, LENGTH(decimals));
    tcase_add_test(digits, each_power_of_ten_is_taken);
    suite_add_tcase(suite, digits);
    tcase_add_loop_test(utf8, utf8_is_strict, 0, LENGTH(utf8_texts));
    tcase_add_test(utf8, utf8_every_character);
    tcase_add_test(utf8, controls_anywhere);
    suite_add_tcase(suite, utf8);
    tcase_add_test(escape, escape_there_and_back);
    tcase_add_test(escape, escape_only_what_must_be);
    tcase_add_test(escape, escape_knows_its_room);
    tcase_add_loop_test(escape, unescape_is_strict, 0, LENGTH(escapes));
    tcase_add_loop_test(escape, controls_stay_escaped, 0, LENGTH(plains));
    tcase_add_test(escape, controls_outgrow_their_room);
    suite_add_tcase(suite, escape);
    return suite;
}
