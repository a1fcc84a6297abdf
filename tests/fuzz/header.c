/* The first line of a store. */
#include "header.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "repair.h"

static void check_header(const struct header *header, const char *text, size_t length)
{
    char written[LINE_SIZE_MAX];

    assert(domain_name_valid(span_of(header->domain)));
    assert(strlen(header->storeid) == STOREID_HEX);
    assert(header->epoch > 0 && header->lines <= header->base && header->cutoff >= 0);
    assert(header_format(written, header) == length);
    assert(memcmp(written, text, length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_bytes store = store_from_input(data, size);
    const char *end = memchr(store.at, '\n', store.length);
    size_t length = end ? (size_t)(end - store.at) + 1 : store.length;
    struct header header;

    if (length > 0 && !header_parse(&header, store.at, length))
        check_header(&header, store.at, length);
    free(store.at);
    return 0;
}
