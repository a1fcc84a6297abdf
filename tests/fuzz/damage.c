#include "damage.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

/* LEAST_END: digits and LF of a chain, fewer of which may look like a flipped bit. */
enum { LENGTH_MOST = 5000, LEAST_END = 5 };

struct damage damage_from_input(const uint8_t **data, size_t *size)
{
    struct damage damage = {(enum damage_kind)take_number(data, size, DAMAGE_KINDS), 0, 0, 0};

    damage.at = take_number(data, size, 65536);
    damage.from = take_number(data, size, 65536);
    damage.length = take_number(data, size, LENGTH_MOST);
    return damage;
}

bool damage_only_destroys(const struct damage *damage)
{
    return damage->kind <= DAMAGE_ZEROS;
}

/* After the LF of a line, or at the end. */
static char *behind_line(const struct store_bytes *store, char *at)
{
    char *end = store->at + store->length, *lf = memchr(at, '\n', (size_t)(end - at));

    return lf ? lf + 1 : end;
}

/* Line number n of those after the header, as if they went round; the end where there is none. */
static char *line_at(const struct store_bytes *store, unsigned n)
{
    char *start = behind_line(store, store->at), *end = store->at + store->length, *at;
    unsigned count = 0;

    for (at = start; at < end; at = behind_line(store, at))
        count++;
    at = start;
    for (unsigned i = 0; count > 0 && i < n % count; i++)
        at = behind_line(store, at);
    return at;
}

/* Put other bytes in the place of some. */
static void replace(struct store_bytes *store, size_t at, size_t length, const char *by, size_t by_length)
{
    struct store_bytes changed = {malloc(store->length - length + by_length + 1),
                                  store->length - length + by_length};

    if (!changed.at)
        abort();
    memcpy(changed.at, store->at, at);
    memcpy(changed.at + at, by, by_length);
    memcpy(changed.at + at + by_length, store->at + at + length, store->length - at - length);
    free(store->at);
    *store = changed;
}

/* A copy, since what is put in may be of the same store. */
static void replace_by_copy(struct store_bytes *store, size_t at, size_t length, const char *by,
                            size_t by_length)
{
    char *copy = malloc(by_length + 1);

    if (!copy)
        abort();
    memcpy(copy, by, by_length);
    replace(store, at, length, copy, by_length);
    free(copy);
}

static void make_noise(char *bytes, size_t length, unsigned seed)
{
    for (size_t i = 0; i < length; i++) {
        seed = seed * 1103515245 + 12345;
        bytes[i] = (char)(seed >> 16);
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Where the last line begins. */
static size_t last_line(const struct store_bytes *store)
{
    const char *lf = memrchr(store->at, '\n', store->length - 1);

    return lf ? (size_t)(lf - store->at) + 1 : 0;
}

static bool damage_range(struct store_bytes *store, const struct damage *damage,
                         const struct store_bytes *other)
{
    size_t start = (size_t)(behind_line(store, store->at) - store->at);
    size_t at = start + damage->at % (store->length - start), length = store->length - at;
    size_t from = damage->from % other->length;
    bool reaches_end = damage->length + LEAST_END > length;

    length = least(damage->length, length);
    switch (damage->kind) {
    case DAMAGE_NOISE:
        make_noise(store->at + at, length, damage->from);
        return false;
    case DAMAGE_ZEROS:
        memset(store->at + at, 0, length);
        return at + length > last_line(store);
    case DAMAGE_BLOCK:
        length = least(length, other->length - from);
        memmove(store->at + at, other->at + from, length);
        return at + length == store->length;
    case DAMAGE_CUT:
        replace(store, at, length, "", 0);
        return reaches_end;
    case DAMAGE_INSERT:
    default:
        replace_by_copy(store, at, 0, other->at + from, least(damage->length, other->length - from));
        return false;
    }
}

static bool damage_lines(struct store_bytes *store, const struct damage *damage)
{
    char *line = line_at(store, damage->at), *from = line_at(store, damage->from), *end = line;
    size_t at = (size_t)(line - store->at), next;

    if (line == store->at + store->length)
        return false;
    switch (damage->kind) {
    case DAMAGE_DROP:
        for (unsigned i = 0; i <= damage->length % 8 && end < store->at + store->length; i++)
            end = behind_line(store, end);
        next = (size_t)(end - line);
        replace(store, at, next, "", 0);
        return at == store->length;
    case DAMAGE_REPEAT:
        replace_by_copy(store, at, 0, from, (size_t)(behind_line(store, from) - from));
        return false;
    case DAMAGE_COVER:
        next = (size_t)(behind_line(store, from) - from);
        if ((size_t)(behind_line(store, line) - line) == next)
            memmove(line, from, next);
        return false;
    case DAMAGE_SWAP:
    default:
        end = behind_line(store, line);
        if (end == store->at + store->length)
            return false;
        next = (size_t)(behind_line(store, end) - end);
        replace_by_copy(store, at, 0, end, next);
        end = store->at + at + next;
        end = behind_line(store, end);
        replace(store, (size_t)(end - store->at), next, "", 0);
        return false;
    }
}

bool damage_do(struct store_bytes *store, const struct damage *damage, const struct store_bytes *other)
{
    size_t start = (size_t)(behind_line(store, store->at) - store->at), at = damage->at % store->length;

    if (damage->kind == DAMAGE_BYTE) {
        store->at[at] = (char)damage->from;
        return damage->from % 256 == 0 && at >= last_line(store);
    }
    if (damage->kind >= DAMAGE_DROP)
        return damage_lines(store, damage);
    return start < store->length && damage_range(store, damage, other);
}
