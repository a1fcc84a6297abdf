/* A store with whatever damage: what mending makes of it is sound, and admits nobody whom the undamaged store
 * would not. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain.h"
#include "fuzz.h"
#include "prove.h"
#include "renew.h"
#include "repair.h"
#include "salvage.h"

enum { NOW = 1767225600 };

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

static bool salvage_bytes(struct salvage *salvage, const char *bytes, size_t size)
{
    struct fault fault = {0};
    char *room = salvage_room(salvage, size);
    bool found;

    if (!room)
        abort();
    memcpy(room, bytes, size);
    found = salvage_find(salvage, size, "example.com", 1700000000, &fault);
    assert(found == (fault.text[0] == '\0'));
    return found;
}

static size_t tokens_that_live(const struct index *index, const struct snapshot *among)
{
    size_t count = 0;

    for (size_t i = 0; i < among->count; i++) {
        const char *id = index_find(index, among->lines[i].id);

        count += id && !line_revoked(id);
    }
    return count;
}

/* The new file proves itself, and in it live those tokens which have not been ended. */
static void check_renewal(struct salvage *salvage)
{
    struct renewal renewal = {.header = salvage->header, .by = "root/0/-", .now = NOW, .reason = "in doubt"};
    struct log log = {.domain = "example.com", .directory = directory(), .file = file_with("", 0)};
    struct replacement file;
    struct proof proof;
    struct fault fault;
    size_t live = 0;
    char ext[HEAD_SIZE + 16];

    snprintf(ext, sizeof(ext), "mended=%s", salvage->old_head);
    snprintf(log.place.name, sizeof(log.place.name), "example.com.tokens");
    renewal.ext = ext;
    renewal.header.epoch++;
    renewal.header.base = salvage->base;
    chain_start(renewal.header.basechain, renewal.header.storeid, renewal.header.epoch);
    renewal.snapshot = salvage->snapshot;
    if (renewal_write(&renewal, &log, &file, &fault) != STATUS_DONE)
        abort();
    if (!prove(&proof, file.fd, "example.com", NULL, NULL, &fault)) {
        fprintf(stderr, "%s\n", fault.text);
        abort();
    }
    for (size_t i = 0; i < salvage->snapshot.count; i++)
        live += !salvage->snapshot.lines[i].ends && !line_revoked(salvage->snapshot.lines[i].id);
    assert(tokens_that_live(&proof.index, &salvage->snapshot) == live);
    assert(proof.index.count == salvage->snapshot.count);
    proof_free(&proof);
    replacement_abandon(&file);
}

static void check_any(const struct store_bytes *store)
{
    struct salvage salvage;

    if (salvage_bytes(&salvage, store->at, store->length)) {
        if (salvage.any.text[0] != '\0')
            salvage_end_all(&salvage);
        check_renewal(&salvage);
    }
    salvage_free(&salvage);
}

/* Who lives after the damage has lived before it. */
static void check_no_gift(const struct salvage *salvage, const struct index *before)
{
    for (size_t i = 0; i < salvage->snapshot.count; i++) {
        const struct last_line *line = &salvage->snapshot.lines[i];
        const char *id = index_find(before, line->id);

        assert(line->ends || line_revoked(line->id) || (id && !line_revoked(id)));
    }
}

/* A sound store, of which one byte becomes another. The end of its last line may not, without which that is
 * none. */
static void check_one_byte(const struct store_bytes *store, size_t place, char byte)
{
    struct salvage salvage;
    struct proof proof;
    struct fault fault;

    if (store->length > 1 && store->at[store->length - 1] == '\n' &&
        prove(&proof, file_with(store->at, store->length), "example.com", NULL, NULL, &fault)) {
        store->at[place % (store->length - 1)] = byte;
        if (salvage_bytes(&salvage, store->at, store->length) && salvage.any.text[0] == '\0')
            check_no_gift(&salvage, &proof.index);
        salvage_free(&salvage);
        proof_free(&proof);
    } else if (store->length > 1 && store->at[store->length - 1] == '\n') {
        proof_free(&proof);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned place = take_number(&data, &size, 65536), byte = take_number(&data, &size, 256);
    struct store_bytes store = store_from_input(data, size);

    check_any(&store);
    check_one_byte(&store, place, (char)byte);
    free(store.at);
    return 0;
}
