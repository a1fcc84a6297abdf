/* A whole store: what a host reads, and what it then answers. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "load.h"
#include "policy.h"
#include "repair.h"

enum { NOW = 1767225600 };

static const char *next_line(const char *at, const char *end)
{
    return (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
}

static const char *id_of(const char *line, const char *end)
{
    return (const char *)memchr(line, '|', (size_t)(end - line)) + 1;
}

/* What a store says of an id, by reading all of it. */
static const char *reference_find(const char *lines, const char *end, const char *id)
{
    const char *state = NULL, *there;

    for (const char *at = lines; at < end; at = next_line(at, end)) {
        there = id_of(at, end);
        if (memcmp(there, id, ID_LENGTH) == 0 && !(state && line_revoked(state) && !line_revoked(there)))
            state = there;
    }
    return state;
}

/* The columns that a verdict needs are good wherever the whole line is, and say the same. */
static void check_answer(const char *id)
{
    static const struct address client = {4, {192, 0, 2, 1}};
    const struct demand demand = {.scopes = span_of("read"), .client = &client, .user = "deploy"};
    struct toktab_result result = {.size = sizeof(result)};
    struct record whole, needed;
    struct line line;
    bool foreign, good, enough;

    line_split_accepted(&line, id);
    good = !record_check(&whole, &line);
    enough = record_check_for_verdict(&needed, &line, &foreign);
    assert(enough || !good);
    assert(!good ||
           (whole.serial == needed.serial && whole.created == needed.created &&
            whole.expires == needed.expires && whole.revoked == needed.revoked && whole.op == needed.op));
    policy_decide(&result, &line, &demand, NOW);
    assert(result.size == sizeof(result));
    assert((result.verdict == TOKTAB_ALLOW) == (result.reason == TOKTAB_REASON_NONE));
    assert((result.verdict == TOKTAB_ERROR) == (result.reason == TOKTAB_REASON_STORE));
    assert(result.verdict == TOKTAB_ERROR ? !good : enough);
    assert(memcmp(result.id, result.verdict == TOKTAB_ERROR ? "" : id,
                  result.verdict == TOKTAB_ERROR ? 1 : ID_LENGTH) == 0);
    assert(result.verdict != TOKTAB_ALLOW ||
           (needed.revoked == TIME_NEVER && needed.expires > NOW && !foreign));
}

/* What the index and its copies say of an id is what the lines say. */
static void check_id(const struct index *index, const struct index *copy, const struct index *revoked,
                     const char *id, const char *state, size_t length)
{
    const char *found = index_find(index, id), *copied = index_find(copy, id);

    assert(found && memcmp(found, state, length) == 0);
    assert(copied && memcmp(copied, state, length) == 0);
    assert(!index_find(revoked, id) == !line_revoked(state));
    check_answer(found);
}

static void check_index(const struct index *index, const char *lines, const char *end)
{
    struct index copy, revoked;
    bool copied = index_make(&copy, 0) && index_make(&revoked, 0) && index_copy_all(&copy, index) &&
                  index_copy_revoked(&revoked, index);

    assert(copied && copy.count == index->count);
    for (const char *at = lines; at < end; at = next_line(at, end)) {
        const char *id = id_of(at, end), *state = reference_find(lines, end, id);

        if (memcmp(id, record_no_id, ID_LENGTH) == 0)
            assert(!index_find(index, id));
        else
            check_id(index, &copy, &revoked, id, state, (size_t)(next_line(state, end) - state));
    }
    index_free(&copy);
    index_free(&revoked);
}

/* Read up to first, then the rest. */
static bool load(struct progress *progress, struct index *index, const struct store_bytes *store,
                 uint64_t first)
{
    static const struct waypoint anywhere = {0};
    int fd = file_with(store->at, store->length);
    struct fault fault = {0};
    bool good;

    memset(progress, 0, sizeof(*progress));
    if (!index_make(index, 0))
        abort();
    good = load_header(progress, fd, "example.com", &fault) &&
           load_lines(progress, fd, first, index, true, &anywhere, &fault) &&
           load_lines(progress, fd, store->length, index, true, &anywhere, &fault);
    assert(good == (fault.text[0] == '\0') && !fault.passing);
    return good;
}

/* A reader that comes while the file grows ends where one ends that comes later. */
static void check_growing(const struct store_bytes *store, const struct progress *whole, bool good)
{
    struct progress progress;
    struct index index;
    uint64_t first = store->length / 2;

    if (first < whole->offset) {
        assert(load(&progress, &index, store, first) == good);
        assert(progress.offset == whole->offset && progress.lines == whole->lines);
        assert(progress.newest == whole->newest && progress.walk.n == whole->walk.n);
        assert(!walk_end(&progress.walk) == !walk_end(&whole->walk));
        index_free(&index);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_bytes store = store_from_input(data, size);
    const char *lines = memchr(store.at, '\n', store.length);
    struct progress progress;
    struct index index;
    bool good = load(&progress, &index, &store, store.length);

    assert(progress.offset <= store.length && index.bytes <= store.length);
    if (lines && progress.offset > 0) {
        check_index(&index, lines + 1, store.at + progress.offset);
        check_growing(&store, &progress, good);
    }
    index_free(&index);
    free(store.at);
    return 0;
}
