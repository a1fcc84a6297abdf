/* The file that says when a follower last heard its source. */
#include "contact.h"

#include "fixture.h"
#include "suites.h"

#include <string.h>

#define HEAD "1:5:0123456789abcdef0123456789abcdef"
#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

START_TEST(comes_back)
{
    struct contact contact = {.time = 1767225600, .state = "good", .head = HEAD}, read;
    char text[CONTACT_TEXT_SIZE];
    size_t length = contact_format(text, &contact);

    ck_assert_str_eq(text, "1767225600|good|" HEAD "\n");
    ck_assert(contact_parse(&read, text, length));
    ck_assert_int_eq(read.time, contact.time);
    ck_assert_str_eq(read.state, contact.state);
    ck_assert_str_eq(read.head, contact.head);
    ck_assert(contact_parse(&read, "0|fork|\n", 8));
    ck_assert_str_eq(read.head, "");
}
END_TEST

static const char *const bad[] = {
    "",
    "\n",
    "1\n",
    "1|good\n",
    "1|good|" HEAD,
    "|good|\n",
    "01|good|\n",
    "-1|good|\n",
    "99999999999999999999|good|\n",
    "9223372036854775808|good|\n",
    "1||\n",
    "1|Good|\n",
    "1|abcdefghijklmnop|\n",
    "1|good|xyz\n",
    "1|good|" HEAD " \n",
    "1|good|" HEAD "|\n",
    "1|good|" HEAD "\n\n",
    "1|good|0123456789012345678901234567890123456789012345678901234567890123456789012345678901\n",
};

START_TEST(else_refused)
{
    struct contact contact;

    ck_assert(!contact_parse(&contact, bad[_i], strlen(bad[_i])));
}
END_TEST

START_TEST(from_a_file)
{
    char directory[SCRATCH_PATH], path[SCRATCH_PATH];
    struct contact contact;

    scratch_directory(directory);
    ck_assert(!contact_read(&contact, directory, "example.com"));
    path_join(path, directory, "example.com.contact");
    file_write(path, "7|fork|" HEAD "\n", 7 + strlen(HEAD) + 1);
    ck_assert(contact_read(&contact, directory, "example.com"));
    ck_assert_int_eq(contact.time, 7);
    ck_assert_str_eq(contact.state, "fork");
    file_write(path, "x", 1);
    ck_assert(!contact_read(&contact, directory, "example.com"));
}
END_TEST

Suite *contact_suite(void)
{
    Suite *suite = suite_create("contact");
    TCase *all = tcase_create("contact");

    tcase_add_test(all, comes_back);
    tcase_add_loop_test(all, else_refused, 0, LENGTH(bad));
    tcase_add_test(all, from_a_file);
    suite_add_tcase(suite, all);
    return suite;
}
