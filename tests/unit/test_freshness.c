#include "freshness.h"
#include "suites.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

static const struct identity first = {.device = 1, .inode = 2, .size = 3, .links = 1, .changed = 4};

/* The same but for one of the five values. */
static struct identity other_than_first(int which)
{
    struct identity other = first;

    if (which == 0)
        other.device++;
    else if (which == 1)
        other.inode++;
    else if (which == 2)
        other.size++;
    else if (which == 3)
        other.links--;
    else
        other.changed++;
    return other;
}

START_TEST(identity_is_what_fstat_says)
{
    struct stat status = {0};
    struct identity identity;

    status.st_dev = 11;
    status.st_ino = 12;
    status.st_size = 13;
    status.st_nlink = 14;
    status.st_ctim = (struct timespec){15, 999999999};
    status.st_mtim = (struct timespec){16, 0}; /* can be set at will: not looked at */
    identity = identity_of(&status);
    ck_assert_uint_eq(identity.device, 11);
    ck_assert_uint_eq(identity.inode, 12);
    ck_assert_uint_eq(identity.size, 13);
    ck_assert_uint_eq(identity.links, 14);
    ck_assert_int_eq(identity.changed, INT64_C(15999999999));
}
END_TEST

START_TEST(every_value_counts)
{
    struct identity same = first, other = other_than_first(_i);
    struct freshness seen = {0};

    ck_assert(identity_equal(&first, &same));
    ck_assert(!identity_equal(&first, &other));
    ck_assert(identity_same_file(&first, &other) == (_i >= 2));
    freshness_publish(&seen, &first);
    ck_assert(freshness_equals(&seen, &first));
    ck_assert(!freshness_equals(&seen, &other));
    freshness_publish(&seen, &other);
    ck_assert(freshness_equals(&seen, &other));
    ck_assert(!freshness_equals(&seen, &first));
}
END_TEST

/* Where the one that wrote it was cut off, nothing equals it until it is written anew. */
START_TEST(half_written)
{
    struct freshness seen = {0};

    freshness_publish(&seen, &first);
    atomic_fetch_add(&seen.version, 1);
    ck_assert(!freshness_equals(&seen, &first));
    freshness_publish(&seen, &first);
    ck_assert(freshness_equals(&seen, &first));
}
END_TEST

enum { ROUNDS = 100000, THREADS = 3 };

struct shared {
    struct freshness seen;
    _Atomic bool stop;
    _Atomic unsigned wrong, looks;
};

/* A and B are written in turn, and have no value in common: a mixture of both was never seen. Who reads while
 * another writes finds the first values of one and the others of the other. */
static struct identity all_of(uint64_t value)
{
    return (struct identity){value, value, value, value, (int64_t)value};
}

static struct identity mixture_of(uint64_t first_values, unsigned count)
{
    uint64_t other = 3 - first_values;

    return (struct identity){
        .device = first_values,
        .inode = count > 1 ? first_values : other,
        .size = count > 2 ? first_values : other,
        .links = count > 3 ? first_values : other,
        .changed = (int64_t)other,
    };
}

static void *compare_on(void *context)
{
    struct shared *shared = context;

    while (!atomic_load(&shared->stop))
        for (unsigned i = 0; i < 8; i++) {
            struct identity identity = mixture_of(1 + i % 2, 1 + i / 2);

            for (int j = 0; j < 100; j++)
                if (freshness_equals(&shared->seen, &identity))
                    atomic_fetch_add(&shared->wrong, 1);
            atomic_fetch_add(&shared->looks, 1);
        }
    return NULL;
}

START_TEST(never_a_mixture)
{
    static struct shared shared;
    struct identity a = all_of(1), b = all_of(2);
    pthread_t threads[THREADS];

    memset(&shared, 0, sizeof(shared));
    freshness_publish(&shared.seen, &a);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, compare_on, &shared), 0);
    while (atomic_load(&shared.looks) < 100)
        sched_yield();
    for (int i = 0; i < ROUNDS; i++)
        freshness_publish(&shared.seen, i % 2 == 0 ? &b : &a);
    atomic_store(&shared.stop, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(shared.wrong, 0);
    ck_assert(freshness_equals(&shared.seen, &a));
}
END_TEST

Suite *freshness_suite(void)
{
    Suite *suite = suite_create("freshness");
    TCase *seen = tcase_create("seen");

    tcase_add_test(seen, identity_is_what_fstat_says);
    tcase_add_loop_test(seen, every_value_counts, 0, 5);
    tcase_add_test(seen, half_written);
    tcase_add_test(seen, never_a_mixture);
    suite_add_tcase(suite, seen);
    return suite;
}
