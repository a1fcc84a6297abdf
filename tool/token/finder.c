#include "token/finder.h"

#include <string.h>

#include "text.h"

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* Eight bytes at a time: most texts have many lines and few tokens. */
uint64_t newlines_in(const char *text, size_t size)
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

/* Without a call for each character: in base64 there are long runs of them. */
static inline bool is_base62(char c)
{
    return (unsigned)(c - '0') < 10 || (unsigned)((c | 0x20) - 'a') < 26;
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

/* Words are short, so the last character of a body tells most texts from one. */
static bool is_body(const char *text)
{
    size_t length = TOKEN_BODY;

    while (length > 0 && is_base62(text[length - 1]))
        length--;
    return length == 0;
}

/* Each "_" may stand before the body of a token; memchr(3) is the fastest way from one to the next. */
size_t finder_look(struct finder *finder, const char *buffer, size_t size, finder_visit *visit, void *context)
{
    size_t at = finder->from, counted = at, keep;
    const char *token, *underscore;

    while ((underscore = memchr(buffer + at, '_', size - at)) != NULL) {
        size_t length = 0;

        at = (size_t)(underscore - buffer);
        if (size - at <= TOKEN_BODY)
            break;
        if (is_body(underscore + 1))
            length = token_around(underscore, at, &token);
        if (length > 0) {
            finder->lines += newlines_in(buffer + counted, at - counted);
            counted = at;
            visit(context, token, length, finder->lines + 1);
            at += TOKEN_BODY;
        }
        at++;
    }
    if (!underscore)
        at = size;
    finder->lines += newlines_in(buffer + counted, at - counted);
    keep = size - at + (at <= PREFIX_MAX ? at : PREFIX_MAX);
    finder->from = at - (size - keep);
    return keep;
}

static void note_any(void *context, const char *token, size_t length, uint64_t line)
{
    (void)token, (void)length, (void)line;
    *(bool *)context = true;
}

bool holds_token(const char *text)
{
    struct finder finder = {0};
    bool found = false;

    finder_look(&finder, text, strlen(text), note_any, &found);
    return found;
}

static void hide_secret(void *context, const char *token, size_t length, uint64_t line)
{
    char *text = context, *secret = text + (token - text) + length - TOKEN_BODY + ID_LENGTH;

    (void)line;
    memset(secret, '*', TOKEN_BODY - ID_LENGTH);
}

void hide_secrets(char *text)
{
    struct finder finder = {0};

    finder_look(&finder, text, strlen(text), hide_secret, text);
}
