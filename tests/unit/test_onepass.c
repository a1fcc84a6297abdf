/*
 * One pass over a store for one token, against a reader, which proves each line: on sound stores both find
 * the same; on damaged ones the pass finds what it finds in the undamaged store, or nothing, or leaves a
 * doubt. ONEPASS_CASES says how many of each kind of damage are tried at random (30), ONEPASS_SEED which.
 */
#include "damage.h"
#include "host.h"
#include "onepass.h"
#include "scene.h"
#include "suites.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILL = 3 * LINE_SIZE_MAX }; /* after what is tried: the last lines of a file are hashed anyway */

/* A store and its undamaged bytes. */
struct store {
    struct forge *forge;
    struct sample filler;
    struct bytes file;
    char directory[SCRATCH_PATH];
};

static void store_begin(struct store *store, struct forge *forge)
{
    store->forge = forge;
    strcpy(store->directory, forge->path);
    *strrchr(store->directory, '/') = '\0';
}

static void store_fill(struct store *store, struct forge *forge)
{
    store_begin(store, forge);
    sample_make(&store->filler);
    forge_create(forge, &store->filler);
    forge_fill(forge, &store->filler, 600, FILL);
    store->file = file_read(forge->path);
}

enum found { DOUBT, NOTHING, LINE };

static enum found find(const struct store *store, const struct sample *sample, struct onepass *pass)
{
    struct storefile storefile;

    storefile_of_domain(&storefile, store->directory, HOST_DOMAIN);
    memset(&pass->identity, 0, sizeof(pass->identity)); /* nothing is known from another file */
    if (!onepass_find(pass, &storefile, HOST_DOMAIN, sample->record.id))
        return DOUBT;
    return pass->found ? LINE : NOTHING;
}

/* From the id on, up to the chain or the seal. */
static bool same_line(const char *one, const char *other)
{
    struct line a, b;
    size_t length;

    line_split_accepted(&a, one);
    line_split_accepted(&b, other);
    length = (size_t)(a.column[COLUMN_CHAIN].at - one);
    return length == (size_t)(b.column[COLUMN_CHAIN].at - other) && memcmp(one, other, length) == 0;
}

static void open_reader(struct reader *reader, const struct store *store)
{
    struct scene scene;

    strcpy(scene.directory, store->directory);
    scene_open_reader(reader, &scene);
}

/* What the pass and a reader make of the file as it is now. undamaged: the sample's line in the undamaged
 * store; NULL: it has none. */
static void compare(const struct store *store, struct reader *reader, const struct sample *sample,
                    const char *undamaged, unsigned seen[3])
{
    bool sound = reader->standing == STANDING_GOOD;
    const char *right = sound ? reader_line(reader, sample) : undamaged;
    struct onepass pass;
    enum found found = find(store, sample, &pass);

    seen[found]++;
    if (found == NOTHING)
        MUST(!sound || !right);
    if (found == LINE)
        MUST(right && same_line(pass.found, right));
}

/* In place, and without truncating it to nothing, which file systems take for a sign to write it out. */
static void overwrite(const char *path, const struct bytes *bytes)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    MUST(fd >= 0 && pwrite(fd, bytes->at, bytes->length, 0) == (ssize_t)bytes->length &&
         ftruncate(fd, (off_t)bytes->length) == 0);
    close(fd);
}

/* truth: a reader of the undamaged store, whose index outlives what becomes of the file */
static void try_damaged(const struct store *store, struct reader *truth, const struct sample *samples,
                        size_t count, const struct bytes *damaged, unsigned seen[3])
{
    struct reader reader;

    overwrite(store->forge->path, damaged);
    open_reader(&reader, store);
    for (size_t i = 0; i < count; i++)
        compare(store, &reader, &samples[i], reader_line(truth, &samples[i]), seen);
    reader_close(&reader);
}

/* ---- a small store ---- */

/* Most tests begin with this one, and what the pass has found in it. */
static struct mendable m;
static struct store small;
static struct onepass onepass;

static void start_small(void)
{
    mendable_start(&m);
}

static void end_small(void)
{
    mendable_end(&m, &small.file);
}

/* All that becomes of it in mendable.h. */
static void go_on(bool compacted)
{
    struct bytes file;

    if (compacted)
        forge_compact(&m.forge, TIME_NEVER);
    file = mendable_change(&m, 4);
    bytes_free(&file);
}

static enum found find_now(int token)
{
    return find(&small, &m.sample[token], &onepass);
}

/* The same with these bytes in the place of the store. */
static enum found find_in(const struct bytes *bytes, int token)
{
    overwrite(m.forge.path, bytes);
    return find_now(token);
}

/* ---- sound stores ---- */

/* Each token is found, and no reader has to be asked. */
START_TEST(sound_stores)
{
    struct history history;
    struct store store;
    struct reader truth;

    history_make(&history, (enum shape)_i);
    for (int filled = 0; filled < 2; filled++) {
        if (filled)
            store_fill(&store, &history.forge);
        else
            store_begin(&store, &history.forge);
        open_reader(&truth, &store);
        for (size_t i = 0; i < history.count; i++) {
            const char *right = reader_line(&truth, &history.sample[i]);

            ck_assert_int_eq(find(&store, &history.sample[i], &onepass), right ? LINE : NOTHING);
            ck_assert(!right || same_line(onepass.found, right));
            ck_assert_str_eq(onepass.storeid, history.forge.header.storeid);
        }
        reader_close(&truth);
    }
    bytes_free(&store.file);
    history_free(&history);
}
END_TEST

/* A writer may be in the middle of a line, and a power cut may have left zeros. */
START_TEST(rest_after_the_last_line)
{
    static const char *const rests[] = {"7", "7|", "7|abc", "7|abcdefghijkl|C|"};
    char zeros[100] = "", number[24];
    go_on(false);
    store_fill(&small, &m.forge);
    snprintf(number, sizeof(number), "%" PRIu64, m.forge.at.n + 1);
    for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
        file_write(m.forge.path, small.file.at, small.file.length);
        file_append(m.forge.path, number, strlen(number));
        file_append(m.forge.path, rests[i] + 1, strlen(rests[i] + 1));
        ck_assert_int_eq(find_now(A), LINE);
        file_append(m.forge.path, zeros, sizeof(zeros));
        ck_assert_int_eq(find_now(A), LINE);
    }
    file_append(m.forge.path, "x", 1); /* and now it is damage */
    ck_assert_int_eq(find_now(A), DOUBT);
    file_write(m.forge.path, small.file.at, small.file.length - 1); /* a line without its LF */
    ck_assert_int_eq(find_now(A), DOUBT);
}
END_TEST

/* A bad writer's line that would bring a revoked token back is passed over, wherever it stands. */
START_TEST(revoked_absorbs)
{
    struct sample back = m.sample[F];
    go_on(_i == 1);
    back.record.revoked = TIME_NEVER;
    back.record.op = OPERATION_UPDATE;
    forge_append(&m.forge, &back.record);
    store_fill(&small, &m.forge);
    ck_assert_int_eq(find_now(F), LINE);
    ck_assert(line_revoked(onepass.found));
}
END_TEST

/* ---- damage ---- */

/* Each bit of a small store but those of the filler. */
START_TEST(each_bit)
{
    struct reader truth;
    unsigned seen[3] = {0};
    struct bytes file;
    size_t end;

    go_on(_i == 1);
    if (_i == 2)
        forge_mend(&m.forge, 2);
    file = file_read(m.forge.path);
    end = file.length;
    bytes_free(&file);
    store_fill(&small, &m.forge);
    open_reader(&truth, &small);
    for (size_t bit = (size_t)_i; bit < 8 * end; bit += 3) {
        small.file.at[bit / 8] = (char)(small.file.at[bit / 8] ^ 1 << bit % 8);
        try_damaged(&small, &truth, m.sample, MENDABLE_TOKENS, &small.file, seen);
        small.file.at[bit / 8] = (char)(small.file.at[bit / 8] ^ 1 << bit % 8);
    }
    ck_assert(seen[DOUBT] > 0 && seen[NOTHING] > 0 && seen[LINE] > 0);
    reader_close(&truth);
}
END_TEST

/* A revocation that is made to look like another token's, by its id, its serial, its hash and `prior` of the
 * next line: as long as one of them is left, it gives it away. */
START_TEST(disguised_revocation)
{
    char *line, *serial, *prior;

    go_on(false);
    store_fill(&small, &m.forge);
    line = small.file.at + start_of_line(&small.file, 7); /* F is revoked */
    ck_assert_int_eq(strncmp(strchr(line, '|') + 1, m.sample[F].record.id, ID_LENGTH), 0);
    serial = strchr(line, '|') + 1 + ID_LENGTH + 3 + HASH_HEX + 1;
    ck_assert_int_eq(*serial, '6');
    prior = small.file.at + start_of_line(&small.file, 8);
    for (int i = 0; i < COLUMN_PRIOR; i++)
        prior = strchr(prior, '|') + 1;
    ck_assert_int_eq(*prior, '6');
    for (int which = 1; which < 15; which++) {
        struct bytes damaged = copy_of(&small.file);

        if (which & 1)
            memcpy(strchr(damaged.at + (line - small.file.at), '|') + 1, m.sample[A].record.id, ID_LENGTH);
        if (which & 2)
            damaged.at[serial - small.file.at] = '1';
        if (which & 4)
            damaged.at[prior - small.file.at] = '1';
        if (which & 8)
            damaged.at[serial - 2 - small.file.at] ^= 1; /* the hash */
        ck_assert_int_eq(find_in(&damaged, F), DOUBT);
        bytes_free(&damaged);
    }
}
END_TEST

/* Lines 7 and 8 of a log that parted from this one, whose serials fit: nobody is revoked there. */
START_TEST(lines_of_another_log)
{
    struct forge other;
    struct bytes damaged = {0}, others;
    size_t start;

    forge_copy(&other, &m.forge, "other.tokens");
    other.at.n = 6; /* as if line 7 were not there */
    other.serial = 6;
    m.sample[A].record.op = OPERATION_UPDATE;
    forge_append(&other, &m.sample[A].record);
    m.sample[E].record.op = OPERATION_UPDATE;
    forge_append(&other, &m.sample[E].record);
    others = file_read(other.path);
    forge_append(&m.forge, &m.sample[E].record);
    store_fill(&small, &m.forge);
    start = start_of_line(&small.file, 7);
    bytes_add(&damaged, small.file.at, start);
    bytes_add(&damaged, others.at + start_of_line(&others, 8), others.length - start_of_line(&others, 8));
    bytes_add(&damaged, small.file.at + start_of_line(&small.file, 9),
              small.file.length - start_of_line(&small.file, 9));
    ck_assert_int_eq(find_in(&small.file, F), LINE);
    ck_assert_int_eq(find_in(&damaged, F), DOUBT);
    bytes_free(&damaged);
    bytes_free(&others);
    forge_end(&other);
}
END_TEST

/* Behind a revocation that is the last line no other line tells. */
START_TEST(each_byte_of_the_last_line)
{
    struct bytes file;
    char *id;

    store_fill(&small, &m.forge);
    forge_revoke(&m.forge, &m.sample[E]);
    file = file_read(m.forge.path);
    for (size_t at = small.file.length; at < file.length; at++) {
        file.at[at] ^= 1;
        if (find_in(&file, E) != DOUBT)
            ck_assert(line_revoked(onepass.found)); /* a bit of the last LF */
        file.at[at] ^= 1;
    }
    id = strchr(file.at + small.file.length, '|') + 1;
    id[0] ^= 1;
    id[ID_LENGTH + 3] ^= 1;                /* the hash */
    id[ID_LENGTH + 3 + HASH_HEX + 1] ^= 1; /* the serial */
    ck_assert_int_eq(find_in(&file, E), DOUBT);
    bytes_free(&file);
}
END_TEST

/* F is revoked in the snapshot, whose line is damaged, and a bad writer has changed F since. */
START_TEST(revocation_lost_in_a_snapshot)
{
    struct sample back = m.sample[F];

    go_on(true);
    back.record.revoked = TIME_NEVER;
    back.record.op = OPERATION_UPDATE;
    forge_append(&m.forge, &back.record);
    store_fill(&small, &m.forge);
    ck_assert_int_eq(find_in(&small.file, F), LINE);
    strchr(small.file.at + start_of_line(&small.file, 6), '|')[1] ^= 1;
    ck_assert_int_eq(find_in(&small.file, F), DOUBT);
}
END_TEST

/* The file ends with the snapshot, or in it; the snapshot has a line twice; a number is not the next one. */
START_TEST(what_does_not_fit)
{
    size_t second, third;
    char *number;

    go_on(true);
    store_fill(&small, &m.forge);
    number = strchr(small.file.at + start_of_line(&small.file, 9), '|') - 1;
    *number ^= 1;
    ck_assert_int_eq(find_in(&small.file, F), DOUBT);
    *number ^= 1;
    ck_assert_int_eq(find_in(&small.file, F), LINE);
    for (size_t length = start_of_line(&small.file, 7); length > start_of_line(&small.file, 6); length -= 10)
        ck_assert_int_eq(find_in(&(struct bytes){small.file.at, length}, F), DOUBT);
    second = start_of_line(&small.file, 2);
    third = start_of_line(&small.file, 3);
    ck_assert_uint_eq(third - second, start_of_line(&small.file, 4) - third);
    memcpy(small.file.at + third, small.file.at + second, third - second);
    ck_assert_int_eq(find_in(&small.file, F), LINE);
    ck_assert_int_eq(find_in(&small.file, B), DOUBT);
}
END_TEST

static unsigned setting(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);

    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

/* Each kind of damage, one to three times over, on each shape of store. */
START_TEST(random_damage)
{
    unsigned cases = setting("ONEPASS_CASES", 30),
             seed = setting("ONEPASS_SEED", crypto_random_below(1000000));
    const struct damage_kind *kind = &damage_kinds[_i];
    unsigned seen[3] = {0};
    static struct history history;

    srandom(seed + (unsigned)_i);
    for (unsigned number = 0; number < cases; number++) {
        struct store store;
        struct reader truth;

        history_make(&history, kind->only < SHAPES ? kind->only : (enum shape)(number % SHAPES));
        store_fill(&store, &history.forge);
        open_reader(&truth, &store);
        bytes_free(&history.file);
        history.file = copy_of(&store.file);
        for (unsigned times = 0; times < 1 + number / SHAPES % 3; times++)
            kind->damage(&history.file, &history);
        try_damaged(&store, &truth, history.sample, history.count, &history.file, seen);
        reader_close(&truth);
        bytes_free(&store.file);
        history_free(&history);
    }
    ck_assert_msg(seen[DOUBT] > 0, "%s: ONEPASS_SEED=%u", kind->name, seed);
}
END_TEST

Suite *onepass_suite(void)
{
    Suite *suite = suite_create("onepass");
    TCase *sound = tcase_create("sound"), *damage = tcase_create("damage"),
          *at_random = tcase_create("at random");

    tcase_add_checked_fixture(sound, start_small, end_small);
    tcase_add_checked_fixture(damage, start_small, end_small);
    tcase_set_timeout(damage, 600);
    tcase_set_timeout(at_random, 600);
    tcase_add_loop_test(sound, sound_stores, 0, SHAPES);
    tcase_add_test(sound, rest_after_the_last_line);
    tcase_add_loop_test(sound, revoked_absorbs, 0, 2);
    tcase_add_loop_test(damage, each_bit, 0, 3);
    tcase_add_test(damage, disguised_revocation);
    tcase_add_test(damage, lines_of_another_log);
    tcase_add_test(damage, each_byte_of_the_last_line);
    tcase_add_test(damage, revocation_lost_in_a_snapshot);
    tcase_add_test(damage, what_does_not_fit);
    tcase_add_loop_test(at_random, random_damage, 0, DAMAGE_KINDS);
    suite_add_tcase(suite, sound);
    suite_add_tcase(suite, damage);
    suite_add_tcase(suite, at_random);
    return suite;
}
