/* The tool's readers of a store: what the library takes, the tip, the proof and the references take too. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "load.h"
#include "repair.h"
#include "store/prove.h"
#include "store/refs.h"
#include "store/tip.h"

/* What the library makes of it. */
struct reading {
    struct progress progress;
    struct index index;
    bool header_good, good;
    struct fault fault;
};

static void read_store(struct reading *reading, int fd, size_t size)
{
    const struct loading loading = {.progress = &reading->progress,
                                    .fd = fd,
                                    .index = &reading->index,
                                    .grow = true,
                                    .fault = &reading->fault};

    memset(reading, 0, sizeof(*reading));
    if (!index_make(&reading->index, 0))
        abort();
    reading->header_good = load_header(&reading->progress, fd, "example.com", &reading->fault);
    reading->good =
        reading->header_good && load_lines(&loading, size) && !chain_end(&reading->progress.chain);
}

static struct store_bytes new_piece(const struct store_bytes *store, size_t from, size_t length)
{
    struct store_bytes piece = {malloc(length > 0 ? length : 1), length};

    if (!piece.at)
        abort();
    memcpy(piece.at, store->at + from, length);
    return piece;
}

static void check_tip(const struct store_bytes *store, const struct reading *reading)
{
    size_t tail_size = store->length < TIP_TAIL ? store->length : TIP_TAIL;
    size_t head_size = store->length < LINE_SIZE_MAX ? store->length : LINE_SIZE_MAX;
    struct store_bytes head = new_piece(store, 0, head_size);
    struct store_bytes tail = new_piece(store, store->length - tail_size, tail_size);
    struct tip tip;
    const char *wrong = tip_find(&tip, "example.com", (struct span){head.at, head.length},
                                 (struct span){tail.at, tail.length}, store->length - tail_size);

    assert(!wrong || !reading->good);
    if (reading->good) {
        const struct progress *progress = &reading->progress;

        assert(tip.chain.header.epoch == progress->chain.header.epoch);
        assert(position_equal(&tip.chain.at, &progress->chain.at));
        assert(tip.chain.serial == progress->chain.serial);
        assert(tip.end == progress->offset && tip.lf_due == progress->lf_due);
        assert(tip.size == store->length);
    }
    free(head.at);
    free(tail.at);
}

/* The proof is stricter; what it proves is good, and has the HEAD that the library found. */
static void check_proof(int fd, const struct reading *reading)
{
    const struct chain *chain = &reading->progress.chain;
    struct expected_head expect = {.epoch = chain->header.epoch, .n = chain->at.n, .answer = ANSWER_PENDING};
    struct fault fault;
    struct proof proof;
    bool proved;

    memcpy(expect.chain, chain->at.chain, CHAIN_SIZE);
    proved = prove(&proof, fd, "example.com", &expect, NULL, &fault);
    assert(!proved || reading->good);
    if (proved) {
        assert(expect.answer == ANSWER_YES && position_equal(&proof.chain.at, &chain->at));
        assert(proof.index.count == reading->index.count && proof.lines + 1 == reading->progress.lines);
        assert(proof.offset == reading->progress.offset && proof.rest != REST_DAMAGE);
        assert((proof.rest == REST_LINE) == reading->progress.lf_due);
    }
    proof_free(&proof);
}

/* An id has the same last line from the end of the file, unless an earlier one of it, which no honest writer
 * puts before the line that created it, has revoked it. */
static void check_backward(int fd, const struct ref *wanted, char **texts, int count, enum proof_of proof)
{
    struct fault fault;
    struct line line;
    struct refs refs;
    const struct ref *ref;
    enum status status = refs_make(&refs, "example.com", texts, count, proof);

    assert(status == STATUS_DONE);
    status = refs_read(&refs, fd, &fault);
    if (proof == PROOF_OF_STATE && status == STATUS_DAMAGED) {
        assert(strstr(fault.text,
                      "first line")); /* a token that begins with a change: not seen when it was read */
        refs_free(&refs);
        return;
    }
    assert(status == STATUS_DONE);
    ref = &refs.list[0];
    assert(!ref->line == !wanted->line);
    if (wanted->line && line_split(&line, wanted->line, wanted->length) &&
        !line_revoked(line.column[COLUMN_ID].at))
        assert(ref->length == wanted->length && memcmp(ref->line, wanted->line, ref->length) == 0);
    refs_free(&refs);
}

static void check_refs(int fd, const struct reading *reading)
{
    char *texts[] = {"ExampleToken", "1", "Seco"};
    const char *known = index_find(&reading->index, texts[0]);
    struct record record;
    struct line line;
    struct fault fault;
    struct refs refs;
    enum status status = refs_make(&refs, "example.com", texts, 3, PROOF_OF_STORE);

    assert(status == STATUS_DONE);
    status = refs_read(&refs, fd, &fault);
    /* that an id is in the snapshot twice goes unseen here */
    assert((status == STATUS_DONE) == reading->good || strstr(reading->fault.text, "twice"));
    assert(status == STATUS_DONE || !reading->good);
    if (reading->good && known) {
        const char *id = memmem(refs.list[0].line, refs.list[0].length, texts[0], ID_LENGTH);

        line_split_accepted(&line, known);
        assert(id && memcmp(id, known, (size_t)(line.column[COLUMN_CHAIN].at - known)) == 0);
    }
    if (reading->good && status == STATUS_DONE) {
        for (enum proof_of proof = PROOF_OF_FOUND; proof <= PROOF_OF_STATE; proof++) {
            check_backward(fd, &refs.list[0], texts, 1, proof);
            check_backward(fd, &refs.list[0], texts, 2, proof);
        }
    }
    for (size_t i = 0; i < refs.count; i++)
        if (refs.list[i].line)
            ref_record(&refs.list[i], &record);
    refs_free(&refs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_bytes store = store_from_input(data, size);
    int fd = file_with(store.at, store.length);
    struct reading reading;

    read_store(&reading, fd, store.length);
    check_tip(&store, &reading);
    if (reading.header_good) {
        check_proof(fd, &reading);
        check_refs(fd, &reading);
    }
    index_free(&reading.index);
    free(store.at);
    return 0;
}
