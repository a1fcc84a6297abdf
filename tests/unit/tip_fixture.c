#include "tip_fixture.h"

void tip_start(struct forge *forge)
{
    char directory[SCRATCH_PATH];

    scratch_directory(directory);
    forge_start(forge, directory, "example.com");
}

struct bytes tip_start_with(struct forge *forge, int count)
{
    struct sample sample;

    tip_start(forge);
    for (int i = 0; i < count; i++) {
        sample_make(&sample);
        forge_create(forge, &sample);
    }
    return file_read(forge->path);
}

size_t tip_next_line(struct forge *forge, char text[LINE_SIZE_MAX])
{
    struct sample sample;

    sample_make(&sample);
    sample.record.op = OPERATION_CREATE;
    sample.record.serial = forge->at.n + 1;
    return forge_line(forge, &sample.record, text);
}

const char *tip_from(struct tip *tip, const struct bytes *file, size_t from)
{
    size_t head = file->length < LINE_SIZE_MAX ? file->length : LINE_SIZE_MAX;

    return tip_find(tip, "example.com", (struct span){file->at, head},
                    (struct span){file->at + from, file->length - from}, from);
}

const char *tip_of(struct tip *tip, const struct bytes *file)
{
    return tip_from(tip, file, file->length < TIP_TAIL ? 0 : file->length - TIP_TAIL);
}

void tip_expect_end(const struct tip *tip, const struct forge *forge, size_t end, bool lf_due)
{
    ck_assert_uint_eq(tip->chain.header.epoch, forge->header.epoch);
    ck_assert(position_equal(&tip->chain.at, &forge->at));
    ck_assert_uint_eq(tip->chain.serial, forge->serial);
    ck_assert_uint_eq(tip->end, end);
    ck_assert_int_eq(tip->lf_due, lf_due);
}

void tip_expect(const struct forge *forge, const struct bytes *file, size_t end, bool lf_due)
{
    struct tip tip;

    ck_assert_ptr_null(tip_of(&tip, file));
    tip_expect_end(&tip, forge, end, lf_due);
    ck_assert_uint_eq(tip.size, file->length);
}

void tip_expect_none(const struct bytes *file)
{
    struct tip tip;

    MUST(tip_of(&tip, file) != NULL);
}
