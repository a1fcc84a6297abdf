#include "forge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

void sample_make(struct sample *sample)
{
    struct record *record = &sample->record;
    size_t length = token_make(sample->token, "tok");
    const char *id;

    memset(record, 0, sizeof(*record));
    MUST(token_shape_valid(sample->token, length, &id));
    memcpy(record->id, id, ID_LENGTH);
    crypto_hash_token(record->hash, sample->token, length, id);
    record->created = record->time = NOW;
    record->expires = record->revoked = TIME_NEVER;
    record->by = span_of("root/0/-");
    record->label = span_of("a sample");
}

void sample_guess(struct sample *guess, const struct sample *sample)
{
    size_t length = strlen(sample->token) - CRC_LENGTH;
    char *digits = guess->token + length;
    unsigned long crc;

    *guess = *sample;
    guess->token[length - 1] = sample->token[length - 1] == 'x' ? 'y' : 'x';
    crc = crc32(0, (const unsigned char *)guess->token, (unsigned)length);
    for (int i = CRC_LENGTH - 1; i >= 0; i--, crc /= 62)
        digits[i] = base62_digits[crc % 62];
}

void forge_start(struct forge *forge, const char *directory, const char *domain)
{
    char name[128], text[LINE_SIZE_MAX];
    unsigned char storeid[CHAIN_SIZE];

    memset(forge, 0, sizeof(*forge));
    ck_assert_int_lt(snprintf(name, sizeof(name), "%s.tokens", domain), (int)sizeof(name));
    path_join(forge->path, directory, name);
    snprintf(forge->header.domain, sizeof(forge->header.domain), "%s", domain);
    crypto_random_bytes(storeid, sizeof(storeid));
    hex_encode(forge->header.storeid, storeid, sizeof(storeid));
    header_start(&forge->header);
    memcpy(forge->at.chain, forge->header.basechain, CHAIN_SIZE);
    file_replace(forge->path, text, header_format(text, &forge->header));
}

void forge_end(struct forge *forge)
{
    for (size_t i = 0; i < forge->count; i++)
        bytes_free(&forge->state[i].text);
    free(forge->state);
    memset(forge, 0, sizeof(*forge));
}

static struct forged_line *state_of(struct forge *forge, const char *id)
{
    struct forged_line *line;

    for (size_t i = 0; i < forge->count; i++)
        if (memcmp(forge->state[i].id, id, ID_LENGTH) == 0)
            return &forge->state[i];
    forge->state = realloc(forge->state, (forge->count + 1) * sizeof(*forge->state));
    MUST(forge->state);
    line = &forge->state[forge->count++];
    memset(line, 0, sizeof(*line));
    memcpy(line->id, id, ID_LENGTH);
    return line;
}

size_t forge_line(struct forge *forge, struct record *record, char text[LINE_SIZE_MAX])
{
    unsigned char origin[CHAIN_SIZE];
    size_t length;
    struct forged_line *line;

    record->n = ++forge->at.n;
    record->prior = forge->serial;
    memcpy(record->before, forge->at.chain, CHAIN_SIZE);
    forge->serial = record->serial;
    header_origin(origin, &forge->header);
    length = record_format(text, record);
    MUST(length > 0);
    length = chain_finish(text, length, origin, forge->at.chain);
    if (memcmp(record->id, record_no_id, ID_LENGTH) == 0)
        return length;
    line = state_of(forge, record->id);
    if (line->revoked && record->revoked == TIME_NEVER)
        return length;
    bytes_free(&line->text);
    bytes_add(&line->text, text, length);
    line->n = record->n;
    line->revoked = record->revoked != TIME_NEVER;
    return length;
}

void forge_append(struct forge *forge, struct record *record)
{
    char text[LINE_SIZE_MAX];
    size_t length = forge_line(forge, record, text);

    file_append(forge->path, text, length);
}

void forge_create(struct forge *forge, struct sample *sample)
{
    sample->record.op = OPERATION_CREATE;
    sample->record.serial = forge->at.n + 1;
    forge_append(forge, &sample->record);
}

void forge_revoke(struct forge *forge, struct sample *sample)
{
    sample->record.op = OPERATION_REVOKE;
    sample->record.revoked = NOW;
    forge_append(forge, &sample->record);
}

void forge_fill(struct forge *forge, struct sample *sample, size_t line_length, size_t bytes)
{
    static char note[LINE_SIZE_MAX];
    char text[LINE_SIZE_MAX];
    struct bytes lines = {0};

    memset(note, 'x', sizeof(note));
    sample->record.op = OPERATION_UPDATE;
    sample->record.ext = (struct span){note, 0};
    for (size_t written = 0; written < bytes; written += lines.length) {
        bytes_free(&lines);
        while (lines.length < 1 << 20 && written + lines.length < bytes) {
            size_t length = forge_line(forge, &sample->record, text);

            if (sample->record.ext.length == 0) /* now it is known what is missing; numbers grow */
                sample->record.ext.length = line_length - length - 10;
            bytes_add(&lines, text, length);
        }
        file_append(forge->path, lines.at, lines.length);
    }
    bytes_free(&lines);
    sample->record.ext = span_of("");
}

void forge_copy(struct forge *copy, const struct forge *forge, const char *name)
{
    struct bytes file = file_read(forge->path);
    char directory[SCRATCH_PATH];

    *copy = *forge;
    copy->state = calloc(forge->count + 1, sizeof(*copy->state));
    MUST(copy->state);
    for (size_t i = 0; i < forge->count; i++) {
        copy->state[i] = forge->state[i];
        copy->state[i].text = (struct bytes){0};
        bytes_add(&copy->state[i].text, forge->state[i].text.at, forge->state[i].text.length);
    }
    memcpy(directory, forge->path, sizeof(directory));
    *strrchr(directory, '/') = '\0';
    path_join(copy->path, directory, name);
    file_replace(copy->path, file.at, file.length);
    bytes_free(&file);
}

void forge_install(struct forge *copy, const struct forge *in_place_of)
{
    ck_assert_int_eq(rename(copy->path, in_place_of->path), 0);
    memcpy(copy->path, in_place_of->path, sizeof(copy->path));
}

static int by_n(const void *a, const void *b)
{
    uint64_t first = ((const struct forged_line *)a)->n, second = ((const struct forged_line *)b)->n;

    return first < second ? -1 : first > second;
}

void forge_seal(struct bytes *line, const unsigned char basechain[CHAIN_SIZE], unsigned char seal[CHAIN_SIZE])
{
    char text[LINE_SIZE_MAX];
    size_t length = line->length - CHAIN_HEX - 1;

    memcpy(text, line->at, length);
    length = chain_finish_sealed(text, length, basechain, seal);
    bytes_free(line);
    bytes_add(line, text, length);
}

/* Every state that is forged is dead for good or not at all: it was revoked at NOW, or will never end. */
static bool is_kept(const struct forged_line *line, int64_t cutoff)
{
    return !line->revoked || cutoff == TIME_NEVER || cutoff <= NOW;
}

/* The snapshot of what the forge has, for the header's basechain and cutoff. */
static void add_snapshot(struct compaction *compaction, const struct forge *forge)
{
    struct header *header = &compaction->header;
    unsigned char seal[CHAIN_SIZE];
    struct digest digest;

    crypto_digest_start(&digest, HASH_SIZE);
    header->lines = 0;
    bytes_add(&compaction->snapshot, "", 0);
    qsort(forge->state, forge->count, sizeof(*forge->state), by_n);
    for (size_t i = 0; i < forge->count; i++) {
        if (!is_kept(&forge->state[i], header->cutoff))
            continue;
        forge_seal(&forge->state[i].text, header->basechain, seal);
        crypto_digest_add(&digest, seal, CHAIN_SIZE);
        bytes_add(&compaction->snapshot, forge->state[i].text.at, forge->state[i].text.length);
        header->lines++;
    }
    header->bytes = compaction->snapshot.length;
    crypto_digest_end(&digest, header->digest, HASH_SIZE);
}

static void prepare(struct compaction *compaction, const struct forge *forge, const struct header *header,
                    const char *ext)
{
    struct record *point = &compaction->point;

    memset(compaction, 0, sizeof(*compaction));
    compaction->header = *header;
    add_snapshot(compaction, forge);
    memcpy(point->id, record_no_id, sizeof(record_no_id));
    point->op = OPERATION_POINT;
    memcpy(point->hash, compaction->header.digest, HASH_SIZE);
    point->created = point->time = NOW;
    point->expires = header->cutoff;
    point->revoked = TIME_NEVER;
    point->by = span_of("root/0/-");
    point->ext = span_of(ext);
}

void compaction_prepare(struct compaction *compaction, const struct forge *forge, int64_t cutoff)
{
    struct header header = forge->header;

    header.base = forge->at.n;
    memcpy(header.basechain, forge->at.chain, CHAIN_SIZE);
    header.cutoff = cutoff;
    prepare(compaction, forge, &header, "");
    compaction->serial = forge->serial;
}

struct bytes compaction_file(struct compaction *compaction, struct forge *forge)
{
    char text[LINE_SIZE_MAX];
    struct bytes file = {0};

    forge->header = compaction->header;
    forge->at.n = compaction->header.base;
    memcpy(forge->at.chain, compaction->header.basechain, CHAIN_SIZE);
    forge->serial = compaction->serial;
    bytes_add(&file, text, header_format(text, &compaction->header));
    bytes_add(&file, compaction->snapshot.at, compaction->snapshot.length);
    if (!compaction->without_point)
        bytes_add(&file, text, forge_line(forge, &compaction->point, text));
    bytes_free(&compaction->snapshot);
    return file;
}

static void put_in_place(struct compaction *compaction, struct forge *forge)
{
    struct bytes file = compaction_file(compaction, forge);

    file_replace(forge->path, file.at, file.length);
    bytes_free(&file);
}

void forge_compact(struct forge *forge, int64_t cutoff)
{
    struct compaction compaction;

    compaction_prepare(&compaction, forge, cutoff);
    put_in_place(&compaction, forge);
}

void compaction_prepare_epoch(struct compaction *compaction, const struct forge *forge, uint64_t epoch)
{
    struct header header = forge->header;

    header.epoch = epoch;
    header.base = forge->at.n;
    header_origin(header.basechain, &header);
    prepare(compaction, forge, &header, "mended=1:1:00000000000000000000000000000000");
}

void forge_mend(struct forge *forge, uint64_t epoch)
{
    struct compaction compaction;

    compaction_prepare_epoch(&compaction, forge, epoch);
    put_in_place(&compaction, forge);
}
