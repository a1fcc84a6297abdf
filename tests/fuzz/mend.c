/*
 * A store with whatever damage, alone or with a copy: what mending makes of it is sound, and mending that
 * again changes nothing. No line comes in that no file proves, and no token lives on in a state that was not
 * its last: none that was revoked, none that had a later change.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "damage.h"
#include "fuzz.h"
#include "store/prove.h"
#include "store/rewrite.h"
#include "store/salvage.h"

enum { NOW = 1767225600, FILES = 2 };

static char path[256];

static void remove_directory(void)
{
    rmdir(path);
}

/* A directory for the new files, where syncing takes no time, if there is such a place. */
static int directory(void)
{
    static int fd = -1;
    const char *top = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");

    if (fd >= 0)
        return fd;
    snprintf(path, sizeof(path), "%.200s/toktab-fuzz.XXXXXX", top ? top : "/tmp");
    if (!mkdtemp(path) || (fd = open(path, O_PATH | O_DIRECTORY)) < 0)
        abort();
    atexit(remove_directory);
    return fd;
}

static struct store_bytes new_copy(const char *bytes, size_t length)
{
    struct store_bytes copy = {malloc(length + 1), length};

    if (!copy.at)
        abort();
    memcpy(copy.at, bytes, length);
    return copy;
}

/* The file that the tool would write. */
static struct store_bytes new_file(struct rewrite *rewrite)
{
    struct log log = {.domain = "example.com", .directory = directory(), .file = file_with("", 0)};
    struct newfile file;
    struct store_bytes bytes;
    struct fault fault;

    snprintf(log.storefile.name, sizeof(log.storefile.name), "example.com.tokens");
    rewrite->by = "root/0/-";
    rewrite->reason = "in doubt";
    rewrite->now = NOW;
    if (rewrite_write(rewrite, &log, &file, &fault) != STATUS_DONE)
        abort();
    bytes = (struct store_bytes){malloc(rewrite->bytes + 1), rewrite->bytes};
    if (!bytes.at || pread(file.fd, bytes.at, bytes.length, 0) != (ssize_t)bytes.length)
        abort();
    newfile_abandon(&file);
    return bytes;
}

/* ---- what may come out ---- */

/* All of a line but its number, up to its chain or seal: what it says. */
static struct span said_by(const struct last_line *line)
{
    return (struct span){line->id, line->length - (size_t)(line->id - line->text) - CHAIN_HEX - 1};
}

static struct span said_by_id(const char *id)
{
    return (struct span){id, (size_t)((const char *)memchr(id, '\n', LINE_SIZE_MAX) - id) - CHAIN_HEX};
}

static const struct last_line *find_line(const struct snapshot *snapshot, const char *id)
{
    for (size_t i = 0; i < snapshot->count; i++)
        if (memcmp(snapshot->lines[i].id, id, ID_LENGTH) == 0)
            return &snapshot->lines[i];
    return NULL;
}

/* Does the line prove itself to this header? */
static bool is_proved(const struct header *header, const struct last_line *line)
{
    unsigned char origin[CHAIN_SIZE], seal[CHAIN_SIZE];
    struct position position;
    struct line columns;
    uint64_t n;

    header_origin(origin, header);
    return line_split(&columns, line->text, line->length) &&
           (chain_proves(origin, &columns, line->text, &position) ||
            chain_sealed(header->basechain, &columns, line->text, seal, &n));
}

static bool is_within(const char *at, size_t length, const struct salvage_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (at >= files[i].bytes && at + length <= files[i].bytes + files[i].size)
            return true;
    return false;
}

static void check_proved(const struct salvage *salvage, const struct salvage_file *files, size_t count)
{
    size_t ends = 0;

    for (size_t i = 0; i < salvage->snapshot.count; i++) {
        const struct last_line *line = &salvage->snapshot.lines[i];

        assert(is_within(line->text, line->length, files, count) && is_proved(&salvage->header, line));
        assert(!line->ends || !line_revoked(line->id));
        ends += line->ends;
    }
    assert(ends == salvage->ends);
    /* a missing line has changed one token at most */
    assert(salvage->lost + salvage->unknown <= salvage->header.lines + salvage->at.n - salvage->header.base);
}

static bool salvage_files(struct salvage *salvage, struct salvage_file *files, size_t count)
{
    struct fault fault = {0};
    bool found = salvage_find(salvage, files, count, "example.com", NOW, &fault);

    assert(found == (fault.text[0] == '\0'));
    if (found)
        check_proved(salvage, files, count);
    return found;
}

/* A sound store is left as it is. */
static void check_again(struct store_bytes *mended, const struct proof *proof)
{
    struct salvage_file file = {.name = "mended", .bytes = mended->at, .size = mended->length};
    struct salvage salvage;
    bool found = salvage_files(&salvage, &file, 1);

    assert(found && salvage.ends == 0 && salvage.lost == 0);
    assert(salvage.snapshot.count == proof->index.count);
    assert(position_equal(&salvage.at, &proof->chain.at));
    for (size_t i = 0; i < salvage.snapshot.count; i++) {
        const struct last_line *line = &salvage.snapshot.lines[i];
        const char *id = index_find(&proof->index, line->id);

        assert(id && span_same(said_by(line), said_by_id(id)));
    }
    salvage_free(&salvage);
}

/* The new file: it proves itself, and in it is what was salvaged. */
static void check_mended(const struct salvage *salvage)
{
    char ext[HEAD_SIZE + 16] = "mended=";
    struct rewrite rewrite = {.header = salvage->header, .snapshot = salvage->snapshot, .ext = ext};
    struct store_bytes mended;
    struct proof proof;
    struct fault fault;

    head_format(ext + strlen(ext), salvage->header.epoch, salvage->at.n, salvage->at.chain);
    rewrite.header.epoch++;
    rewrite.header.base = salvage->at.n;
    header_origin(rewrite.header.basechain, &rewrite.header);
    mended = new_file(&rewrite);
    if (!prove(&proof, file_with(mended.at, mended.length), "example.com", NULL, NULL, &fault)) {
        fprintf(stderr, "%s\n", fault.text);
        abort();
    }
    assert(proof.rest == REST_NONE && proof.index.count == salvage->snapshot.count);
    for (size_t i = 0; i < salvage->snapshot.count; i++) {
        const struct last_line *line = &salvage->snapshot.lines[i];
        const char *id = index_find(&proof.index, line->id);

        assert(find_line(&salvage->snapshot, line->id) == line);
        assert(id && (line->ends ? line_revoked(id) : span_same(said_by(line), said_by_id(id))));
    }
    check_again(&mended, &proof);
    proof_free(&proof);
    free(mended.at);
}

/* ---- a sound store, and what it was ---- */

static bool is_sound(const struct store_bytes *store, struct proof *proof)
{
    struct fault fault;

    return prove(proof, file_with(store->at, store->length), "example.com", NULL, NULL, &fault) &&
           proof->rest == REST_NONE && proof->lines > 0;
}

/* The last line of a token up to number n, by reading all of the sound store. */
static bool find_state(struct last_line *state, const struct store_bytes *store, const char *id, uint64_t n)
{
    const char *end = store->at + store->length, *text = memchr(store->at, '\n', store->length);
    struct last_line line;

    state->text = NULL;
    for (text++; text < end; text += line.length) {
        const char *lf = memchr(text, '\n', (size_t)(end - text));

        if (!last_line_split(&line, text, (size_t)(lf - text) + 1))
            abort();
        if (line.n <= n && memcmp(line.id, id, ID_LENGTH) == 0 &&
            !(state->text && line_revoked(state->id) && !line_revoked(line.id)))
            *state = line;
    }
    return state->text;
}

/* Who lives, does so in the state that the token was in at line n. A line that would bring a token back is
 * passed over behind the revocation; where that is lost, it looks like any other: no writer makes one. */
static void check_no_gift(const struct salvage *salvage, const struct store_bytes *sound, uint64_t n)
{
    for (size_t i = 0; i < salvage->snapshot.count; i++) {
        const struct last_line *line = &salvage->snapshot.lines[i];
        struct last_line state;

        if (line->ends || line_revoked(line->id))
            continue;
        assert(find_state(&state, sound, line->id, n));
        if (line_revoked(state.id) && line->n > state.n)
            continue;
        assert(span_same(said_by(line), said_by(&state)));
    }
}

/* A compaction with that cutoff would leave it out. */
static bool is_dropped(const struct last_line *state, int64_t cutoff)
{
    struct record record;
    struct line line;

    line_split_accepted(&line, state->id);
    return cutoff != TIME_NEVER && record_parse(&record, &line) &&
           (record.expires < record.revoked ? record.expires : record.revoked) < cutoff;
}

/* Nobody is ended, and nothing is lost. */
static void check_all_there(const struct salvage *salvage, const struct store_bytes *sound,
                            const struct proof *proof)
{
    const char *end = sound->at + sound->length, *text = memchr(sound->at, '\n', sound->length);

    assert(salvage->ends == 0 && salvage->lost == 0 && salvage->at.n >= proof->chain.at.n);
    for (text++; text < end; text = (const char *)memchr(text, '\n', (size_t)(end - text)) + 1) {
        const char *id = (const char *)memchr(text, '|', LINE_SIZE_MAX) + 1;
        const struct last_line *line = find_line(&salvage->snapshot, id);
        struct last_line state;

        if (memcmp(id, record_no_id, ID_LENGTH) == 0 || !find_state(&state, sound, id, UINT64_MAX))
            continue;
        assert(line ? span_same(said_by(line), said_by(&state)) : is_dropped(&state, salvage->header.cutoff));
    }
}

/* ---- its relatives ---- */

/* The same lines in another store (column 2 of the header) or another epoch (column 3). */
static struct store_bytes new_relative(const struct store_bytes *sound, int column)
{
    struct store_bytes copy = new_copy(sound->at, sound->length), relative;
    char *at = copy.at;

    for (int i = 0; i < column; i++)
        at = strchr(at, '|') + 1;
    at = strchr(at, '|') - 1;
    *at = *at == '7' ? '8' : '7';
    at = copy.at;
    for (int i = 0; i < 5; i++)
        at = strchr(at, '|') + 1;
    *at = *at == '7' ? '8' : '7'; /* basechain */
    copy.at[copy.length] = '1';
    relative = store_from_input((const uint8_t *)copy.at, copy.length + 1);
    free(copy.at);
    return relative;
}

static struct store_bytes new_compacted(const struct proof *proof)
{
    struct rewrite rewrite = {.header = proof->chain.header, .prior = proof->chain.serial, .ext = ""};
    struct store_bytes compacted;

    rewrite.header.base = proof->chain.at.n;
    memcpy(rewrite.header.basechain, proof->chain.at.chain, CHAIN_SIZE);
    snapshot_of_index(&rewrite.snapshot, &proof->index);
    compacted = new_file(&rewrite);
    snapshot_free(&rewrite.snapshot);
    return compacted;
}

static struct store_bytes new_other(const struct store_bytes *sound, const struct proof *proof,
                                    unsigned which)
{
    switch (which) {
    case 0:
        return new_relative(sound, 2);
    case 1:
        return new_relative(sound, 3);
    case 2:
        return new_compacted(proof);
    default:
        return new_copy(sound->at, sound->length);
    }
}

/* A copy from when the log ended with a line before. */
static struct store_bytes new_older(const struct store_bytes *sound, unsigned lines)
{
    const char *end = sound->at + sound->length;

    for (unsigned i = 0; i < lines && end - 1 > sound->at; i++) {
        const char *lf = memrchr(sound->at, '\n', (size_t)(end - 1 - sound->at));

        end = lf ? lf + 1 : end;
    }
    return new_copy(sound->at, (size_t)(end - sound->at));
}

/* ---- the damage ---- */

struct plan {
    unsigned other, copies, older;
    bool compacted; /* the store that is damaged was compacted since the copy was made */
    bool twice;
    struct damage damage[2];
};

static struct plan plan_from_input(const uint8_t **data, size_t *size)
{
    unsigned flags = take_number(data, size, 65536);
    struct plan plan = {.other = flags % 4,
                        .compacted = flags / 4 % 2,
                        .twice = flags / 8 % 2,
                        .copies = flags / 16 % 2,
                        .older = flags / 32 % 8};

    for (int i = 0; i < 2; i++)
        plan.damage[i] = damage_from_input(data, size);
    return plan;
}

/* Does the store end in text that is not that of its last line? */
static bool ends_in_other_text(const struct store_bytes *damaged, const struct store_bytes *sound)
{
    const char *shown = damaged->at + damaged->length - CHAIN_HEX;
    bool text = true;

    for (int i = 0; i < CHAIN_HEX; i++)
        text &= shown[i] == '\n' || !iscntrl((unsigned char)shown[i]);
    return text && memcmp(shown, sound->at + sound->length - CHAIN_HEX, CHAIN_HEX) != 0;
}

/* One kind of damage, and a copy that has what is missing. Other text at the end may be what is left of
 * lines that the copy lacks. */
static bool can_be_healed(const struct plan *plan, const struct store_bytes *damaged,
                          const struct store_bytes *sound)
{
    return !plan->twice && plan->copies == 1 && plan->older == 0 && !plan->compacted &&
           damage_only_destroys(&plan->damage[0]) && !ends_in_other_text(damaged, sound);
}

static void check_damaged(const struct plan *plan, const struct store_bytes *sound, const struct proof *proof)
{
    struct store_bytes other = new_other(sound, proof, plan->other), copy = new_older(sound, plan->older);
    struct store_bytes damaged = plan->compacted ? new_compacted(proof) : new_copy(sound->at, sound->length);
    struct salvage_file files[FILES] = {{.name = "store"}, {.name = "copy"}};
    struct salvage salvage;
    bool end_lost = plan->twice, healed;

    for (int i = 0; i <= plan->twice; i++)
        end_lost |= damage_do(&damaged, &plan->damage[i], &other);
    damaged = (struct store_bytes){realloc(damaged.at, damaged.length + 1), damaged.length};
    healed = can_be_healed(plan, &damaged, sound);
    files[0].bytes = damaged.at;
    files[0].size = damaged.length;
    files[1].bytes = copy.at;
    files[1].size = copy.length;
    if (salvage_files(&salvage, files, 1 + plan->copies)) {
        check_no_gift(&salvage, sound, end_lost ? salvage.at.n : UINT64_MAX);
        /* where damage reaches from the snapshot to the last line, nobody knows how much of it was log */
        if (healed && (files[0].at.n > salvage.header.base || salvage.header.lines == 0))
            check_all_there(&salvage, sound, proof);
        check_mended(&salvage);
    } else {
        assert(!healed);
    }
    salvage_free(&salvage);
    free(damaged.at);
    free(copy.at);
    free(other.at);
}

/* No writer made it: all that can be said is that nothing comes in that proves nothing. */
static void check_any(struct store_bytes *store)
{
    struct salvage_file file = {.name = "store", .bytes = store->at, .size = store->length};
    struct salvage salvage;

    salvage_files(&salvage, &file, 1);
    salvage_free(&salvage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plan plan = plan_from_input(&data, &size);
    struct store_bytes store = store_from_input(data, size);
    struct proof proof;

    store = (struct store_bytes){realloc(store.at, store.length + 1), store.length};
    if (is_sound(&store, &proof))
        check_damaged(&plan, &store, &proof);
    else
        check_any(&store);
    proof_free(&proof);
    free(store.at);
    return 0;
}
