#include "damage.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 4096, SECTOR = 512, HOLE = 300, COLUMNS_BEFORE_LABEL = COLUMN_LABEL };

static size_t below(size_t bound)
{
    return (size_t)random() % bound;
}

/* ---- histories ---- */

static void choose_label(struct sample *sample)
{
    static const char text[] = "@ label @@ of a token that does something @ somewhere";

    sample->record.label = (struct span){text, 1 + below(sizeof(text) - 1)};
}

/* One that still works; NULL: none does. */
static struct sample *choose_token(struct history *history)
{
    size_t first = below(history->count + 1);

    for (size_t i = 0; i < history->count; i++) {
        struct sample *sample = &history->sample[(first + i) % history->count];

        if (sample->record.revoked == TIME_NEVER)
            return sample;
    }
    return NULL;
}

static void change(struct history *history)
{
    size_t dice = below(100);
    struct sample *sample = dice < 60 ? NULL : choose_token(history);

    if (!sample) {
        sample = &history->sample[history->count++];
        sample_make(sample);
        choose_label(sample);
        forge_create(&history->forge, sample);
    } else if (dice < 75) {
        choose_label(sample);
        sample->record.op = OPERATION_UPDATE;
        forge_append(&history->forge, &sample->record);
    } else {
        forge_revoke(&history->forge, sample);
    }
}

/* Back to a backup, from which others have gone on meanwhile. */
static void begin_epoch(struct history *history)
{
    struct history *others = malloc(sizeof(*others));

    MUST(others);
    *others = *history;
    forge_copy(&others->forge, &history->forge, "others.tokens");
    for (int i = 0; i < HISTORY_LINES / 3; i++)
        change(others);
    history->given_up = file_read(others->forge.path);
    forge_end(&others->forge);
    free(others);
    forge_mend(&history->forge, 2);
}

static void make(struct history *history, enum shape shape)
{
    size_t turn = shape == PLAIN ? SIZE_MAX : shape == COMPACTED ? HISTORY_LINES * 2 / 3 : HISTORY_LINES / 3;
    size_t noticed = HISTORY_LINES / 3 + below(HISTORY_LINES * 2 / 3);
    char directory[SCRATCH_PATH];

    memset(history, 0, sizeof(*history));
    scratch_directory(directory);
    forge_start(&history->forge, directory, "example.com");
    for (size_t step = 0;
         history->forge.at.n + history->forge.header.lines - history->forge.header.base < HISTORY_LINES;
         step++) {
        if (step == turn && shape == COMPACTED) {
            history->uncompacted = file_read(history->forge.path);
            forge_compact(&history->forge, TIME_NEVER);
        } else if (step == turn) {
            begin_epoch(history);
        }
        if (step == noticed)
            history->older = file_read(history->forge.path);
        change(history);
    }
    history->file = file_read(history->forge.path);
    for (size_t i = 0; i < history->count; i++)
        history->working += history->sample[i].record.revoked == TIME_NEVER;
}

void history_make(struct history *history, enum shape shape)
{
    struct history *sibling = malloc(sizeof(*sibling));
    unsigned seed = (unsigned)random();

    MUST(sibling);
    srandom(seed);
    make(sibling, shape);
    srandom(seed);
    make(history, shape);
    history->sibling = copy_of(&sibling->file);
    history_free(sibling);
    free(sibling);
}

void history_free(struct history *history)
{
    bytes_free(&history->file);
    bytes_free(&history->older);
    bytes_free(&history->uncompacted);
    bytes_free(&history->given_up);
    bytes_free(&history->sibling);
    forge_end(&history->forge);
}

/* ---- one place after the other ---- */

static size_t count_bits(const struct bytes *file)
{
    return 8 * file->length;
}

static bool flip_bit(struct bytes *file, size_t bit)
{
    file->at[bit / 8] = (char)(file->at[bit / 8] ^ 1 << bit % 8);
    return bit / 8 >= start_of_line(file, 1);
}

static size_t length_of_line(const struct bytes *file, size_t place)
{
    return start_of_line(file, place + 1) - start_of_line(file, place);
}

static bool edit_label(struct bytes *file, size_t place)
{
    size_t at = start_of_line(file, place);

    if (place == 0 || file->at[at + 1 + strcspn(file->at + at, "|")] == '-')
        return false;
    for (int i = 0; i < COLUMNS_BEFORE_LABEL; i++)
        at += strcspn(file->at + at, "|") + 1;
    bytes_replace(file, at, strcspn(file->at + at, "|"), "edited by hand", 14);
    return true;
}

static bool delete_line(struct bytes *file, size_t place)
{
    if (place > 0)
        bytes_replace(file, start_of_line(file, place), length_of_line(file, place), "", 0);
    return place > 0;
}

const struct damage_place damage_places[DAMAGE_PLACES] = {
    [FLIPPED_BIT] = {count_bits, flip_bit},
    [EDITED_LABEL] = {count_lines, edit_label},
    [DELETED_LINE] = {count_lines, delete_line},
};

/* ---- at random ---- */

static size_t some_line(const struct bytes *file)
{
    return 1 + below(count_lines(file) - 1);
}

static void flipped_bit(struct bytes *file, const struct history *history)
{
    (void)history;
    flip_bit(file, below(8 * file->length));
}

static void three_flipped_bits(struct bytes *file, const struct history *history)
{
    for (int i = 0; i < 3; i++)
        flipped_bit(file, history);
}

static void inserted_byte(struct bytes *file, const struct history *history)
{
    char byte = (char)below(256);

    (void)history;
    bytes_replace(file, below(file->length + 1), 0, &byte, 1);
}

static void deleted_byte(struct bytes *file, const struct history *history)
{
    (void)history;
    bytes_replace(file, below(file->length), 1, "", 0);
}

static void edited_label(struct bytes *file, const struct history *history)
{
    (void)history;
    edit_label(file, some_line(file));
}

static void deleted_line(struct bytes *file, const struct history *history)
{
    (void)history;
    delete_line(file, some_line(file));
}

/* Write a line over another one; swap: and that over the first. */
static void overwrite(struct bytes *file, bool swap)
{
    size_t count = count_lines(file), one = some_line(file), other;
    int order[2 * HISTORY_LINES];
    struct bytes made;

    for (size_t i = 0; i < count; i++)
        order[i] = (int)i;
    order[count] = -1;
    do
        other = some_line(file);
    while (one == other);
    order[one] = (int)other;
    if (swap)
        order[other] = (int)one;
    made = lines_of(file, order);
    bytes_free(file);
    *file = made;
}

static void swapped_lines(struct bytes *file, const struct history *history)
{
    (void)history;
    overwrite(file, true);
}

static void overwritten_line(struct bytes *file, const struct history *history)
{
    (void)history;
    overwrite(file, false);
}

static void repeated_line(struct bytes *file, const struct history *history)
{
    size_t line = some_line(file), to = 1 + below(count_lines(file));
    struct bytes copy = copy_of(file);

    (void)history;
    bytes_replace(file, start_of_line(file, to), 0, copy.at + start_of_line(&copy, line),
                  length_of_line(&copy, line));
    bytes_free(&copy);
}

/* Where a disk would put it, or anywhere. */
static void overwrite_sector(struct bytes *file, const char bytes[SECTOR])
{
    size_t at = below(file->length - SECTOR);

    if (below(2) == 0)
        at -= at % SECTOR;
    memcpy(file->at + at, bytes, SECTOR);
}

static void zeros(struct bytes *file, const struct history *history)
{
    static const char nothing[SECTOR];

    (void)history;
    overwrite_sector(file, nothing);
}

static void noise(struct bytes *file, const struct history *history)
{
    char bytes[SECTOR];

    (void)history;
    for (int i = 0; i < SECTOR; i++)
        bytes[i] = (char)below(256);
    overwrite_sector(file, bytes);
}

static void hole(struct bytes *file, const struct history *history)
{
    (void)history;
    bytes_replace(file, below(file->length - HOLE), HOLE, "", 0);
}

/* One of the blocks that both files have, and not the first, which has the header. */
static void take_block(struct bytes *file, const struct bytes *other)
{
    size_t shorter = file->length < other->length ? file->length : other->length;
    size_t at = BLOCK * (1 + below((shorter - 1) / BLOCK)), left = shorter - at;

    memcpy(file->at + at, other->at + at, left < BLOCK ? left : BLOCK);
}

static void block_from_before_a_compaction(struct bytes *file, const struct history *history)
{
    take_block(file, &history->uncompacted);
}

static void block_of_a_sibling(struct bytes *file, const struct history *history)
{
    take_block(file, &history->sibling);
}

static void block_that_was_given_up(struct bytes *file, const struct history *history)
{
    take_block(file, &history->given_up);
}

const struct damage_kind damage_kinds[DAMAGE_KINDS] = {
    {"a flipped bit", flipped_bit, false, SHAPES},
    {"three flipped bits", three_flipped_bits, false, SHAPES},
    {"an inserted byte", inserted_byte, false, SHAPES},
    {"a deleted byte", deleted_byte, false, SHAPES},
    {"an edited label", edited_label, false, SHAPES},
    {"a deleted line", deleted_line, true, SHAPES},
    {"swapped lines", swapped_lines, false, SHAPES},
    {"an overwritten line", overwritten_line, false, SHAPES},
    {"a repeated line", repeated_line, false, SHAPES},
    {"zeros", zeros, true, SHAPES},
    {"noise", noise, false, SHAPES},
    {"a hole", hole, true, SHAPES},
    {"a block from before a compaction", block_from_before_a_compaction, false, COMPACTED},
    {"a block of a sibling", block_of_a_sibling, false, SHAPES},
    {"a block that was given up", block_that_was_given_up, false, MENDED},
};
