#include "mendable.h"

#include <stdlib.h>
#include <string.h>

bool mend_bytes(struct mended *mended, const struct bytes *files, size_t count, const char *domain)
{
    memset(mended, 0, sizeof(*mended));
    mended->count = count;
    for (size_t i = 0; i < count; i++) {
        struct salvage_file *file = &mended->files[i];

        file->name = i == 0 ? "the store" : "a copy";
        file->size = files[i].length;
        file->bytes = malloc(file->size + 1);
        MUST(file->bytes);
        if (file->size > 0)
            memcpy(file->bytes, files[i].at, file->size);
    }
    return salvage_find(&mended->salvage, mended->files, count, domain, NOW, &mended->fault);
}

void mended_free(struct mended *mended)
{
    salvage_free(&mended->salvage);
    for (size_t i = 0; i < mended->count; i++)
        free(mended->files[i].bytes);
}

bool works(const struct last_line *line)
{
    return !line->ends && !line_revoked(line->id);
}

size_t start_of_line(const struct bytes *file, size_t number)
{
    size_t at = 0;

    for (; number > 0; number--)
        at = (size_t)((const char *)memchr(file->at + at, '\n', file->length - at) - file->at) + 1;
    return at;
}

size_t count_lines(const struct bytes *file)
{
    size_t count = 0;

    for (size_t i = 0; i < file->length; i++)
        count += file->at[i] == '\n';
    return count;
}

struct bytes lines_of(const struct bytes *file, const int *lines)
{
    struct bytes made = {0};

    bytes_add(&made, "", 0);
    for (; *lines >= 0; lines++) {
        size_t at = start_of_line(file, (size_t)*lines);

        bytes_add(&made, file->at + at, start_of_line(file, (size_t)*lines + 1) - at);
    }
    return made;
}

struct bytes copy_of(const struct bytes *bytes)
{
    struct bytes copy = {0};

    bytes_add(&copy, bytes->at, bytes->length);
    return copy;
}

void bytes_replace(struct bytes *bytes, size_t at, size_t removed, const void *text, size_t length)
{
    struct bytes made = {0};

    bytes_add(&made, bytes->at, at);
    bytes_add(&made, text, length);
    bytes_add(&made, bytes->at + at + removed, bytes->length - at - removed);
    bytes_free(bytes);
    *bytes = made;
}

void mendable_update(struct mendable *mendable, int token)
{
    mendable->sample[token].record.op = OPERATION_UPDATE;
    forge_append(&mendable->forge, &mendable->sample[token].record);
}

void mendable_start(struct mendable *mendable)
{
    char directory[SCRATCH_PATH];

    scratch_directory(directory);
    forge_start(&mendable->forge, directory, "example.com");
    for (int i = 0; i < MENDABLE_TOKENS; i++) {
        sample_make(&mendable->sample[i]);
        forge_create(&mendable->forge, &mendable->sample[i]);
    }
    forge_revoke(&mendable->forge, &mendable->sample[F]);
}

struct bytes mendable_change(struct mendable *mendable, int count)
{
    if (count > 0)
        mendable_update(mendable, B);
    if (count > 1)
        forge_revoke(&mendable->forge, &mendable->sample[B]);
    if (count > 2)
        mendable_update(mendable, C);
    if (count > 3)
        mendable_update(mendable, D);
    return file_read(mendable->forge.path);
}

struct bytes mendable_begin(struct mendable *mendable, bool compacted)
{
    mendable_start(mendable);
    if (compacted)
        forge_compact(&mendable->forge, TIME_NEVER);
    return mendable_change(mendable, 4);
}

void mendable_end(struct mendable *mendable, struct bytes *file)
{
    bytes_free(file);
    forge_end(&mendable->forge);
}

void mendable_names(char names[64], const struct mendable *mendable, const struct mended *mended, bool ended)
{
    size_t length = 0;

    for (int token = 0; token <= MENDABLE_TOKENS; token++)
        for (size_t i = 0; i < mended->salvage.snapshot.count; i++) {
            const struct last_line *line = &mended->salvage.snapshot.lines[i];
            int whose = 0;

            while (whose < MENDABLE_TOKENS &&
                   memcmp(line->id, mendable->sample[whose].record.id, ID_LENGTH) != 0)
                whose++;
            if (whose == token && (ended ? line->ends : works(line)))
                names[length++] = "ABCDEF?"[token];
        }
    names[length] = '\0';
}

void mendable_expect(const struct mendable *mendable, const struct bytes *files, size_t count,
                     const char *ended, const char *alive, uint64_t lost)
{
    struct mended mended;
    char names[64];

    if (!mend_bytes(&mended, files, count, "example.com"))
        ck_abort_msg("%s", mended.fault.text);
    mendable_names(names, mendable, &mended, true);
    ck_assert_str_eq(names, ended);
    ck_assert_uint_eq(mended.salvage.ends, strlen(ended));
    mendable_names(names, mendable, &mended, false);
    ck_assert_str_eq(names, alive);
    ck_assert_uint_eq(mended.salvage.lost, lost);
    for (size_t i = 1; i < mended.salvage.snapshot.count; i++)
        ck_assert_uint_gt(mended.salvage.snapshot.lines[i].n, mended.salvage.snapshot.lines[i - 1].n);
    mended_free(&mended);
}

void mendable_expect_alone(const struct mendable *mendable, const struct bytes *file, const char *ended,
                           const char *alive)
{
    mendable_expect(mendable, file, 1, ended, alive, 0);
}

void mendable_expect_with(const struct mendable *mendable, const struct bytes *file, const struct bytes *copy,
                          const char *ended, const char *alive)
{
    const struct bytes files[] = {*file, *copy};

    mendable_expect(mendable, files, 2, ended, alive, 0);
}

void mendable_expect_refusal(const struct bytes *file, const struct bytes *copy, const char *says)
{
    const struct bytes files[] = {*file, copy ? *copy : *file};
    struct mended mended;

    ck_assert(!mend_bytes(&mended, files, copy ? 2 : 1, "example.com"));
    ck_assert_msg(strstr(mended.fault.text, says) != NULL, "%s", mended.fault.text);
    mended_free(&mended);
}

struct bytes mendable_without(const struct mendable *mendable, const struct bytes *file, const int *numbers)
{
    struct bytes left = {0};
    size_t count = count_lines(file), skipped = mendable->forge.header.base - mendable->forge.header.lines;

    for (size_t i = 0; i < count; i++) {
        size_t at = start_of_line(file, i);
        bool missing = false;

        for (const int *number = numbers; *number > 0; number++)
            missing = missing || (size_t)*number == i + skipped;
        if (!missing)
            bytes_add(&left, file->at + at, start_of_line(file, i + 1) - at);
    }
    return left;
}
