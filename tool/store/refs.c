#include "store/refs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/used.h"
#include "storefile.h"
#include "terminal/stall.h"

enum { SERIAL_DIGITS_MAX = 10, ID_PREFIX_MIN = 4 };

static bool serial_parse(const char *text, uint64_t *serial)
{
    return strlen(text) <= SERIAL_DIGITS_MAX && decimal_parse(span_of(text), serial) && *serial > 0;
}

bool ref_is_serial(const char *text)
{
    uint64_t serial;

    return serial_parse(text, &serial);
}

static enum status ref_parse(struct ref *ref, const char *text)
{
    size_t length = strlen(text);

    ref->text = text;
    if (serial_parse(text, &ref->serial))
        return STATUS_DONE;
    ref->serial = 0;
    ref->name = text;
    ref->name_length = length;
    if (base62_valid(text, length) &&
        (length == ID_LENGTH ||
         (length >= ID_PREFIX_MIN && length < ID_LENGTH && strspn(text, "0123456789") < length)))
        return STATUS_DONE;
    say_field("token");
    /* never show all of it: it may be a token, whose secret begins after the id */
    if (strchr(text, '_'))
        return fail(STATUS_USAGE,
                    "token \"%.12s%s\": give only the id of a token: the 12 characters after the _", text,
                    length > 12 ? "…" : "");
    return fail(STATUS_USAGE,
                "token \"%.12s%s\": give a serial, an id, or at least the first 4 characters of an id", text,
                length > 12 ? "…" : "");
}

static int compare_sorted(const void *a, const void *b)
{
    return ref_compare(*(struct ref *const *)a, *(struct ref *const *)b);
}

static void sort(struct refs *refs)
{
    memset(refs->named, 0, sizeof(refs->named));
    for (size_t i = 0; i < refs->count; i++)
        refs->named[refs->list[i].name_length] = true;
    refs->length_count = 0;
    for (size_t length = 0; length <= ID_LENGTH; length++)
        if (refs->named[length])
            refs->lengths[refs->length_count++] = length;
    qsort(refs->sorted, refs->count, sizeof(struct ref *), compare_sorted);
}

enum status refs_make(struct refs *refs, const char *domain, char **texts, int count, enum proof_of proof)
{
    enum status status = STATUS_DONE;

    *refs = (struct refs){.domain = domain,
                          .proof = proof,
                          .list = must_have(calloc((size_t)count + 1, sizeof(*refs->list))),
                          .sorted = must_have(calloc((size_t)count + 1, sizeof(struct ref *))),
                          .count = (size_t)count};
    for (int i = 0; i < count && status == STATUS_DONE; i++) {
        refs->sorted[i] = &refs->list[i];
        status = ref_parse(&refs->list[i], texts[i]);
    }
    if (status == STATUS_DONE)
        sort(refs);
    return status;
}

void refs_free(struct refs *refs)
{
    for (size_t i = 0; i < refs->count; i++)
        ref_forget(&refs->list[i]);
    free(refs->list);
    free(refs->sorted);
}

static enum status read_store(struct refs *refs, const struct session *session)
{
    struct storefile storefile;
    struct fault fault;
    struct stat store;
    enum status status;
    int fd;

    storefile_of_domain(&storefile, session->config.store_dir, refs->domain);
    stall_watch(&storefile);
    fd = storefile_open(&storefile, O_RDONLY, &store, &fault);
    status = fd < 0 ? status_of(errno) : refs_read(refs, fd, &fault);
    if (fd < 0)
        session_explain_missing(session, errno, &fault);
    if (fd >= 0)
        close(fd);
    stall_over();
    return status == STATUS_DONE ? status
                                 : fail(status, "%s/%s: %s", storefile.directory, storefile.name, fault.text);
}

enum status refs_read_again(struct refs *refs, const struct session *session)
{
    refs->offset = 0;
    return read_store(refs, session);
}

static struct candidate *said;
static size_t said_count;

const struct candidate *refs_candidates(size_t *count)
{
    *count = said_count;
    return said;
}

void ref_say_candidate(const struct record *record)
{
    char label[LINE_SIZE_MAX] = "";
    struct candidate *candidate;

    if (!said)
        said = must_have(calloc(CANDIDATES_MAX, sizeof(*said)));
    if (said_count < CANDIDATES_MAX) {
        candidate = &said[said_count++];
        candidate->serial = record->serial;
        memcpy(candidate->id, record->id, sizeof(candidate->id));
        memcpy(candidate->label, record->label.at, record->label.length);
    }
    text_unescape(label, sizeof(label), record->label);
    say("  %" PRIu64 "  %s  \"%s\"", record->serial, record->id, label);
}

static enum status say_ambiguous(struct ref *ref, const struct session *session)
{
    size_t known = ref->candidate_count < CANDIDATES_MAX ? ref->candidate_count : CANDIDATES_MAX;
    char *texts[CANDIDATES_MAX];
    struct refs candidates;
    struct record record;

    say_field("token");
    fail(STATUS_USAGE, "token \"%s\": may mean %zu tokens: give more of its id, or its serial:", ref->text,
         ref->candidate_count);
    for (size_t i = 0; i < known; i++)
        texts[i] = ref->candidates[i];
    if (refs_make(&candidates, session->domain->name, texts, (int)known, PROOF_OF_FOUND) == STATUS_DONE &&
        read_store(&candidates, session) == STATUS_DONE)
        for (size_t i = 0; i < known; i++)
            if (ref_record(&candidates.list[i], &record))
                ref_say_candidate(&record);
    if (ref->candidate_count > known)
        say("  … and %zu more (see toktab list)", ref->candidate_count - known);
    refs_free(&candidates);
    return STATUS_USAGE;
}

/* Each ref must mean one token. From now on it means exactly that token, even if the store changes. */
static enum status check_and_pin(struct refs *refs, const struct session *session)
{
    for (size_t i = 0; i < refs->count; i++) {
        struct ref *ref = &refs->list[i];

        if (ref->candidate_count == 0) {
            say_field("token");
            return fail(STATUS_NOT_FOUND, "no token \"%s\" in domain \"%s\" (see toktab list)", ref->text,
                        refs->domain);
        }
        if (ref->candidate_count > 1)
            return say_ambiguous(ref, session);
        strcpy(ref->id, ref->candidates[0]);
        ref->name = ref->id;
        ref->name_length = ID_LENGTH;
    }
    sort(refs);
    return STATUS_DONE;
}

enum status refs_resolve(struct refs *refs, const struct session *session)
{
    enum status status = read_store(refs, session);
    const enum proof_of proof = refs->proof;
    struct record record;
    bool missing = false;
    struct use *uses;

    for (size_t i = 0; i < refs->count; i++)
        missing = missing || refs->list[i].candidate_count == 0;
    /* is there no such token, or does its line no longer prove itself? */
    if (status == STATUS_DONE && proof != PROOF_OF_STORE && missing) {
        refs->offset = 0;
        refs->proof = PROOF_OF_STORE;
        status = read_store(refs, session);
        refs->proof = proof;
    }
    if (status == STATUS_DONE)
        status = check_and_pin(refs, session);
    if (status != STATUS_DONE)
        return status;
    uses = must_have(calloc(refs->count + 1, sizeof(*uses)));
    for (size_t i = 0; i < refs->count; i++)
        if (ref_record(&refs->list[i], &record))
            uses[i].serial = record.serial;
    used_read(session, refs->storeid, uses, refs->count);
    for (size_t i = 0; i < refs->count; i++)
        refs->list[i].used = uses[i].time;
    free(uses);
    return STATUS_DONE;
}

bool ref_record(const struct ref *ref, struct record *record)
{
    struct line line;

    if (!ref->line || !line_split(&line, ref->line, ref->length) || !record_parse(record, &line))
        return false;
    used_show(record, ref->used);
    record->successor = ref->successor_serial;
    return decimal_parse(line.column[COLUMN_N], &record->n);
}

enum status ref_read(const struct ref *ref, struct record *record)
{
    if (ref_record(ref, record))
        return STATUS_DONE;
    return fail(STATUS_DAMAGED, "token %s: its line is invalid: run `toktab check`", ref->text);
}
