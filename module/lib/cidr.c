#include "cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const unsigned char mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool is_mapped(const unsigned char bytes[16])
{
    return memcmp(bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static void set_ipv6(struct address *address, const unsigned char bytes[16])
{
    address->size = is_mapped(bytes) ? 4 : 16;
    memcpy(address->bytes, bytes + (is_mapped(bytes) ? 12 : 0), address->size);
}

bool address_from_socket(struct address *address, const struct sockaddr *socket)
{
    if (socket && socket->sa_family == AF_INET) {
        address->size = 4;
        memcpy(address->bytes, &((const struct sockaddr_in *)(const void *)socket)->sin_addr, 4);
        return true;
    }
    if (socket && socket->sa_family == AF_INET6) {
        set_ipv6(address, ((const struct sockaddr_in6 *)(const void *)socket)->sin6_addr.s6_addr);
        return true;
    }
    return false;
}

/* As written: a mapped address keeps its 16 bytes. */
static bool address_parse_raw(struct address *address, struct span text)
{
    char copy[INET6_ADDRSTRLEN];

    if (text.length >= sizeof(copy) || memchr(text.at, '\0', text.length))
        return false;
    memcpy(copy, text.at, text.length);
    copy[text.length] = '\0';
    address->size = 4;
    if (inet_pton(AF_INET, copy, address->bytes) == 1)
        return true;
    address->size = 16;
    return inet_pton(AF_INET6, copy, address->bytes) == 1;
}

bool address_parse(struct address *address, struct span text)
{
    unsigned char bytes[16];

    if (!address_parse_raw(address, text))
        return false;
    if (address->size == 16) {
        memcpy(bytes, address->bytes, sizeof(bytes));
        set_ipv6(address, bytes);
    }
    return true;
}

bool cidr_parse(struct cidr *cidr, struct span text)
{
    const char *slash = memchr(text.at, '/', text.length);
    struct span host = {text.at, slash ? (size_t)(slash - text.at) : text.length};
    struct span bits = {slash ? slash + 1 : "", slash ? text.length - host.length - 1 : 0};
    uint64_t value;

    if (!address_parse_raw(&cidr->address, host))
        return false;
    value = 8 * cidr->address.size;
    if (slash && (!decimal_parse(bits, &value) || value > 8 * cidr->address.size))
        return false;
    cidr->bits = (unsigned)value;
    if (cidr->address.size == 16 && cidr->bits >= 96 && is_mapped(cidr->address.bytes)) {
        memmove(cidr->address.bytes, cidr->address.bytes + 12, 4);
        cidr->address.size = 4;
        cidr->bits -= 96;
    }
    return true;
}

/* The bits of byte i that belong to the network part of so many bits. */
static unsigned char mask_byte(unsigned bits, unsigned i)
{
    unsigned rest = bits > 8 * i ? bits - 8 * i : 0;

    return (unsigned char)(rest >= 8 ? 0xffu : 0xff00u >> rest);
}

bool cidr_contains(const struct cidr *cidr, const struct address *address)
{
    if (cidr->address.size != address->size)
        return false;
    for (unsigned i = 0; i < address->size; i++)
        if ((cidr->address.bytes[i] ^ address->bytes[i]) & mask_byte(cidr->bits, i))
            return false;
    return true;
}

bool cidr_trim(struct cidr *cidr)
{
    bool trimmed = false;

    for (unsigned i = 0; i < cidr->address.size; i++) {
        unsigned char kept = cidr->address.bytes[i] & mask_byte(cidr->bits, i);

        trimmed = trimmed || kept != cidr->address.bytes[i];
        cidr->address.bytes[i] = kept;
    }
    return trimmed;
}

void cidr_format(char text[CIDR_TEXT_SIZE], const struct cidr *cidr)
{
    char host[INET6_ADDRSTRLEN];

    inet_ntop(cidr->address.size == 4 ? AF_INET : AF_INET6, cidr->address.bytes, host, sizeof(host));
    snprintf(text, CIDR_TEXT_SIZE, "%s/%u", host, cidr->bits);
}
