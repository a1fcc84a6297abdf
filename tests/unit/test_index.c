#include "fixture.h"
#include "index.h"
#include "record.h"
#include "suites.h"
#include "text.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH "a0acfe7ab0402a756593e4cf19f1477aba4b8fb445cd564e23a7c1537e5aefd6"
#define CHAIN "3c384edc7cbab2d3748838196c76cdf9"

/* Take the line of a token into the index, growing it where it must. note tells it from others of that id. */
static void put(struct index *index, const char id[ID_LENGTH], bool revoked, unsigned note)
{
    char line[LINE_SIZE_MAX], *room;
    size_t size;
    int length = snprintf(line, sizeof(line),
                          "1|%.12s|C|" HASH "|1|1|-|%s|1|root/0/-||||%u||||0|" CHAIN "|" CHAIN "\n", id,
                          revoked ? "7" : "-", note);

    room = index_room(index, LINE_SIZE_MAX, LINE_SIZE_MAX, &size);
    MUST(room && size >= LINE_SIZE_MAX);
    memcpy(room, line, (size_t)length);
    index_keep(index, (size_t)length);
    if (!index_holds(index, 1))
        MUST(index_grow(index));
    index_put(index, room + 2, (size_t)length - 2);
}

/* The note of an id's line; -1: there is none. */
static long note_of(const struct index *index, const char id[ID_LENGTH])
{
    const char *found = index_find(index, id);
    struct line line;

    if (!found)
        return -1;
    MUST(memcmp(found, id, ID_LENGTH) == 0);
    line_split_accepted(&line, found);
    return strtol(line.column[COLUMN_LABEL].at, NULL, 10);
}

static bool is_revoked(const struct index *index, const char id[ID_LENGTH])
{
    return line_revoked(index_find(index, id));
}

static void id_of(char id[ID_LENGTH + 1], unsigned number)
{
    snprintf(id, ID_LENGTH + 1, "%012u", number);
}

/* ---- one index ---- */

START_TEST(empty)
{
    struct index index;

    ck_assert(index_make(&index, 0));
    index_prefetch(&index, "ExampleToken");
    ck_assert_ptr_null(index_find(&index, "ExampleToken"));
    ck_assert(index_holds(&index, 1));
    index_free(&index);
    index_free(&index); /* what was freed is empty */
}
END_TEST

START_TEST(last_line_counts)
{
    struct index index;

    ck_assert(index_make(&index, 0));
    put(&index, "ExampleToken", false, 1);
    put(&index, "SecondSample", false, 2);
    put(&index, "ExampleToken", false, 3);
    ck_assert_int_eq(note_of(&index, "ExampleToken"), 3);
    ck_assert_int_eq(note_of(&index, "SecondSample"), 2);
    ck_assert_int_eq(note_of(&index, "ExampleTokeo"), -1);
    ck_assert_int_eq(note_of(&index, "examplETOKEN"), -1);
    ck_assert_uint_eq(index.count, 2);
    index_free(&index);
}
END_TEST

START_TEST(revoked_absorbs)
{
    struct index index;

    ck_assert(index_make(&index, 0));
    put(&index, "ExampleToken", true, 1);
    put(&index, "ExampleToken", false, 2);
    ck_assert_int_eq(note_of(&index, "ExampleToken"), 1);
    ck_assert(is_revoked(&index, "ExampleToken"));
    put(&index, "ExampleToken", true, 3); /* an update of one that is revoked */
    ck_assert_int_eq(note_of(&index, "ExampleToken"), 3);
    ck_assert_uint_eq(index.count, 1);
    index_free(&index);
}
END_TEST

START_TEST(garbage_is_counted)
{
    struct index index;
    size_t line;

    ck_assert(index_make(&index, 0));
    put(&index, "ExampleToken", false, 1);
    ck_assert_uint_eq(index.dead, 0);
    line = index.bytes;
    put(&index, "ExampleToken", false, 2);
    ck_assert_uint_eq(index.bytes, 2 * line);
    ck_assert_uint_ge(index.dead, line - 4);
    ck_assert_uint_le(index.dead, line);
    put(&index, "ExampleToken", true, 3);
    put(&index, "ExampleToken", false, 4); /* passed over */
    ck_assert_uint_ge(index.dead, 3 * (line - 4));
    ck_assert_uint_le(index.dead, 3 * line);
    index_free(&index);
}
END_TEST

START_TEST(a_hundred_thousand_random_ids)
{
    enum { IDS = 100000 };
    char(*ids)[ID_LENGTH] = malloc(2 * IDS * sizeof(*ids));
    struct index index;

    ck_assert(index_make(&index, _i == 0 ? 0 : IDS));
    crypto_random_bytes(ids, 2 * IDS * sizeof(*ids));
    for (unsigned i = 0; i < 2 * IDS; i++)
        for (size_t j = 0; j < ID_LENGTH; j++)
            ids[i][j] = base62_digits[(unsigned char)ids[i][j] % 62];
    for (unsigned i = 0; i < IDS; i++)
        put(&index, ids[i], i % 2 == 1, i);
    for (unsigned i = 0; i < IDS; i += 10)
        put(&index, ids[i], false, IDS + i);
    ck_assert_uint_eq(index.count, IDS);
    for (unsigned i = 0; i < IDS; i++) {
        MUST(note_of(&index, ids[i]) == (long)(i % 10 == 0 ? IDS + i : i));
        MUST(is_revoked(&index, ids[i]) == (i % 2 == 1));
        MUST(!index_find(&index, ids[IDS + i]));
    }
    index_free(&index);
    free(ids);
}
END_TEST

/* Ids that look alike, as those of another writer may: no more of them fit than the table says. */
START_TEST(full_table)
{
    struct index index;
    char id[ID_LENGTH + 1];
    unsigned count = 0;

    ck_assert(index_make(&index, 0));
    while (index_holds(&index, 1)) {
        id_of(id, count);
        put(&index, id, false, count++);
    }
    ck_assert_uint_ge(count, 32);
    ck_assert_uint_lt(count, index.slot_count); /* else a look-up of what is not there would never end */
    id_of(id, count);
    ck_assert_ptr_null(index_find(&index, id));
    ck_assert(index_grow(&index));
    ck_assert(index_holds(&index, count));
    for (unsigned i = 0; i < count; i++) {
        id_of(id, i);
        ck_assert_int_eq(note_of(&index, id), i);
    }
    index_free(&index);
}
END_TEST

START_TEST(room_for_what_was_announced)
{
    static const size_t announced[] = {0, 1, 47, 48, 49, 96, 97, 1000, 12288, 12289};
    struct index index;

    ck_assert(index_make(&index, announced[_i]));
    ck_assert(index_holds(&index, announced[_i]));
    index_free(&index);
}
END_TEST

/* ---- the arena ---- */

START_TEST(room_is_as_large_as_was_asked_for)
{
    struct index index;
    char *first, *second;
    size_t size;

    ck_assert(index_make(&index, 0));
    first = index_room(&index, 5000, 1 << 20, &size);
    ck_assert_uint_ge(size, 1 << 20);
    memset(first, 'x', size);
    second = index_room(&index, 5000, 5000, &size);
    ck_assert_ptr_eq(first, second); /* nothing was kept */
    index_keep(&index, size - 4999);
    second = index_room(&index, 5000, 5000, &size);
    ck_assert_uint_ge(size, 5000);
    memset(second, 'y', size);
    ck_assert_int_eq(first[0], 'x'); /* what was kept stays where it is */
    ck_assert_uint_eq(index.chunk_count, 2);
    second = index_room(&index, 4999, 4999, &size);
    ck_assert_uint_ge(size, 4999);
    index_free(&index);
}
END_TEST

/* A line without its chain may end a chunk: whoever splits it reads a little past its end. */
START_TEST(line_at_the_very_end)
{
    static const char line[] = "1|ExampleToken|C|" HASH "|1|1|-|-|1|root/0/-||||5||||0|" CHAIN "|\n";
    const size_t length = sizeof(line) - 1;
    struct index index;
    struct line columns;
    char *room;
    size_t size;

    ck_assert(index_make(&index, 0));
    room = index_room(&index, LINE_SIZE_MAX, LINE_SIZE_MAX, &size);
    ck_assert_ptr_nonnull(room);
    room += size - length;
    memcpy(room, line, length);
    index_keep(&index, size);
    index_put(&index, room + 2, length - 2);
    ck_assert_int_eq(note_of(&index, "ExampleToken"), 5);
    line_split_for_verdict(&columns, index_find(&index, "ExampleToken"));
    ck_assert(columns.plain);
    ck_assert(span_equals(columns.column[COLUMN_LABEL], "5"));
    index_free(&index);
}
END_TEST

/* However long a host runs, its arena does not run out of chunks: they grow with it. */
START_TEST(chunks_are_enough)
{
    struct index index;
    size_t size;
    uint64_t total = 0;

    ck_assert(index_make(&index, 0));
    while (total < UINT64_C(1) << 28 && index.chunk_count < CHUNKS_MAX) {
        /* the memory is never touched; it counts as full and is given back at once */
        ck_assert_ptr_nonnull(index_room(&index, LINE_SIZE_MAX, LINE_SIZE_MAX, &size));
        index_keep(&index, size);
        total += size;
        free(index.chunks[index.chunk_count - 1].bytes);
        index.chunks[index.chunk_count - 1].bytes = NULL;
    }
    ck_assert_uint_ge(total, UINT64_C(1) << 28);
    ck_assert_uint_lt(index.chunk_count, 70); /* and 6 more for each time that it doubles */
    index_free(&index);
}
END_TEST

/* ---- copies ---- */

START_TEST(copy_of_all)
{
    enum { IDS = 20000 };
    struct index from, to;
    char id[ID_LENGTH + 1];

    ck_assert(index_make(&from, 0));
    ck_assert(index_make(&to, _i == 0 ? 0 : IDS));
    for (unsigned i = 0; i < IDS; i++) {
        id_of(id, i);
        put(&from, id, i % 3 == 0, i);
        put(&from, id, i % 3 == 0, IDS + i);
    }
    ck_assert(index_copy_all(&to, &from));
    ck_assert_uint_eq(to.count, IDS);
    ck_assert_uint_eq(to.dead, 0);
    ck_assert_uint_lt(to.bytes, from.bytes / 2 + IDS * 3); /* without the garbage */
    index_free(&from);
    for (unsigned i = 0; i < IDS; i++) {
        id_of(id, i);
        MUST(note_of(&to, id) == (long)(IDS + i));
        MUST(is_revoked(&to, id) == (i % 3 == 0));
    }
    index_free(&to);
}
END_TEST

/* What is known to be revoked stays so, whether the other index has it alive, revoked or not at all. */
START_TEST(copy_of_what_is_revoked)
{
    struct index from, to;

    ck_assert(index_make(&from, 0));
    ck_assert(index_make(&to, 0));
    put(&from, "alive-alive-", false, 1);
    put(&from, "dead--alive-", true, 2);
    put(&from, "dead--dead--", true, 3);
    put(&from, "dead--none--", true, 4);
    put(&from, "alive-none--", false, 5);
    put(&to, "alive-alive-", false, 11);
    put(&to, "dead--alive-", false, 12);
    put(&to, "dead--dead--", true, 13);
    put(&to, "alive-dead--", true, 16);
    put(&from, "alive-dead--", false, 6);
    put(&to, "none--alive-", false, 17);
    ck_assert(index_copy_revoked(&to, &from));
    ck_assert_int_eq(note_of(&to, "alive-alive-"), 11);
    ck_assert(!is_revoked(&to, "alive-alive-"));
    ck_assert_int_eq(note_of(&to, "dead--alive-"), 2);
    ck_assert(is_revoked(&to, "dead--alive-"));
    ck_assert_int_eq(note_of(&to, "dead--dead--"), 13);
    ck_assert(is_revoked(&to, "dead--dead--"));
    ck_assert_int_eq(note_of(&to, "dead--none--"), 4);
    ck_assert(is_revoked(&to, "dead--none--"));
    ck_assert_ptr_null(index_find(&to, "alive-none--"));
    ck_assert(is_revoked(&to, "alive-dead--"));
    ck_assert_int_eq(note_of(&to, "none--alive-"), 17);
    ck_assert_uint_eq(to.count, 6);
    index_free(&from);
    index_free(&to);
}
END_TEST

/* ---- readers beside the one that writes ---- */

enum { ROUNDS = 20000, THREADS = 3, KNOWN = 40 };

struct shared {
    struct index index;
    _Atomic unsigned written; /* the note of the last line of id 0 */
    _Atomic bool stop;
    _Atomic unsigned wrong, looks;
};

static void *find_on(void *context)
{
    struct shared *shared = context;

    while (!atomic_load(&shared->stop)) {
        long least = (long)atomic_load(&shared->written), note;
        char id[ID_LENGTH + 1];

        id_of(id, 0);
        note = note_of(&shared->index, id);
        if (note < least || note > ROUNDS)
            atomic_fetch_add(&shared->wrong, 1);
        id_of(id, KNOWN + 1);
        if (index_find(&shared->index, id))
            atomic_fetch_add(&shared->wrong, 1);
        atomic_fetch_add(&shared->looks, 1);
    }
    return NULL;
}

START_TEST(readers_see_whole_lines)
{
    static struct shared shared;
    pthread_t threads[THREADS];
    char id[ID_LENGTH + 1];

    memset(&shared, 0, sizeof(shared));
    ck_assert(index_make(&shared.index, KNOWN));
    id_of(id, 0);
    put(&shared.index, id, false, 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, find_on, &shared), 0);
    while (atomic_load(&shared.looks) < 1000)
        sched_yield();
    for (unsigned i = 1; i <= ROUNDS; i++) {
        id_of(id, i % 100 == 0 ? i / 100 % KNOWN : 0);
        put(&shared.index, id, false, i);
        if (i % 100 != 0)
            atomic_store(&shared.written, i);
    }
    atomic_store(&shared.stop, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(shared.wrong, 0);
    index_free(&shared.index);
}
END_TEST

Suite *index_suite(void)
{
    Suite *suite = suite_create("index");
    TCase *one = tcase_create("one"), *arena = tcase_create("arena"), *copies = tcase_create("copies"),
          *threads = tcase_create("threads");

    tcase_add_test(one, empty);
    tcase_add_test(one, last_line_counts);
    tcase_add_test(one, revoked_absorbs);
    tcase_add_test(one, garbage_is_counted);
    tcase_add_loop_test(one, a_hundred_thousand_random_ids, 0, 2);
    tcase_add_test(one, full_table);
    tcase_add_loop_test(one, room_for_what_was_announced, 0, 10);
    suite_add_tcase(suite, one);
    tcase_add_test(arena, room_is_as_large_as_was_asked_for);
    tcase_add_test(arena, line_at_the_very_end);
    tcase_add_test(arena, chunks_are_enough);
    suite_add_tcase(suite, arena);
    tcase_add_loop_test(copies, copy_of_all, 0, 2);
    tcase_add_test(copies, copy_of_what_is_revoked);
    suite_add_tcase(suite, copies);
    tcase_add_test(threads, readers_see_whole_lines);
    suite_add_tcase(suite, threads);
    return suite;
}
