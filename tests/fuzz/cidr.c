/* Addresses and networks. */
#include "cidr.h"

#include <string.h>

#include "fuzz.h"

static bool same_cidr(const struct cidr *a, const struct cidr *b)
{
    return a->bits == b->bits && a->address.size == b->address.size &&
           memcmp(a->address.bytes, b->address.bytes, a->address.size) == 0;
}

/* Bit by bit. */
static bool reference_contains(const struct cidr *cidr, const struct address *address)
{
    if (cidr->address.size != address->size)
        return false;
    for (unsigned bit = 0; bit < cidr->bits; bit++)
        if ((cidr->address.bytes[bit / 8] ^ address->bytes[bit / 8]) & 0x80 >> bit % 8)
            return false;
    return true;
}

static void check_written(const struct cidr *cidr)
{
    char text[CIDR_TEXT_SIZE], again_text[CIDR_TEXT_SIZE];
    struct cidr again;
    bool parsed;

    cidr_format(text, cidr);
    parsed = cidr_parse(&again, span_of(text));
    assert(parsed && same_cidr(cidr, &again));
    cidr_format(again_text, &again);
    assert(strcmp(text, again_text) == 0);
}

static void check_contains(const struct cidr *cidr, const struct address *address)
{
    struct cidr trimmed = *cidr;

    assert(cidr_contains(cidr, &cidr->address));
    assert(cidr_contains(cidr, address) == reference_contains(cidr, address));
    assert(cidr_trim(&trimmed) == !same_cidr(cidr, &trimmed));
    assert(cidr_contains(&trimmed, address) == cidr_contains(cidr, address));
    assert(!cidr_trim(&trimmed));
    check_written(&trimmed);
}

/* A network, and after a space an address. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *space = size > 0 ? memchr(text, ' ', size) : NULL;
    struct span net = {text, space ? (size_t)(space - text) : size};
    struct span rest = space ? (struct span){space + 1, size - net.length - 1} : span_of("192.0.2.1");
    struct address address;
    struct cidr cidr;

    if (!cidr_parse(&cidr, net))
        return 0;
    assert((cidr.address.size == 4 || cidr.address.size == 16) && cidr.bits <= 8 * cidr.address.size);
    check_written(&cidr);
    if (address_parse(&address, rest))
        check_contains(&cidr, &address);
    return 0;
}
