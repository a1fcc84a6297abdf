/*
 * What a source says to a follower. Whatever it is, the follower's file stays a store that every reader
 * takes: it only grows by the next line, or becomes a whole file of the same store that does not go back.
 */
#include "store/incoming.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "load.h"
#include "repair.h"

/* Bytes in memory. */
struct text {
    char *at;
    size_t length;
};

static void add(struct text *text, const char *more, size_t length)
{
    text->at = realloc(text->at, text->length + length + 1);
    if (!text->at)
        abort();
    memcpy(text->at + text->length, more, length);
    text->length += length;
}

/* The follower, and what it would have on its disk. */
struct follower {
    struct incoming incoming;
    struct text store, file;
};

/* For struct own_lines: from the first line on, as they stand there. */
static enum own find_own(void *context, uint64_t n, struct span *line)
{
    const struct text *store = context;
    const char *end = store->at + store->length, *lf;

    for (const char *at = store->at; at < end; at = lf + 1) {
        char number[24];

        lf = memchr(at, '\n', (size_t)(end - at));
        snprintf(number, sizeof(number), "%llu|", (unsigned long long)n);
        if ((size_t)(lf - at) > strlen(number) && memcmp(at, number, strlen(number)) == 0) {
            *line = (struct span){at, (size_t)(lf - at) + 1};
            return OWN_LINE;
        }
    }
    return OWN_NONE;
}

/* Would a reader take these bytes, and stand where the follower says? */
static void check_store(const struct text *store, const struct chain *chain)
{
    struct progress progress = {0};
    struct fault fault;
    struct index index;
    int fd = file_with(store->at, store->length);
    const struct loading loading = {
        .progress = &progress, .fd = fd, .index = &index, .grow = true, .fault = &fault};

    if (!index_make(&index, 0))
        abort();
    assert(load_header(&progress, fd, "example.com", &fault));
    /* an id twice in a snapshot, or the like, is for `check`: what is asked here is the proof */
    if (load_lines(&loading, store->length)) {
        assert(progress.offset == store->length && !chain_end(&progress.chain));
        assert(position_equal(&progress.chain.at, &chain->at));
        assert(progress.chain.header.epoch == chain->header.epoch);
        assert(strcmp(progress.chain.header.storeid, chain->header.storeid) == 0);
    } else {
        assert(strstr(fault.text, "in the snapshot twice"));
    }
    index_free(&index);
}

static void take_file(struct follower *follower, const struct chain *before, bool had)
{
    const struct chain *file = &follower->incoming.file;

    assert(incoming_file_whole(&follower->incoming));
    if (had) {
        assert(strcmp(file->header.storeid, before->header.storeid) == 0);
        assert(file->header.epoch > before->header.epoch ||
               (file->header.epoch == before->header.epoch && file->at.n >= before->at.n));
        assert(file->header.epoch > before->header.epoch || file->at.n > before->at.n ||
               position_equal(&file->at, &before->at));
    }
    free(follower->store.at);
    follower->store = follower->file;
    follower->file = (struct text){0};
    incoming_took_file(&follower->incoming);
    check_store(&follower->store, &follower->incoming.mine);
}

static enum incoming_verdict hear(struct follower *follower, const char *text, size_t length)
{
    struct incoming *incoming = &follower->incoming;
    struct chain before = incoming->mine;
    bool had = incoming->has_store, deaf = incoming->writer;
    enum incoming_verdict verdict = incoming_judge(incoming, text, length);

    assert(verdict != INCOMING_TROUBLE || (incoming->trouble != TROUBLE_NONE && incoming->why.text[0]));
    switch (verdict) {
    case INCOMING_LINE:
    case INCOMING_POINT:
        assert(had && !deaf && incoming->mine.at.n == before.at.n + 1);
        add(&follower->store, text, length);
        break;
    case INCOMING_FILE:
        free(follower->file.at);
        follower->file = (struct text){0};
        add(&follower->file, text, length);
        break;
    case INCOMING_FILE_LINE:
        add(&follower->file, text, length);
        break;
    case INCOMING_FILE_END:
        take_file(follower, &before, had);
        break;
    case INCOMING_KNOWN:
    case INCOMING_BEAT:
    case INCOMING_TROUBLE:
    default:
        assert(!had || position_equal(&incoming->mine.at, &before.at));
    }
    return verdict;
}

/* The lines of the stream, up to a number of them, or to the first that ends it. */
static void hear_lines(struct follower *follower, const struct store_bytes *stream, unsigned first,
                       unsigned most)
{
    const char *end = stream->at + stream->length, *lf;
    unsigned number = 0;

    for (const char *at = stream->at; at < end && number < most; at = lf + 1, number++) {
        lf = memchr(at, '\n', (size_t)(end - at));
        if (!lf)
            return;
        if (number >= first && hear(follower, at, (size_t)(lf - at) + 1) == INCOMING_TROUBLE)
            return;
    }
}

static void beat(struct follower *follower)
{
    const struct incoming *incoming = &follower->incoming;
    const struct chain *chain = incoming->in_file ? &incoming->file : &incoming->mine;
    char head[HEAD_SIZE], text[HEAD_SIZE + 2];

    head_format(head, chain->header.epoch, chain->at.n, chain->at.chain);
    hear(follower, text, (size_t)snprintf(text, sizeof(text), "=%s\n", head));
}

/* First a file for a host that has none; then the same again, or from some line on, as of a source. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned most = take_number(&data, &size, 64), first = take_number(&data, &size, 64);
    struct store_bytes stream = store_from_input(data, size);
    struct follower follower = {.incoming = {.domain = "example.com", .own = {find_own, &follower.store}}};

    hear_lines(&follower, &stream, 0, most);
    beat(&follower);
    if (first == 63)
        follower.incoming.writer = follower.incoming.has_store;
    hear_lines(&follower, &stream, first % 63, UINT32_MAX);
    beat(&follower);
    if (follower.incoming.has_store)
        check_store(&follower.store, &follower.incoming.mine);
    free(follower.store.at);
    free(follower.file.at);
    free(stream.at);
    return 0;
}
