#include "follow.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
    GARBAGE_MIN = 1 << 20,    /* bytes of an arena with less garbage than matters */
    SIZE_BELIEVED = 1 << 30,  /* bytes of a file for which slots are made before any line is read */
    SLICE = 16 << 20,         /* bytes for which slots are made at once: a size may be a lie, lines are not */
    RETRY_AFTER = 1000000000, /* nanoseconds before something bad is read again */
};

static struct progress *progress_of(struct reader *reader)
{
    return &reader->progress[atomic_load_explicit(&reader->valid, memory_order_relaxed)];
}

/* A copy to work on; commit() makes it the valid one. */
static struct progress *progress_copy(struct reader *reader)
{
    struct progress *now = progress_of(reader);
    struct progress *copy = &reader->progress[now == &reader->progress[0]];

    *copy = *now;
    return copy;
}

static void commit(struct reader *reader, const struct progress *progress)
{
    atomic_store_explicit(&reader->valid, progress == &reader->progress[1], memory_order_release);
    atomic_store_explicit(&reader->newest_line, progress->newest, memory_order_relaxed);
    atomic_store_explicit(&reader->last_line, progress->chain.at.n, memory_order_relaxed);
}

static bool has_table(const struct reader *reader)
{
    return reader->standing != STANDING_NONE;
}

static struct index *current_index(struct reader *reader)
{
    return &reader->generation[1 - generations_idle(&reader->generations)];
}

/* Make the idle generation, which holds the new index, the current one. */
static void replace_index(struct reader *reader)
{
    generations_publish_idle(&reader->generations);
    index_free(&reader->generation[generations_idle(&reader->generations)]);
}

/* Replace the index by a copy without garbage, with room for so many more tokens. */
static bool copy_index(struct reader *reader, size_t more)
{
    struct index *now = current_index(reader),
                 *copy = &reader->generation[generations_idle(&reader->generations)];

    if (index_make(copy, (now->count + more) / 2 * 3) && index_copy_all(copy, now)) {
        replace_index(reader);
        return true;
    }
    index_free(copy);
    return false;
}

bool reader_holds_fd(struct reader *reader, struct stat *status)
{
    int fd = reader->fd;
    struct identity now;

    /* a passing error is asked about again: to take our own descriptor for another's would lose it */
    if (fd < 0 || (fstat(fd, status) < 0 && (errno == EBADF || fstat(fd, status) < 0)))
        return false;
    now = identity_of(status);
    return identity_same_file(&now, &reader->held);
}

/* The new file takes the old descriptor's number, if that is still ours: another thread may be about to use
 * it.
 */
static void adopt_fd(struct reader *reader, int fd, const struct stat *status)
{
    struct stat old;

    bool ours = reader_holds_fd(reader, &old);

    if (ours && dup3(fd, reader->fd, O_CLOEXEC) >= 0) {
        close(fd);
    } else {
        if (ours)
            close(reader->fd);
        reader->fd = fd;
    }
    reader->held = identity_of(status);
}

static bool known_bad(const struct reader *reader, const struct bad_file *bad,
                      const struct identity *identity, struct fault *fault)
{
    if (!identity_equal(&bad->identity, identity) || reader->path_looked >= bad->until)
        return false;
    *fault = bad->fault;
    return true;
}

/* always: the fault stays until the file changes. */
static void remember_bad(const struct reader *reader, struct bad_file *bad, bool always,
                         const struct identity *identity, const struct fault *fault)
{
    bad->identity = *identity;
    bad->until = always ? INT64_MAX : reader->path_looked + RETRY_AFTER;
    bad->fault = *fault;
}

static void keep_garbage_low(struct reader *reader)
{
    struct index *index = current_index(reader);

    if (index->bytes > GARBAGE_MIN && index->dead > index->bytes / 2)
        copy_index(reader, index->count / 2); /* out of memory: try again another time */
}

/* Read the held file up to this offset. */
static bool read_slice(struct reader *reader, struct progress *progress, uint64_t end, struct fault *fault)
{
    size_t more = load_lines_most(end - progress->offset);

    /* even without memory for new tokens, read on: changes of known tokens, above all revocations, need none
     */
    if (!index_holds(current_index(reader), more))
        copy_index(reader, more);
    return load_lines(
        &(struct loading){
            .progress = progress, .fd = reader->fd, .index = current_index(reader), .fault = fault},
        end);
}

/* Read on in the held file, up to a size that is not below the offset. */
static bool read_on(struct reader *reader, uint64_t size, struct fault *fault)
{
    struct progress *progress = progress_copy(reader);
    bool good = true, second_look = false;

    while (good && progress->offset < size) {
        uint64_t start = progress->offset, end = size - start < SLICE ? size : start + SLICE;

        good = read_slice(reader, progress, end, fault);
        if (!good && !second_look) /* a writer may just have cut off an unfinished line and be writing
                                      another there */
            good = second_look = true;
        else if (progress->offset == start)
            break; /* an unfinished line */
    }
    commit(reader, progress);
    keep_garbage_low(reader);
    return good && (!progress->chain.point_due || fault_set(fault, "the line of the compaction is missing"));
}

/* Read what was appended to the held file, up to the size in status. This file may no longer be the store: so
 * nothing is published, and no thread takes the index for the state of the store. */
static bool drain(struct reader *reader, const struct stat *status, struct fault *fault)
{
    struct identity identity = identity_of(status);
    uint64_t offset = progress_of(reader)->offset;
    bool good;

    if (known_bad(reader, &reader->bad_tail, &identity, fault))
        return false;
    if (identity.size < offset)
        good = fault_set(fault, "it has shrunk to %" PRIu64 " bytes, although %" PRIu64 " were already read",
                         identity.size, offset);
    else
        good = read_on(reader, identity.size, fault);
    if (!good && !fault->passing)
        remember_bad(reader, &reader->bad_tail, false, &identity, fault);
    return good;
}

/* Publish that the index agrees with the store as of status. The published size ends with the last accepted
 * line: if bytes follow it, the file counts as changed, because they can become a line without any other
 * sign. Returns true. */
static bool publish_seen(struct reader *reader, const struct stat *status)
{
    struct identity identity = identity_of(status);

    identity.size = progress_of(reader)->offset;
    freshness_publish(&reader->seen, &identity);
    return true;
}

/* For how many tokens is an index to be made that is read from a file of this size? It also keeps those that
 * were revoked before, and some will be created. */
static size_t tokens_expected(struct reader *reader, uint64_t size)
{
    size_t in_file = (size_t)(size < SIZE_BELIEVED ? size : SIZE_BELIEVED) / 200,
           known = has_table(reader) ? current_index(reader)->count : 0;

    return in_file > known + known / 8 ? in_file : known + known / 8;
}

/* Read a file from its start into a new generation. progress: after its header. */
static bool read_whole(struct reader *reader, struct progress *progress, int fd, const struct stat *status,
                       const struct known *known, struct fault *fault)
{
    struct index *index = &reader->generation[generations_idle(&reader->generations)];
    const char *wrong;
    bool good;

    if (!index_make(index, tokens_expected(reader, (uint64_t)status->st_size)))
        return fault_set_passing(fault, "out of memory");
    good = load_lines(
        &(struct loading){
            .progress = progress, .fd = fd, .index = index, .grow = true, .known = *known, .fault = fault},
        (uint64_t)status->st_size);
    wrong = good ? chain_end(&progress->chain) : NULL;
    if (wrong)
        good = fault_set(fault, "%s", wrong);
    if (good && has_table(reader) && !index_copy_revoked(index, current_index(reader)))
        good = fault_set_passing(fault, "out of memory");
    if (!good) {
        index_free(index);
        return false;
    }
    adopt_fd(reader, fd, status);
    commit(reader, progress);
    replace_index(reader);
    keep_garbage_low(reader);
    return publish_seen(reader, status);
}

/* Has everything in the file's snapshot been read already, so that it can be skipped? */
static bool continues_here(const struct chain *mine, const struct header *header)
{
    return header->epoch == mine->header.epoch && header->base == mine->at.n && header->base > 0 &&
           memcmp(header->basechain, mine->at.chain, CHAIN_SIZE) == 0;
}

/* May a file with this header replace what was read? *same_log: its log must contain all that was read. */
static bool may_follow(const struct chain *mine, const struct header *header, bool *same_log,
                       struct fault *fault)
{
    if (strcmp(header->storeid, mine->header.storeid) != 0)
        return fault_set(fault,
                         "this is another store than before (storeid %s, not %s): if that is intended, "
                         "reload or restart this program",
                         header->storeid, mine->header.storeid);
    if (header->epoch < mine->header.epoch)
        return fault_set(fault, "this is an older copy of the store: epoch %" PRIu64 ", not %" PRIu64,
                         header->epoch, mine->header.epoch);
    *same_log = header->epoch == mine->header.epoch;
    return true;
}

/* Read on after the snapshot of a file that continues_here(). Owns fd. progress: after its header. */
static bool jump(struct reader *reader, struct progress *progress, int fd, const struct stat *status,
                 struct fault *fault)
{
    chain_skip_snapshot(&progress->chain);
    progress->offset += progress->chain.header.bytes;
    progress->lines += progress->chain.header.lines;
    adopt_fd(reader, fd, status);
    commit(reader, progress);
    return drain(reader, status, fault) && publish_seen(reader, status);
}

/* Read another file than the held one, or this one from its start. Owns fd. may_jump: the held file has been
 * read to its end. */
static bool take_file(struct reader *reader, int fd, const struct stat *status, bool may_jump,
                      struct fault *fault)
{
    const struct progress *mine = progress_of(reader);
    struct progress *progress = progress_copy(reader);
    struct identity identity = identity_of(status);
    struct known known = {0};
    bool same_log = false, good = load_header(progress, fd, reader->domain, fault);

    good =
        good && (!has_table(reader) || may_follow(&mine->chain, &progress->chain.header, &same_log, fault));
    if (good && same_log && may_jump && continues_here(&mine->chain, &progress->chain.header))
        return jump(reader, progress, fd, status, fault);
    if (same_log)
        known = (struct known){mine->chain.at, current_index(reader)};
    good = good && read_whole(reader, progress, fd, status, &known, fault);
    if (!good) {
        remember_bad(reader, &reader->bad_whole, !fault->passing, &identity, fault);
        close(fd);
    }
    return good;
}

void follow_recover(struct reader *reader)
{
    /* its memory may be freed already: do not touch it */
    memset(&reader->generation[generations_idle(&reader->generations)], 0, sizeof(reader->generation[0]));
    memset(&reader->bad_tail, 0, sizeof(reader->bad_tail));
    memset(&reader->bad_whole, 0, sizeof(reader->bad_whole));
    reader->whole_due = true;
}

/*
 * Read what was appended to the held file, unless others could have written it: the chain is no secret. If
 * the directory cannot be examined now, its last known status counts. True if the file is read to its end.
 */
static bool drain_held(struct reader *reader)
{
    struct fault ignored;
    struct stat held;

    return reader_holds_fd(reader, &held) && !reader->whole_due &&
           storefile_directory_trusted(&ignored, &reader->directory) &&
           storefile_trusted(&ignored, &held, &reader->directory) && drain(reader, &held, &ignored);
}

/* Read the file at the path. Owns fd, its descriptor. */
static bool take_opened(struct reader *reader, int fd, const struct stat *found, bool may_jump,
                        struct fault *fault)
{
    struct identity identity = identity_of(found);

    if (known_bad(reader, &reader->bad_whole, &identity, fault)) {
        close(fd);
        return false;
    }
    if (!take_file(reader, fd, found, may_jump, fault))
        return false;
    reader->whole_due = false;
    return true;
}

static bool is_held(const struct reader *reader, const struct stat *found)
{
    struct identity there = identity_of(found);

    return identity_same_file(&there, &reader->held);
}

/*
 * The host has no descriptor left, but the path can still be examined. If it leads to another file, no more
 * lines are appended to the held file, and the new file gets its descriptor: a revocation there must not wait
 * until the host closes something. may_keep: if it leads to the same file, the held one is enough; else it is
 * opened again, which shows whether this process may.
 */
static bool follow_without_descriptor(struct reader *reader, bool may_keep, const struct stat *held,
                                      struct fault *fault)
{
    struct stat found, directory;
    bool drained;
    int fd, old = reader->fd;

    if (!storefile_look(&reader->storefile, &found, &directory, fault))
        return false;
    if (may_keep && is_held(reader, &found) && !reader->whole_due)
        return drain(reader, held, fault) && publish_seen(reader, held);
    drained = drain_held(reader);
    reader->fd = -1;
    close(old);
    fd = storefile_open(&reader->storefile, O_RDONLY, &found, fault);
    if (fd < 0 || take_opened(reader, fd, &found, drained, fault))
        return fd >= 0;
    errno = 0;
    return false;
}

bool follow(struct reader *reader, bool may_do_without_open, struct fault *fault)
{
    struct stat held, found, directory;
    bool ours = reader_holds_fd(reader, &held); /* first, because this status will be published */
    int fd = storefile_open(&reader->storefile, O_RDONLY, &found, fault), error = errno;
    bool drained;

    if (stat(reader->storefile.directory, &directory) == 0)
        reader->directory = directory;
    if (fd < 0 && ours && (error == EMFILE || error == ENFILE))
        return follow_without_descriptor(reader, may_do_without_open, &held, fault);
    if (fd >= 0 && ours && is_held(reader, &found) && !reader->whole_due && drain(reader, &held, fault)) {
        close(fd);
        return publish_seen(reader, &held);
    }
    /* if the path leads to another file, no more lines are appended to the held one: appends and renames take
     * the same lock */
    drained = !(ours && fd >= 0 && is_held(reader, &found)) && drain_held(reader);
    if (fd >= 0 && take_opened(reader, fd, &found, drained, fault))
        return true;
    errno = fd < 0 ? error : 0;
    return false;
}
