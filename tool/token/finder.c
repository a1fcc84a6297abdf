#include "token/finder.h"

#include <string.h>

#include "text.h"

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* Eight bytes at a time: most texts have many lines and few tokens. */
static uint64_t count_lines(const char *text, size_t size)
{
    uint64_t lines = 0;
    size_t i = 0;

    for (; i + sizeof(uint64_t) <= size; i += sizeof(uint64_t)) {
        uint64_t word, other;

        memcpy(&word, text + i, sizeof(word));
        word ^= EACH_BYTE('\n');
        other = ((word & EACH_BYTE(0x7f)) + EACH_BYTE(0x7f)) |
                word; /* sets the top bit of each byte that is not a newline */
        lines += (uint64_t)__builtin_popcountll(~other & EACH_BYTE(0x80));
    }
    for (; i < size; i++)
        lines += text[i] == '\n';
    return lines;
}

/* The token with this "_", which has room characters before it. If other text runs into its prefix, as in
 * "keytok_", the checksum tells where the token begins. */
static size_t token_around(const char *underscore, size_t room, const char **token)
{
    for (size_t prefix = 1; prefix <= PREFIX_MAX && prefix <= room; prefix++) {
        *token = underscore - prefix;
        if (token_prefix_valid(*token, prefix) && token_checksum_valid(*token, prefix + 1 + TOKEN_BODY))
            return prefix + 1 + TOKEN_BODY;
    }
    return 0;
}

/*
 * Move *at to where the body of a token could begin next. False: the buffer holds no further whole body, and
 * *at is where to go on. Words are short, so looking at the last character of a body first skips most of the
 * text.
 */
static bool next_body(const char *buffer, size_t size, size_t *at)
{
    while (*at + TOKEN_BODY <= size) {
        size_t end = *at + TOKEN_BODY;

        while (end > *at && base62_valid(buffer + end - 1, 1))
            end--;
        if (end == *at)
            return true;
        *at = end;
    }
    return false;
}

size_t finder_look(struct finder *finder, const char *buffer, size_t size, finder_visit *visit, void *context)
{
    size_t at = finder->from, counted = at, keep;
    const char *token;

    while (next_body(buffer, size, &at)) {
        size_t length = at > 0 && buffer[at - 1] == '_' ? token_around(buffer + at - 1, at - 1, &token) : 0;

        if (length > 0) {
            finder->lines += count_lines(buffer + counted, at - counted);
            counted = at;
            visit(context, token, length, finder->lines + 1);
        }
        for (at += TOKEN_BODY; at < size && base62_valid(buffer + at, 1);)
            at++;
    }
    finder->lines += count_lines(buffer + counted, at - counted);
    keep = size - at + (at <= PREFIX_MAX ? at : PREFIX_MAX + 1);
    finder->from = at - (size - keep);
    return keep;
}
