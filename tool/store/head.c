#include "store/head.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void head_format(char text[HEAD_SIZE], uint64_t epoch, uint64_t n, const unsigned char chain[CHAIN_SIZE])
{
    char hex[CHAIN_HEX + 1] = "";

    hex_encode(hex, chain, CHAIN_SIZE);
    snprintf(text, HEAD_SIZE, "%" PRIu64 ":%" PRIu64 ":%s", epoch, n, hex);
}

bool head_parse(struct expected_head *expect, const char *text)
{
    const char *first = strchr(text, ':'), *second = first ? strchr(first + 1, ':') : NULL;

    expect->answer = ANSWER_PENDING;
    return second && decimal_parse((struct span){text, (size_t)(first - text)}, &expect->epoch) &&
           decimal_parse((struct span){first + 1, (size_t)(second - first) - 1}, &expect->n) &&
           strlen(second + 1) == CHAIN_HEX && hex_decode(expect->chain, second + 1, CHAIN_SIZE);
}

bool head_of_line(struct position *at, const struct chain *chain, struct span text)
{
    struct line line;

    return line_split(&line, text.at, text.length) && chain_proves(chain->origin, &line, text.at, at);
}

void head_see_header(struct expected_head *expect, const struct header *header)
{
    if (expect->epoch > header->epoch)
        expect->answer = ANSWER_NO;
    else if (expect->epoch < header->epoch || expect->n < header->base)
        expect->answer = ANSWER_CANNOT_TELL;
    else
        head_see_line(expect, header->base, header->basechain);
}

void head_see_line(struct expected_head *expect, uint64_t n, const unsigned char chain[CHAIN_SIZE])
{
    if (expect->answer == ANSWER_PENDING && n == expect->n)
        expect->answer = memcmp(chain, expect->chain, CHAIN_SIZE) == 0 ? ANSWER_YES : ANSWER_NO;
}

void head_see_end(struct expected_head *expect)
{
    if (expect->answer == ANSWER_PENDING)
        expect->answer = ANSWER_NO; /* beyond the end */
}
