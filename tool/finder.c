#include "finder.h"

#include <string.h>

#include "text.h"

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* Eight bytes at a time: in most texts nothing else is as frequent as the end of a line. */
static uint64_t count_lines(const char *text, size_t size)
{
    uint64_t lines = 0;
    size_t i = 0;

    for (; i + sizeof(uint64_t) <= size; i += sizeof(uint64_t)) {
        uint64_t word, other;

        memcpy(&word, text + i, sizeof(word));
        word ^= EACH_BYTE('\n');
        other = ((word & EACH_BYTE(0x7f)) + EACH_BYTE(0x7f)) | word; /* the top bit of what is no newline */
        lines += (uint64_t)__builtin_popcountll(~other & EACH_BYTE(0x80));
    }
    for (; i < size; i++)
        lines += text[i] == '\n';
    return lines;
}

static bool is_prefix_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/*
 * The token whose "_" this is, with room characters before it. Where something is glued to it in front, as
 * in "keytok_", the checksum tells where it begins. Most of what is no token is too short: ask the end first.
 */
static size_t token_around(const char *underscore, size_t room, const char **token)
{
    if (!base62_valid(underscore + TOKEN_BODY, 1) || !base62_valid(underscore + 1, TOKEN_BODY))
        return 0;
    for (size_t prefix = 1; prefix <= PREFIX_MAX && prefix <= room; prefix++) {
        if (!is_prefix_character(underscore[-(ptrdiff_t)prefix]))
            return 0;
        *token = underscore - prefix;
        if (token_prefix_valid(*token, prefix) && token_checksum_valid(*token, prefix + 1 + TOKEN_BODY))
            return prefix + 1 + TOKEN_BODY;
    }
    return 0;
}

size_t finder_look(struct finder *finder, const char *buffer, size_t size, finder_visit *visit, void *context)
{
    size_t end = size > TOKEN_BODY ? size - TOKEN_BODY : 0; /* from here on no token can be whole */
    const char *counted = buffer + finder->from, *at = counted, *token;
    size_t keep;

    if (end <= finder->from)
        end = finder->from;
    while ((at = memchr(at, '_', (size_t)(buffer + end - at)))) {
        size_t length = token_around(at, (size_t)(at - buffer), &token);

        if (length > 0) {
            finder->lines += count_lines(counted, (size_t)(at - counted));
            counted = at;
            visit(context, token, length, finder->lines + 1);
        }
        at++;
    }
    finder->lines += count_lines(counted, (size_t)(buffer + end - counted));
    keep = size - end + (end < PREFIX_MAX ? end : PREFIX_MAX);
    finder->from = end - (size - keep);
    return keep;
}
