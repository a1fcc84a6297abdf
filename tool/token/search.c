#include "token/search.h"

#include <string.h>

enum { OTHER = 64, NEWLINE, NOT_WIDE = 0xff };

/* ---- decoded text ---- */

/* A visitor's line is counted in the decoded text, which in base64 is not the line of the file. */
static void visit_unpacked(void *context, const char *token, size_t length, uint64_t line)
{
    struct search *search = context;

    (void)line;
    search->visit(search->context, token, length, search->run_line);
}

static void look(struct decoded *decoded, finder_visit *visit, void *context)
{
    size_t kept = finder_look(&decoded->finder, decoded->text, decoded->length, visit, context);

    memmove(decoded->text, decoded->text + decoded->length - kept, kept);
    decoded->length = kept;
}

static void forget(struct decoded *decoded)
{
    decoded->finder = (struct finder){0};
    decoded->length = 0;
}

/* ---- UTF-16 ---- */

/* The last byte, behind which no NUL comes: in big-endian UTF-16 its NUL stands before it. */
static void end_wide(struct search *search)
{
    struct decoded *wide = &search->wide;

    if (search->held != 0 && search->before == 0)
        wide->text[wide->length++] = (char)search->held;
    look(wide, search->visit, search->context);
}

/* In UTF-16 each ASCII character has a NUL beside it, behind it or before it. Other bytes but newlines part
 * what is not together. */
static void look_wide(struct search *search, const char *piece, size_t size, uint64_t lines)
{
    struct decoded *wide = &search->wide;

    if (size > 1 && !memchr(piece, '\0', size)) {
        end_wide(search);
        forget(wide);
        search->held = search->before = NOT_WIDE;
        return;
    }
    if (wide->length == 0)
        wide->finder.lines = lines;
    for (size_t i = 0; i < size; i++) {
        unsigned char next = (unsigned char)piece[i], held = search->held;

        if (held == '\n' || (held != 0 && (next == 0 || search->before == 0)))
            wide->text[wide->length++] = (char)held;
        else if (held != 0)
            wide->text[wide->length++] = (char)NOT_WIDE;
        if (wide->length == sizeof(wide->text))
            look(wide, search->visit, search->context);
        search->before = held;
        search->held = next;
    }
    look(wide, search->visit, search->context);
}

/* ---- base64 ---- */

/* The value of each character in base64 (RFC 4648, also in its alphabet for URLs), OTHER or NEWLINE. */
static unsigned char values[256];

static void make_values(void)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    memset(values, OTHER, sizeof(values));
    for (unsigned i = 0; i < 64; i++)
        values[(unsigned char)digits[i]] = (unsigned char)i;
    values['-'] = 62;
    values['_'] = 63;
    values['\n'] = values['\r'] = NEWLINE;
}

static unsigned value_of(char c)
{
    return values[(unsigned char)c];
}

static void end_run(struct search *search)
{
    look(&search->unpacked, visit_unpacked, search);
    forget(&search->unpacked);
    search->in_run = false;
    search->bit_count = 0;
}

static void unpack(struct search *search, unsigned value)
{
    struct decoded *unpacked = &search->unpacked;

    search->bits = search->bits << 6 | value;
    search->bit_count += 6;
    search->line_length++;
    if (search->bit_count < 8)
        return;
    search->bit_count -= 8;
    unpacked->text[unpacked->length++] = (char)(search->bits >> search->bit_count);
    if (unpacked->length == sizeof(unpacked->text))
        look(unpacked, visit_unpacked, search);
}

/* Four characters at a time, where nothing is left of those before. Returns where it stopped. */
static const char *unpack_quickly(struct search *search, const char *at, const char *end)
{
    struct decoded *unpacked = &search->unpacked;
    char *to = unpacked->text + unpacked->length, *room = unpacked->text + sizeof(unpacked->text) - 3;

    if (search->bit_count > 0)
        return at;
    for (; end - at >= 4 && to < room; at += 4) {
        unsigned a = value_of(at[0]), b = value_of(at[1]), c = value_of(at[2]), d = value_of(at[3]);

        if ((a | b | c | d) >= OTHER)
            break;
        a = a << 18 | b << 12 | c << 6 | d;
        *to++ = (char)(a >> 16);
        *to++ = (char)(a >> 8);
        *to++ = (char)a;
        search->line_length += 4;
    }
    unpacked->length = (size_t)(to - unpacked->text);
    return at;
}

/* Go on with a run, which encoders break into lines of 64 or 76. Returns where it ended, or end. */
static const char *follow_run(struct search *search, const char *at, const char *end)
{
    while (at < end) {
        unsigned value;

        at = unpack_quickly(search, at, end);
        if (at == end)
            break;
        value = value_of(*at);
        if (value < OTHER) {
            unpack(search, value);
        } else if (value == NEWLINE && search->bit_count == 0 &&
                   (search->line_length >= BASE64_RUN || search->line_length == 0)) {
            search->line_length = 0;
        } else {
            end_run(search);
            return at;
        }
        at++;
    }
    return at;
}

static void begin_run(struct search *search, uint64_t line)
{
    search->in_run = true;
    search->run_line = line;
    search->line_length = 0;
}

/* Move *at to where a run begins. False: none does, and *at is where one could that goes on in the next
 * piece. As in the finder, the last character of so many is looked at first. */
static bool find_run(const char **at, const char *end)
{
    while (end - *at >= BASE64_RUN) {
        const char *last = *at + BASE64_RUN;

        while (last > *at && value_of(last[-1]) < OTHER)
            last--;
        if (last == *at)
            return true;
        *at = last;
    }
    for (const char *c = end; c > *at; c--)
        if (value_of(c[-1]) >= OTHER) {
            *at = c;
            break;
        }
    return false;
}

/* Does what the last piece ended with, and this one begins with, make a run? */
static const char *join_pending(struct search *search, const char *at, const char *end, uint64_t lines)
{
    size_t more = 0, length = search->pending_length;

    while (length + more < BASE64_RUN && at + more < end && value_of(at[more]) < OTHER)
        more++;
    search->pending_length = 0;
    if (length + more >= BASE64_RUN) {
        begin_run(search, lines + 1);
        follow_run(search, search->pending, search->pending + length);
    } else if (at + more == end) {
        memcpy(search->pending + length, at, more);
        search->pending_length = length + more;
        return end;
    }
    return at;
}

static void look_unpacked(struct search *search, const char *piece, size_t size, uint64_t lines)
{
    const char *at = piece, *end = piece + size, *counted = piece;

    if (search->pending_length > 0)
        at = join_pending(search, at, end, lines);
    while (at < end) {
        if (search->in_run)
            at = follow_run(search, at, end);
        if (search->in_run || at == end)
            return;
        if (!find_run(&at, end)) {
            search->pending_length = (size_t)(end - at);
            memcpy(search->pending, at, search->pending_length);
            return;
        }
        lines += newlines_in(counted, (size_t)(at - counted));
        counted = at;
        begin_run(search, lines + 1);
    }
}

/* ---- all of them ---- */

void search_begin(struct search *search, finder_visit *visit, void *context)
{
    make_values();
    search->visit = visit;
    search->context = context;
    search->plain = (struct finder){0};
    search->length = 0;
    forget(&search->wide);
    search->held = search->before = NOT_WIDE;
    forget(&search->unpacked);
    search->in_run = false;
    search->bit_count = 0;
    search->pending_length = 0;
}

char *search_room(struct search *search)
{
    return search->text + search->length;
}

void search_piece(struct search *search, size_t size)
{
    size_t from = search->plain.from, kept = search->length, length = kept + size;
    uint64_t lines = search->plain.lines + newlines_in(search->text + from, kept - from);

    look_wide(search, search->text + kept, size, lines);
    look_unpacked(search, search->text + kept, size, lines);
    kept = finder_look(&search->plain, search->text, length, search->visit, search->context);
    memmove(search->text, search->text + length - kept, kept);
    search->length = kept;
}

void search_end(struct search *search)
{
    end_wide(search);
    if (search->in_run)
        end_run(search);
}
