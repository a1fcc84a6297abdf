/*
 * Sweeps of damage over a small store, and random damage to larger ones: nobody who was revoked comes back,
 * and no token comes in that was none. MEND_CASES says how many of each kind are tried (30), MEND_SEED which.
 */
#include "damage.h"

#include "store/prove.h"
#include "suites.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- sweeps ---- */

enum outcome { REFUSED, SAFE, HEALED };

static enum outcome outcome_of(const struct mendable *mendable, const struct bytes *file,
                               const struct bytes *copy)
{
    const struct bytes files[] = {*file, copy ? *copy : *file};
    enum outcome outcome = REFUSED;
    struct mended mended;
    char alive[64];

    if (mend_bytes(&mended, files, copy ? 2 : 1, "example.com")) {
        mendable_names(alive, mendable, &mended, false);
        MUST(!strpbrk(alive, "BF?"));
        outcome = strcmp(alive, "ACDE") == 0 && mended.salvage.ends == 0 ? HEALED : SAFE;
    }
    mended_free(&mended);
    return outcome;
}

/* Without the header a copy is needed, and with a whole one nobody is ended. */
START_TEST(each_bit)
{
    struct mendable mendable;
    struct bytes older, file, copy;
    size_t header;

    mendable_start(&mendable);
    if (_i == 1)
        forge_compact(&mendable.forge, TIME_NEVER);
    if (_i == 2)
        forge_mend(&mendable.forge, 2);
    older = mendable_change(&mendable, 1); /* it does not know that B is revoked */
    forge_revoke(&mendable.forge, &mendable.sample[B]);
    file = file_read(mendable.forge.path); /* with its last line */
    copy = copy_of(&file);
    header = start_of_line(&file, 1);
    for (size_t bit = 0; bit < 8 * file.length; bit++) {
        bool in_header = bit / 8 < header;

        file.at[bit / 8] = (char)(file.at[bit / 8] ^ 1 << bit % 8);
        MUST((outcome_of(&mendable, &file, NULL) == REFUSED) == in_header);
        MUST(outcome_of(&mendable, &file, &copy) == HEALED);
        MUST(outcome_of(&mendable, &file, &older) != REFUSED);
        MUST(outcome_of(&mendable, &copy, &file) == (in_header ? REFUSED : HEALED));
        file.at[bit / 8] = copy.at[bit / 8];
    }
    bytes_free(&copy);
    bytes_free(&older);
    mendable_end(&mendable, &file);
}
END_TEST

/* One is deleted, or another one comes before it. */
START_TEST(each_byte_more_or_less)
{
    static const char *const more[] = {"", "x", "\n"};
    struct mendable mendable;
    struct bytes file = mendable_begin(&mendable, _i == 1), damaged;
    size_t header = start_of_line(&file, 1);

    for (size_t at = 0; at < file.length; at++)
        for (int i = 0; i < 3; i++) {
            damaged = copy_of(&file);
            bytes_replace(&damaged, at, i == 0, more[i], strlen(more[i]));
            MUST(outcome_of(&mendable, &damaged, NULL) != REFUSED || at <= header);
            MUST(outcome_of(&mendable, &damaged, &file) != REFUSED);
            bytes_free(&damaged);
        }
    mendable_end(&mendable, &file);
}
END_TEST

/* One or two lines: the last one of all may be, since B and F were revoked before. */
START_TEST(each_line_deleted)
{
    struct mendable mendable;
    struct bytes file = mendable_begin(&mendable, _i == 1), damaged;
    size_t count = count_lines(&file);

    for (size_t one = 1; one < count; one++)
        for (size_t two = one; two < count; two++) {
            size_t at = start_of_line(&file, two);

            damaged = copy_of(&file);
            bytes_replace(&damaged, at, start_of_line(&file, two + 1) - at, "", 0);
            at = start_of_line(&file, one);
            if (one != two)
                bytes_replace(&damaged, at, start_of_line(&file, one + 1) - at, "", 0);
            MUST(outcome_of(&mendable, &damaged, NULL) != REFUSED);
            MUST(outcome_of(&mendable, &damaged, &file) == HEALED);
            bytes_free(&damaged);
        }
    mendable_end(&mendable, &file);
}
END_TEST

/* Swapped, the one over the other, and once more. */
START_TEST(each_pair_of_lines)
{
    struct mendable mendable;
    struct bytes file = mendable_begin(&mendable, _i == 1), damaged;
    int order[32], count = (int)count_lines(&file);

    for (int one = 1; one < count; one++)
        for (int two = 1; two < count; two++) {
            for (int i = 0; i < count; i++)
                order[i] = i;
            order[count] = -1;
            order[one] = two;
            damaged = lines_of(&file, order);
            MUST(outcome_of(&mendable, &damaged, NULL) != REFUSED);
            MUST(outcome_of(&mendable, &damaged, &file) != REFUSED);
            bytes_free(&damaged);
            order[two] = one;
            damaged = lines_of(&file, order);
            MUST(outcome_of(&mendable, &damaged, NULL) == HEALED);
            bytes_free(&damaged);
            damaged = copy_of(&file);
            bytes_replace(&damaged, start_of_line(&file, (size_t)one), 0,
                          file.at + start_of_line(&file, (size_t)two),
                          start_of_line(&file, (size_t)two + 1) - start_of_line(&file, (size_t)two));
            MUST(outcome_of(&mendable, &damaged, NULL) != REFUSED); /* it may be after the last one */
            bytes_free(&damaged);
        }
    mendable_end(&mendable, &file);
}
END_TEST

/* ---- at random ---- */

static unsigned number_of(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);

    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static bool is_ours_and_works(const struct history *history, const char *id)
{
    for (size_t i = 0; i < history->count; i++)
        if (memcmp(history->sample[i].record.id, id, ID_LENGTH) == 0)
            return history->sample[i].record.revoked == TIME_NEVER;
    return false;
}

static size_t count_working(const struct history *history, const struct mended *mended)
{
    size_t count = 0;

    for (size_t i = 0; i < mended->salvage.snapshot.count; i++)
        count += works(&mended->salvage.snapshot.lines[i]) &&
                 is_ours_and_works(history, mended->salvage.snapshot.lines[i].id);
    return count;
}

/* Is it a sound store, only a shorter one, in which this token works? */
static bool works_in(const struct bytes *file, const struct history *history, const char *id)
{
    struct proof proof;
    struct fault fault;
    bool found;
    int fd;

    file_write(history->forge.path, file->at, file->length);
    fd = open(history->forge.path, O_RDONLY | O_CLOEXEC);
    found = prove(&proof, fd, "example.com", NULL, NULL, &fault) && index_find(&proof.index, id) &&
            !line_revoked(index_find(&proof.index, id));
    proof_free(&proof);
    close(fd);
    return found;
}

/* Nobody works who did not before; but what a file lost at its end leaves no trace. */
static bool gives_nothing(const struct history *history, const struct mended *mended,
                          const struct bytes *file, bool loses)
{
    for (size_t i = 0; i < mended->salvage.snapshot.count; i++) {
        const struct last_line *line = &mended->salvage.snapshot.lines[i];

        if (works(line) && !is_ours_and_works(history, line->id) &&
            !(loses && works_in(file, history, line->id)))
            return false;
    }
    return true;
}

static void damage_differently(struct bytes *file, const struct history *history,
                               const struct damage_kind *kind)
{
    do {
        bytes_free(file);
        *file = copy_of(&history->file);
        kind->damage(file, history);
    } while (file->length == history->file.length && memcmp(file->at, history->file.at, file->length) == 0);
}

/* Each kind of damage, on each shape of store, without a copy, with a whole one and with an older one. */
START_TEST(random_damage)
{
    unsigned cases = number_of("MEND_CASES", 30), seed = number_of("MEND_SEED", crypto_random_below(1000000));
    const struct damage_kind *kind = &damage_kinds[_i];
    static struct history histories[SHAPES];

    srandom(seed + (unsigned)_i);
    for (unsigned number = 0; number < cases; number++) {
        unsigned shape = number % SHAPES, copy = number / SHAPES % 3;
        struct history *history = &histories[shape];
        struct bytes files[2] = {{0}};
        struct mended mended;
        bool done;

        if (copy == 0) {
            history_free(history);
            history_make(history, kind->only < SHAPES ? kind->only : (enum shape)shape);
        }
        damage_differently(&files[0], history, kind);
        files[1] = copy == 2 ? history->older : history->file;
        done = mend_bytes(&mended, files, copy == 0 ? 1 : 2, "example.com");
        ck_assert_msg(done ? gives_nothing(history, &mended, &files[0], kind->loses)
                           : memcmp(files[0].at, history->file.at, start_of_line(&history->file, 1)) != 0,
                      "%s: case %u of MEND_SEED=%u: %s", kind->name, number, seed,
                      done ? "" : mended.fault.text);
        mended_free(&mended);
        bytes_free(&files[0]);
    }
    for (int i = 0; i < SHAPES; i++)
        history_free(&histories[i]);
}
END_TEST

/* Without a copy 95 of 100 tokens still work, wherever one small damage has come over a store of 60 lines;
 * with one, all do. */
START_TEST(most_still_work)
{
    const struct damage_place *place = &damage_places[_i / SHAPES];
    size_t kept = 0, tried = 0, step;
    static struct history history;

    srandom(number_of("MEND_SEED", crypto_random_below(1000000)));
    history_make(&history, (enum shape)(_i % SHAPES));
    step = place->count(&history.file) / 1000 + 1;
    for (size_t at = 0; at < place->count(&history.file); at += step) {
        struct bytes files[2] = {copy_of(&history.file), history.file};
        struct mended mended;

        if (place->damage(&files[0], at)) {
            MUST(mend_bytes(&mended, files, 1, "example.com"));
            kept += count_working(&history, &mended);
            tried++;
            mended_free(&mended);
            MUST(mend_bytes(&mended, files, 2, "example.com"));
            MUST(count_working(&history, &mended) == history.working && mended.salvage.ends == 0);
            mended_free(&mended);
        }
        bytes_free(&files[0]);
    }
    ck_assert_msg(100 * kept >= 95 * tried * history.working, "%zu of %zu times %zu", kept, tried,
                  history.working);
    history_free(&history);
}
END_TEST

Suite *salvage_suite(void)
{
    Suite *suite = suite_create("salvage");
    TCase *sweeps = tcase_create("sweeps"), *damage = tcase_create("damage");

    tcase_set_timeout(sweeps, 300);
    tcase_set_timeout(damage, 3600);
    tcase_add_loop_test(sweeps, each_bit, 0, 3);
    tcase_add_loop_test(sweeps, each_byte_more_or_less, 0, 2);
    tcase_add_loop_test(sweeps, each_line_deleted, 0, 2);
    tcase_add_loop_test(sweeps, each_pair_of_lines, 0, 2);
    tcase_add_loop_test(damage, random_damage, 0, DAMAGE_KINDS);
    tcase_add_loop_test(damage, most_still_work, 0, DAMAGE_PLACES * SHAPES);
    suite_add_tcase(suite, sweeps);
    suite_add_tcase(suite, damage);
    return suite;
}
