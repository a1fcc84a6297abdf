#include "cidr.h"
#include "suites.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *text;
    const char *network; /* trimmed, in canonical form; NULL: refused */
    bool host_bits;
} networks[] = {
    {"192.0.2.1", "192.0.2.1/32", false},
    {"192.0.2.1/32", "192.0.2.1/32", false},
    {"192.0.2.0/24", "192.0.2.0/24", false},
    {"192.0.2.1/24", "192.0.2.0/24", true},
    {"192.0.2.255/25", "192.0.2.128/25", true},
    {"192.0.2.128/25", "192.0.2.128/25", false},
    {"255.255.255.255/1", "128.0.0.0/1", true},
    {"0.0.0.0/0", "0.0.0.0/0", false},
    {"10.1.2.3/0", "0.0.0.0/0", true},
    {"2001:db8::/32", "2001:db8::/32", false},
    {"2001:DB8::1/32", "2001:db8::/32", true},
    {"2001:0db8:0:0:0:0:0:1", "2001:db8::1/128", false},
    {"2001:db8::1/128", "2001:db8::1/128", false},
    {"2001:db8::1/127", "2001:db8::/127", true},
    {"::/0", "::/0", false},
    {"::1/0", "::/0", true},
    {"::1", "::1/128", false},
    {"fe80::/10", "fe80::/10", false},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/65", "ffff:ffff:ffff:ffff:8000::/65", true},
    /* an IPv4-mapped network is an IPv4 network, if all of it is */
    {"::ffff:192.0.2.1", "192.0.2.1/32", false},
    {"::ffff:192.0.2.0/120", "192.0.2.0/24", false},
    {"::ffff:192.0.2.7/120", "192.0.2.0/24", true},
    {"::ffff:0.0.0.0/96", "0.0.0.0/0", false},
    {"::ffff:c000:201", "192.0.2.1/32", false},
    {"::ffff:0:0/95", "::fffe:0:0/95", true},
    {"::192.0.2.1", "::192.0.2.1/128", false}, /* a compatible one is not mapped */
    /* bits */
    {"192.0.2.0/33", NULL, false},
    {"192.0.2.0/128", NULL, false},
    {"2001:db8::/129", NULL, false},
    {"::ffff:192.0.2.0/129", NULL, false},
    {"192.0.2.0/", NULL, false},
    {"192.0.2.0/024", NULL, false},
    {"192.0.2.0/00", NULL, false},
    {"192.0.2.0/-1", NULL, false},
    {"192.0.2.0/+8", NULL, false},
    {"192.0.2.0/ 8", NULL, false},
    {"192.0.2.0/8 ", NULL, false},
    {"192.0.2.0/8/8", NULL, false},
    {"192.0.2.0/255.255.255.0", NULL, false},
    {"192.0.2.0/0x8", NULL, false},
    {"192.0.2.0/4294967304", NULL, false}, /* 2^32 + 8 */
    {"192.0.2.0/18446744073709551624", NULL, false},
    /* addresses */
    {"", NULL, false},
    {"/", NULL, false},
    {"/8", NULL, false},
    {"192.0.2", NULL, false},
    {"192.0.2.1.", NULL, false},
    {"192.0.2.1.1", NULL, false},
    {"192.0.2.256", NULL, false},
    {"192.0.2.01", NULL, false},
    {"192.0.2.-1", NULL, false},
    {"0xc0.0.2.1", NULL, false},
    {"3221225985", NULL, false},
    {" 192.0.2.1", NULL, false},
    {"192.0.2.1 ", NULL, false},
    {"192.0.2.1\n", NULL, false},
    {"localhost", NULL, false},
    {"*", NULL, false},
    {":", NULL, false},
    {":::", NULL, false},
    {"1::2::3", NULL, false},
    {"2001:db8", NULL, false},
    {"2001:db8::g", NULL, false},
    {"1:2:3:4:5:6:7:8:9", NULL, false},
    {"12345::", NULL, false},
    {"fe80::1%eth0", NULL, false},
    {"[::1]", NULL, false},
    {"::ffff:192.0.2.1.1", NULL, false},
    {"aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:255.255.255.255aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL, false},
};

START_TEST(network_is_parsed_and_written)
{
    struct cidr cidr, again;
    char text[CIDR_TEXT_SIZE];
    bool parsed = cidr_parse(&cidr, span_of(networks[_i].text));

    ck_assert_msg(parsed == (networks[_i].network != NULL), "%s", networks[_i].text);
    if (!parsed)
        return;
    ck_assert(cidr_trim(&cidr) == networks[_i].host_bits);
    cidr_format(text, &cidr);
    ck_assert_str_eq(text, networks[_i].network);
    ck_assert(cidr_parse(&again, span_of(text)));
    ck_assert(!cidr_trim(&again));
    ck_assert_uint_eq(again.bits, cidr.bits);
}
END_TEST

START_TEST(address_is_parsed)
{
    struct address address;

    ck_assert(address_parse(&address, span_of("192.0.2.1")));
    ck_assert_uint_eq(address.size, 4);
    ck_assert_mem_eq(address.bytes, "\xc0\x00\x02\x01", 4);
    ck_assert(address_parse(&address, span_of("::ffff:192.0.2.1")));
    ck_assert_uint_eq(address.size, 4);
    ck_assert_mem_eq(address.bytes, "\xc0\x00\x02\x01", 4);
    ck_assert(address_parse(&address, span_of("2001:db8::1")));
    ck_assert_uint_eq(address.size, 16);
    ck_assert(!address_parse(&address, span_of("192.0.2.1/32")));
    ck_assert(!address_parse(&address, span_of("")));
    ck_assert(!address_parse(&address, (struct span){"192.0.2.1\0", 10}));
    ck_assert(!address_parse(&address, (struct span){"192.0.2.1\0/8", 12}));
}
END_TEST

static const struct {
    const char *network, *address;
    bool contained;
} pairs[] = {
    {"192.0.2.0/24", "192.0.2.0", true},
    {"192.0.2.0/24", "192.0.2.255", true},
    {"192.0.2.0/24", "192.0.3.0", false},
    {"192.0.2.0/24", "192.0.1.255", false},
    {"192.0.2.7/24", "192.0.2.99", true},
    {"192.0.2.1", "192.0.2.1", true},
    {"192.0.2.1", "192.0.2.2", false},
    {"192.0.2.0/31", "192.0.2.1", true},
    {"192.0.2.0/31", "192.0.2.2", false},
    {"128.0.0.0/1", "255.255.255.255", true},
    {"128.0.0.0/1", "127.255.255.255", false},
    {"0.0.0.0/0", "203.0.113.9", true},
    {"0.0.0.0/0", "::1", false},
    {"::/0", "2001:db8::1", true},
    {"::/0", "192.0.2.1", false},
    {"::/0", "::ffff:192.0.2.1", false},
    {"192.0.2.0/24", "::ffff:192.0.2.9", true},
    {"::ffff:192.0.2.0/120", "192.0.2.9", true},
    {"::ffff:192.0.2.0/120", "::ffff:192.0.2.9", true},
    {"::ffff:192.0.2.0/120", "192.0.3.9", false},
    {"2001:db8::/32", "2001:db8:ffff::1", true},
    {"2001:db8::/32", "2001:db9::", false},
    {"2001:db8::/33", "2001:db8:7fff::", true},
    {"2001:db8::/33", "2001:db8:8000::", false},
    {"2001:db8::1/128", "2001:db8::1", true},
    {"2001:db8::1/128", "2001:db8::2", false},
    {"::192.0.2.1", "192.0.2.1", false},
    {"c000:201::/32", "192.0.2.1", false},
};

START_TEST(network_contains_address)
{
    struct cidr cidr;
    struct address address;

    ck_assert(cidr_parse(&cidr, span_of(pairs[_i].network)));
    ck_assert(address_parse(&address, span_of(pairs[_i].address)));
    ck_assert_msg(cidr_contains(&cidr, &address) == pairs[_i].contained, "%s in %s", pairs[_i].address,
                  pairs[_i].network);
}
END_TEST

START_TEST(address_of_a_socket)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_scope_id = 3};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    struct address address;

    inet_pton(AF_INET, "192.0.2.1", &v4.sin_addr);
    ck_assert(address_from_socket(&address, (struct sockaddr *)&v4));
    ck_assert_uint_eq(address.size, 4);
    ck_assert_mem_eq(address.bytes, "\xc0\x00\x02\x01", 4);
    inet_pton(AF_INET6, "::ffff:192.0.2.1", &v6.sin6_addr);
    ck_assert(address_from_socket(&address, (struct sockaddr *)&v6));
    ck_assert_uint_eq(address.size, 4);
    ck_assert_mem_eq(address.bytes, "\xc0\x00\x02\x01", 4);
    inet_pton(AF_INET6, "fe80::7", &v6.sin6_addr);
    ck_assert(address_from_socket(&address, (struct sockaddr *)&v6));
    ck_assert_uint_eq(address.size, 16);
    ck_assert_mem_eq(address.bytes, &v6.sin6_addr, 16);
    ck_assert(!address_from_socket(&address, (struct sockaddr *)&local));
    ck_assert(!address_from_socket(&address, &none));
    ck_assert(!address_from_socket(&address, NULL));
}
END_TEST

Suite *cidr_suite(void)
{
    Suite *suite = suite_create("cidr");
    TCase *cidr = tcase_create("cidr");

    tcase_add_loop_test(cidr, network_is_parsed_and_written, 0, LENGTH(networks));
    tcase_add_test(cidr, address_is_parsed);
    tcase_add_loop_test(cidr, network_contains_address, 0, LENGTH(pairs));
    tcase_add_test(cidr, address_of_a_socket);
    suite_add_tcase(suite, cidr);
    return suite;
}
