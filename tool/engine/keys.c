#include "engine/keys.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

/* Column i of a line, columns counting from 0. */
static struct span column(const char *line, size_t length, unsigned i)
{
    const char *end = line + length, *bar;

    for (; i > 0; i--) {
        bar = memchr(line, '|', (size_t)(end - line));
        if (!bar)
            return (struct span){end, 0};
        line = bar + 1;
    }
    bar = memchr(line, '|', (size_t)(end - line));
    if (!bar)
        bar = memchr(line, '\n', (size_t)(end - line));
    return (struct span){line, (size_t)((bar ? bar : end) - line)};
}

/* Decimal digits, maybe padded with zeros. */
static bool number(struct span text, uint64_t *value)
{
    while (text.length > 1 && text.at[0] == '0') {
        text.at++;
        text.length--;
    }
    return decimal_parse(text, value);
}

static bool take_chain(struct place *place, struct span hex)
{
    if (hex.length != HEX_SIZE)
        return false;
    memcpy(place->chain, hex.at, HEX_SIZE);
    place->chain[HEX_SIZE] = '\0';
    return true;
}

bool place_parse(struct place *place, const char *text, size_t length)
{
    const char *first = memchr(text, ':', length), *second;

    second = first ? memchr(first + 1, ':', length - (size_t)(first + 1 - text)) : NULL;
    return second && number((struct span){text, (size_t)(first - text)}, &place->epoch) &&
           number((struct span){first + 1, (size_t)(second - first) - 1}, &place->n) &&
           take_chain(place, (struct span){second + 1, length - (size_t)(second + 1 - text)});
}

bool place_same(const struct place *a, const struct place *b)
{
    return a->epoch == b->epoch && a->n == b->n && strcmp(a->chain, b->chain) == 0;
}

bool is_header(const char *line, size_t length)
{
    return span_equals(column(line, length, 0), "toktab1");
}

bool place_of_line(struct place *place, const char *line, size_t length, uint64_t epoch)
{
    if (is_header(line, length))
        return number(column(line, length, 3), &place->epoch) && number(column(line, length, 4), &place->n) &&
               take_chain(place, column(line, length, 5));
    place->epoch = epoch;
    return number(column(line, length, 0), &place->n) && take_chain(place, column(line, length, 19));
}

void key_of_head(char key[KEY_SIZE], const struct settings *settings, const char *domain)
{
    snprintf(key, KEY_SIZE, "%s/%s/head", settings->prefix, domain);
}

void key_of_line(char key[KEY_SIZE], const struct settings *settings, const char *domain, uint64_t epoch,
                 uint64_t n)
{
    snprintf(key, KEY_SIZE, "%s/%s/log/%020" PRIu64 "/%020" PRIu64, settings->prefix, domain, epoch, n);
}

bool read_line(char *text, size_t size, size_t *length)
{
    ssize_t got;
    char byte;

    *length = 0;
    for (;;) {
        got = read(STDIN_FILENO, &byte, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || *length == size - 1)
            return false;
        if (byte == '\n')
            break;
        text[(*length)++] = byte;
    }
    text[*length] = '\0';
    return true;
}
