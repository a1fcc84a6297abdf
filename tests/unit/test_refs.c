/* Finding the last line of the token that somebody means. */
#include "store/refs.h"

#include "forge.h"
#include "suites.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MUCH = 1 << 20 };

/* Three tokens: the second succeeds the first one, and between any two of their lines much is changed. */
struct store {
    struct forge forge;
    struct sample samples[3];
};

static void fill(struct store *store)
{
    struct sample other;

    sample_make(&other);
    forge_create(&store->forge, &other);
    forge_fill(&store->forge, &other, LINE_SIZE_MAX, MUCH / 4);
}

static void update(struct store *store, size_t i, const char *label)
{
    struct record record = store->samples[i].record;

    record.op = OPERATION_UPDATE;
    record.label = span_of(label);
    forge_append(&store->forge, &record);
}

static void start(struct store *store)
{
    char directory[SCRATCH_PATH];

    scratch_directory(directory);
    forge_start(&store->forge, directory, "example.com");
    for (size_t i = 0; i < 3; i++)
        sample_make(&store->samples[i]);
    fill(store);
    forge_create(&store->forge, &store->samples[0]);
    update(store, 0, "once");
    fill(store);
    store->samples[1].record.prev = (struct span){store->samples[0].record.id, ID_LENGTH};
    forge_create(&store->forge, &store->samples[1]);
    fill(store);
    update(store, 0, "twice");
    fill(store);
    forge_create(&store->forge, &store->samples[2]);
    update(store, 1, "once");
}

/* The refs of these texts; prove: from the start of the file. */
static void read_refs(struct refs *refs, const struct store *store, char **texts, int count,
                      enum proof_of proof)
{
    int fd = open(store->forge.path, O_RDONLY | O_CLOEXEC);
    struct fault fault;

    ck_assert_int_eq(refs_make(refs, "example.com", texts, count, proof), STATUS_DONE);
    ck_assert_int_eq(refs_read(refs, fd, &fault), STATUS_DONE);
    close(fd);
}

static void expect_alike(const struct store *store, char **texts, int count)
{
    struct refs wanted, refs;

    read_refs(&wanted, store, texts, count, PROOF_OF_STORE);
    for (enum proof_of proof = PROOF_OF_FOUND; proof <= PROOF_OF_STATE; proof++) {
        read_refs(&refs, store, texts, count, proof);
        for (int i = 0; i < count; i++) {
            const struct ref *ref = &refs.list[i], *as = &wanted.list[i];

            ck_assert_uint_eq(ref->candidate_count, as->candidate_count);
            ck_assert_uint_eq(ref->length, as->length);
            ck_assert_mem_eq(ref->line, as->line, as->length);
            ck_assert_uint_eq(ref->successor_serial, as->successor_serial);
            ck_assert(ref->successor_revoked == as->successor_revoked);
        }
        refs_free(&refs);
    }
    refs_free(&wanted);
}

static void expect_all_alike(struct store *store)
{
    char ids[3][ID_LENGTH + 1], serials[3][24], start_of_id[7], *texts[7];

    for (int i = 0; i < 3; i++) {
        const struct record *record = &store->samples[i].record;

        memcpy(ids[i], record->id, sizeof(ids[i]));
        snprintf(serials[i], sizeof(serials[i]), "%d", (int)record->serial);
        texts[i] = ids[i];
        texts[3 + i] = serials[i];
        expect_alike(store, &texts[i], 1);
        expect_alike(store, &texts[3 + i], 1);
    }
    snprintf(start_of_id, sizeof(start_of_id), "%.6s", ids[0]);
    texts[6] = start_of_id;
    expect_alike(store, texts, 6);
    if (strspn(start_of_id, "0123456789") < 6) {
        expect_alike(store, &texts[6], 1);
        expect_alike(store, texts, 7);
    }
}

START_TEST(the_same_from_both_ends)
{
    struct store store;
    struct bytes bytes;

    start(&store);
    expect_all_alike(&store);
    bytes = file_read(store.forge.path);
    file_write(store.forge.path, bytes.at, bytes.length - 1); /* the last line lacks its LF */
    expect_all_alike(&store);
    file_append(store.forge.path, "\n", 1);
    forge_revoke(&store.forge, &store.samples[1]);
    expect_all_alike(&store);
    forge_compact(&store.forge, TIME_NEVER);
    expect_all_alike(&store);
    fill(&store);
    update(&store, 2, "once");
    expect_all_alike(&store);
    bytes_free(&bytes);
    forge_end(&store.forge);
}
END_TEST

/* No line brings it back, in whichever order they are found. */
START_TEST(revoked_stays_revoked)
{
    struct store store;
    char id[ID_LENGTH + 1], *text = id;
    struct record record;
    struct refs refs;

    start(&store);
    memcpy(id, store.samples[0].record.id, sizeof(id));
    forge_revoke(&store.forge, &store.samples[0]);
    store.samples[0].record.revoked = TIME_NEVER;
    update(&store, 0, "back");
    expect_all_alike(&store);
    read_refs(&refs, &store, &text, 1, PROOF_OF_FOUND);
    ck_assert(ref_record(&refs.list[0], &record));
    ck_assert_int_eq(record.revoked, NOW);
    refs_free(&refs);
    forge_end(&store.forge);
}
END_TEST

/* The search for a token ends at the line that created it. */
START_TEST(no_more_is_read)
{
    char texts[2][24], *text[2] = {texts[0], texts[1]};
    unsigned long long before, taken;
    struct store store;
    struct refs refs;

    start(&store);
    memcpy(texts[0], store.samples[2].record.id, ID_LENGTH + 1);
    snprintf(texts[1], sizeof(texts[1]), "%d", (int)store.samples[2].record.serial);
    for (int count = 1; count <= 2; count++) {
        before = bytes_read_so_far();
        read_refs(&refs, &store, text, count, PROOF_OF_STATE);
        taken = bytes_read_so_far() - before;
        ck_assert_ptr_nonnull(refs.list[count - 1].line);
        ck_assert_uint_lt(taken, MUCH / 2);
        refs_free(&refs);
    }
    forge_end(&store.forge);
}
END_TEST

Suite *refs_suite(void)
{
    Suite *suite = suite_create("refs");
    TCase *test = tcase_create("refs");

    tcase_add_test(test, the_same_from_both_ends);
    tcase_add_test(test, revoked_stays_revoked);
    tcase_add_test(test, no_more_is_read);
    suite_add_tcase(suite, test);
    return suite;
}
