/* Any text, also as UTF-16 and base64: what is found are tokens, and those that stand there plainly are
 * found. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "token/search.h"

static const char token[] = "acme_ExampleTokenNeverUseThisSecretItIsPrintedInTheManual12009B2EU";

static void note(void *context, const char *text, size_t length, uint64_t line)
{
    unsigned *found = context;
    const char *id;

    assert(line >= 1);
    assert(token_shape_valid(text, length, &id) && token_checksum_valid(text, length));
    *found += length >= strlen(token) && memcmp(text + length - strlen(token), token, strlen(token)) == 0;
}

static unsigned search_in(const char *text, size_t size, size_t piece)
{
    static struct search search;
    unsigned found = 0;

    search_begin(&search, note, &found);
    for (size_t at = 0; at < size; at += piece) {
        size_t take = size - at < piece ? size - at : piece;

        memcpy(search_room(&search), text + at, take);
        search_piece(&search, take);
    }
    search_end(&search);
    return found;
}

/* The input, then a token that is encoded so. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned piece = 1 + take_number(&data, &size, 300), way = take_number(&data, &size, 4);
    char *text = malloc(size + 4 * sizeof(token) + 8), *end = text;

    end = mempcpy(end, size > 0 ? data : (const uint8_t *)"", size);
    search_in(text, size, piece);
    *end++ = ' ';
    if (way < 2)
        *end++ = ' ';
    if (way == 2) {
        crypto_base64(end, 4 * sizeof(token), token, strlen(token));
        end += strlen(end);
    }
    for (size_t i = 0; way != 2 && token[i] != '\0'; i++) {
        if (way == 1)
            *end++ = '\0';
        *end++ = token[i];
        if (way == 0)
            *end++ = '\0';
    }
    assert(search_in(text, (size_t)(end - text), way < 2 ? (size_t)(end - text) : piece) > 0);
    free(text);
    return 0;
}
