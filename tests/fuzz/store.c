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
    struct toktab_result result = {.size = sizeof(result)}, quick = {.size = sizeof(quick)};
    struct record whole;
    struct line line;
    bool good;

    line_split_accepted(&line, id);
    good = !record_check(&whole, &line);
    policy_decide(&result, &line, &demand, NOW);
    line_split_for_verdict(&line, id);
    policy_decide(&quick, &line, &demand, NOW);
    assert(quick.verdict == result.verdict && quick.reason == result.reason &&
           strcmp(quick.label, result.label) == 0 && strcmp(quick.user, result.user) == 0 &&
           strcmp(quick.scopes, result.scopes) == 0);
    assert(result.size == sizeof(result));
    assert((result.verdict == TOKTAB_ALLOW) == (result.reason == TOKTAB_REASON_NONE));
    assert((result.verdict == TOKTAB_ERROR) == (result.reason == TOKTAB_REASON_STORE));
    assert(!good || (result.verdict != TOKTAB_ERROR && result.serial == whole.serial &&
                     result.created == whole.created && result.expires == whole.expires &&
                     (result.reason == TOKTAB_REASON_REVOKED) == (whole.revoked != TIME_NEVER)));
    assert(memcmp(result.id, result.verdict == TOKTAB_ERROR ? "" : id,
                  result.verdict == TOKTAB_ERROR ? 1 : ID_LENGTH) == 0);
    assert(result.verdict != TOKTAB_ALLOW || (!line_revoked(id) && result.expires > NOW));
}

/* What the index and its copies say of an id is what the lines say. */
static void check_id(const struct index *index, const struct index *copy, const struct index *revoked,
                     const char *id, const char *state, size_t length)
{
    const char *found = index_find(index, id), *copied = index_find(copy, id);

    length -= CHAIN_HEX + 1;
    assert(found && memcmp(found, state, length) == 0 && found[length] == '\n');
    assert(copied && memcmp(copied, state, length) == 0 && copied[length] == '\n');
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
    int fd = file_with(store->at, store->length);
    struct fault fault = {0};
    const struct loading loading = {
        .progress = progress, .fd = fd, .index = index, .grow = true, .fault = &fault};
    bool good;

    memset(progress, 0, sizeof(*progress));
    if (!index_make(index, 0))
        abort();
    good = load_header(progress, fd, "example.com", &fault) && load_lines(&loading, first) &&
           load_lines(&loading, store->length);
    assert((good || fault.text[0] != '\0') && !fault.passing);
    return good;
}

/* What a writer has written of a line so far, up to its LF: it is text without controls. */
static bool may_be_written_so_far(const struct store_bytes *store, uint64_t first)
{
    const char *start = memrchr(store->at, '\n', first) + 1, *end = store->at + first;

    for (const char *at = start; at < end; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return false;
    return true;
}

/* A reader that comes while the log grows ends where one ends that comes later. */
static void check_growing(const struct store_bytes *store, const struct progress *whole, uint64_t first,
                          bool good)
{
    struct progress progress;
    struct index index;

    if (!may_be_written_so_far(store, first))
        return;
    assert(load(&progress, &index, store, first) == good);
    assert(progress.offset == whole->offset && progress.lf_due == whole->lf_due);
    assert(progress.lines == whole->lines && progress.newest == whole->newest);
    assert(position_equal(&progress.chain.at, &whole->chain.at) &&
           progress.chain.serial == whole->chain.serial);
    assert(!chain_end(&progress.chain) == !chain_end(&whole->chain));
    index_free(&index);
}

/* The lines that were taken, each with its LF. */
static struct store_bytes new_lines(const struct store_bytes *store, const struct progress *progress)
{
    const char *start = memchr(store->at, '\n', store->length) + 1;
    size_t length = (size_t)(store->at + progress->offset - start);
    struct store_bytes lines = {malloc(length + 1), length};

    if (!lines.at)
        abort();
    memcpy(lines.at, start, length);
    if (progress->lf_due)
        lines.at[lines.length++] = '\n';
    return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_bytes store = store_from_input(data, size);
    struct progress progress;
    struct index index;
    bool good = load(&progress, &index, &store, store.length);

    assert(progress.offset <= store.length && index.bytes <= store.length + progress.lf_due);
    if (progress.offset > 0) {
        struct store_bytes lines = new_lines(&store, &progress);
        uint64_t log_start = progress.offset - lines.length + progress.lf_due + progress.chain.header.bytes;

        if (good || progress.offset >= log_start) /* else nobody sees the index */
            check_index(&index, lines.at, lines.at + lines.length);
        free(lines.at);
        if (progress.chain.bytes_left == 0 && progress.offset > log_start)
            check_growing(&store, &progress,
                          log_start + (uint64_t)data[0] * (progress.offset - log_start) / 256, good);
    }
    index_free(&index);
    free(store.at);
    return 0;
}
