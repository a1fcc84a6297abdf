/* Tokens in any text: they are found in any pieces as in one, and none that is not there. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "token/finder.h"

enum { FOUND_MAX = 64 };

struct found {
    struct {
        char text[TOKEN_MAX];
        size_t length;
        uint64_t line;
    } token[FOUND_MAX];
    size_t count;
};

static void note(void *context, const char *token, size_t length, uint64_t line)
{
    struct found *found = context;
    const char *id;

    assert(token_shape_valid(token, length, &id) && token_checksum_valid(token, length));
    if (found->count == FOUND_MAX)
        return;
    memset(&found->token[found->count], 0, sizeof(found->token[0]));
    memcpy(found->token[found->count].text, token, length);
    found->token[found->count].length = length;
    found->token[found->count++].line = line;
}

/* A piece has memory of its own, of exactly its size: the address sanitizer sees one step beyond. */
static void find(struct found *found, const uint8_t *data, size_t size, size_t piece)
{
    struct finder finder = {0};
    char kept[FINDER_KEEP];
    size_t keep = 0;

    memset(found, 0, sizeof(*found));
    while (size > 0) {
        size_t take = size < piece ? size : piece, have = keep + take;
        char *buffer = malloc(have);

        memcpy(buffer, kept, keep);
        memcpy(buffer + keep, data, take);
        keep = finder_look(&finder, buffer, have, note, found);
        assert(keep <= FINDER_KEEP && keep <= have);
        memcpy(kept, buffer + have - keep, keep);
        free(buffer);
        data += take;
        size -= take;
    }
}

/* Each line, and in it each place, asked by the parser that verifies. */
static void find_plainly(struct found *found, const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *id;
    uint64_t line = 1;

    memset(found, 0, sizeof(*found));
    for (size_t i = 0; i < size; i++) {
        for (size_t prefix = PREFIX_MIN; text[i] == '_' && prefix <= PREFIX_MAX && prefix <= i; prefix++)
            if (size - i > TOKEN_BODY && token_shape_valid(text + i - prefix, prefix + 1 + TOKEN_BODY, &id) &&
                token_checksum_valid(text + i - prefix, prefix + 1 + TOKEN_BODY)) {
                note(found, text + i - prefix, prefix + 1 + TOKEN_BODY, line);
                break;
            }
        line += text[i] == '\n';
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t piece = 1 + take_number(&data, &size, 200);
    struct found plain, pieces;

    find_plainly(&plain, data, size);
    find(&pieces, data, size, piece);
    assert(memcmp(&plain, &pieces, sizeof(plain)) == 0);
    return 0;
}
