/* Addresses and networks, IPv4 and IPv6 (RFC 4632, RFC 4291). Pure. An IPv4-mapped IPv6 address is an IPv4
 * address. */
#ifndef CIDR_H
#define CIDR_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

struct sockaddr;

struct address {
    unsigned size; /* 4 or 16 */
    unsigned char bytes[16];
};

struct cidr {
    struct address address;
    unsigned bits;
};

enum { CIDR_TEXT_SIZE = 64 };

/* False: neither AF_INET nor AF_INET6, or NULL. */
bool address_from_socket(struct address *address, const struct sockaddr *socket);
bool address_parse(struct address *address, struct span text);

/* "address" or "address/bits". */
bool cidr_parse(struct cidr *cidr, struct span text);
bool cidr_contains(const struct cidr *cidr, const struct address *address);

/* Clear the host bits. True if some were set. */
bool cidr_trim(struct cidr *cidr);

/* "address/bits". */
void cidr_format(char text[CIDR_TEXT_SIZE], const struct cidr *cidr);

#endif
