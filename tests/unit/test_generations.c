#include "fixture.h"
#include "generations.h"
#include "suites.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

START_TEST(enter_and_leave)
{
    struct generations gate;
    struct generations_hold hold;
    struct pass pass, second;

    ck_assert(generations_make(&gate));
    ck_assert_uint_eq(generations_idle(&gate), 1);
    pass = generations_enter(&gate);
    second = generations_enter(&gate);
    ck_assert_uint_eq(pass.generation, 0);
    ck_assert_uint_eq(second.generation, 0);
    generations_leave(&gate, pass);
    generations_leave(&gate, second);
    generations_lock(&gate, &hold);
    generations_publish_idle(&gate);
    ck_assert_uint_eq(generations_idle(&gate), 0);
    generations_unlock(&gate, &hold);
    pass = generations_enter(&gate);
    ck_assert_uint_eq(pass.generation, 1);
    generations_leave(&gate, pass);
    generations_free(&gate);
    generations_free(&gate);
}
END_TEST

static void *try_lock(void *context)
{
    struct generations_hold hold;

    if (!generations_try_lock(context, &hold))
        return NULL;
    generations_unlock(context, &hold);
    return context;
}

/* Can another thread have the lock? */
static bool is_free(struct generations *gate)
{
    pthread_t thread;
    void *result;

    ck_assert_int_eq(pthread_create(&thread, NULL, try_lock, gate), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    return result != NULL;
}

START_TEST(one_holds_the_lock)
{
    struct generations gate;
    struct generations_hold hold;
    int state;

    ck_assert(generations_make(&gate));
    ck_assert(is_free(&gate));
    generations_lock(&gate, &hold);
    ck_assert(!is_free(&gate));
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    ck_assert_int_eq(state, PTHREAD_CANCEL_DISABLE); /* nobody cancels a refresh in the middle */
    generations_unlock(&gate, &hold);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
    ck_assert_int_eq(state, PTHREAD_CANCEL_ENABLE);
    ck_assert(generations_try_lock(&gate, &hold));
    ck_assert(!is_free(&gate));
    generations_unlock(&gate, &hold);
    ck_assert(is_free(&gate));
    generations_free(&gate);
}
END_TEST

START_TEST(cancel_state_is_given_back)
{
    struct generations gate;
    struct generations_hold hold;
    int state;

    ck_assert(generations_make(&gate));
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    generations_lock(&gate, &hold);
    generations_unlock(&gate, &hold);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
    ck_assert_int_eq(state, PTHREAD_CANCEL_DISABLE);
    generations_lock(&gate, &hold);
    is_free(&gate); /* a try that fails, in a thread that ends at once */
    generations_unlock(&gate, &hold);
    generations_free(&gate);
}
END_TEST

/* ---- gate ---- */

struct wait {
    struct generations gate;
    _Atomic bool published;
};

static void *publish(void *context)
{
    struct wait *wait = context;
    struct generations_hold hold;

    generations_lock(&wait->gate, &hold);
    generations_publish_idle(&wait->gate);
    atomic_store(&wait->published, true);
    generations_unlock(&wait->gate, &hold);
    return NULL;
}

/* A generation is not given up while somebody is in it. */
START_TEST(publisher_waits_for_readers)
{
    static struct wait wait;
    pthread_t thread;
    struct pass pass, later;

    memset(&wait, 0, sizeof(wait));
    ck_assert(generations_make(&wait.gate));
    pass = generations_enter(&wait.gate);
    ck_assert_int_eq(pthread_create(&thread, NULL, publish, &wait), 0);
    do { /* who comes from now on is in the other */
        later = generations_enter(&wait.gate);
        generations_leave(&wait.gate, later);
    } while (later.generation == pass.generation);
    for (int i = 0; i < 20; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        ck_assert(!atomic_load(&wait.published));
    }
    generations_leave(&wait.gate, pass);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(atomic_load(&wait.published));
    generations_free(&wait.gate);
}
END_TEST

enum { ROUNDS = 4000, THREADS = 4 }; /* a round may wait for who lost the processor: a few milliseconds */

struct traffic {
    struct generations gate;
    unsigned value[2]; /* of each generation; 0: given up. Not atomic: the gate alone keeps order */
    _Atomic bool stop;
    _Atomic unsigned wrong, passed;
};

/* What a reader finds in a generation stays as it is for as long as it is inside. */
static void *pass_through(void *context)
{
    struct traffic *traffic = context;
    unsigned last = 0;

    while (!atomic_load(&traffic->stop)) {
        struct pass pass = generations_enter(&traffic->gate);
        volatile unsigned *value = &traffic->value[pass.generation];
        unsigned found = *value;

        for (int i = 0; i < 50; i++)
            if (*value != found || found == 0 || found < last)
                atomic_fetch_add(&traffic->wrong, 1);
        last = found;
        generations_leave(&traffic->gate, pass);
        atomic_fetch_add(&traffic->passed, 1);
    }
    return NULL;
}

START_TEST(nobody_is_in_what_was_given_up)
{
    static struct traffic traffic;
    pthread_t threads[THREADS];
    struct generations_hold hold;

    memset(&traffic, 0, sizeof(traffic));
    ck_assert(generations_make(&traffic.gate));
    traffic.value[0] = 1;
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, pass_through, &traffic), 0);
    while (atomic_load(&traffic.passed) < 1000) /* they are on their way */
        sched_yield();
    for (unsigned i = 2; i < ROUNDS; i++) {
        generations_lock(&traffic.gate, &hold);
        traffic.value[generations_idle(&traffic.gate)] = i;
        generations_publish_idle(&traffic.gate);
        traffic.value[generations_idle(&traffic.gate)] = 0;
        generations_unlock(&traffic.gate, &hold);
    }
    atomic_store(&traffic.stop, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(traffic.wrong, 0);
    generations_free(&traffic.gate);
}
END_TEST

/* ---- fork ---- */

struct holder {
    struct generations gate;
    _Atomic bool ready, release;
};

/* Holds the lock, and is in a generation. */
static void *hold_on(void *context)
{
    struct holder *holder = context;
    struct generations_hold hold;
    struct pass pass = generations_enter(&holder->gate);

    generations_lock(&holder->gate, &hold);
    holder->gate.changing = true;
    atomic_store(&holder->ready, true);
    while (!atomic_load(&holder->release))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    holder->gate.changing = false;
    generations_unlock(&holder->gate, &hold);
    generations_leave(&holder->gate, pass);
    return NULL;
}

/* What the child must be able to do: lock, publish without waiting for readers who are gone, enter, leave. */
static bool all_works(struct generations *gate)
{
    struct generations_hold hold;
    struct pass pass;

    if (!generations_try_lock(gate, &hold))
        return false;
    if (!gate->changing)
        return false; /* it tells that a refresh was cut off */
    gate->changing = false;
    generations_publish_idle(gate);
    generations_publish_idle(gate);
    generations_unlock(gate, &hold);
    pass = generations_enter(gate);
    generations_leave(gate, pass);
    return pass.generation == 0;
}

START_TEST(child_of_a_process_whose_thread_held_the_lock)
{
    static struct holder holder;
    pthread_t thread;
    struct generations_hold hold;
    int child;

    memset(&holder, 0, sizeof(holder));
    ck_assert(generations_make(&holder.gate));
    ck_assert_int_eq(pthread_create(&thread, NULL, hold_on, &holder), 0);
    while (!atomic_load(&holder.ready))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    child = fork();
    if (child == 0) {
        int grandchild;

        if (!all_works(&holder.gate))
            _exit(1);
        holder.gate.changing = true;
        grandchild = fork(); /* and so on */
        if (grandchild == 0)
            _exit(all_works(&holder.gate) ? 0 : 1);
        expect_child(grandchild);
        _exit(0);
    }
    expect_child(child);
    ck_assert(!is_free(&holder.gate)); /* in the parent nothing has changed */
    ck_assert_uint_eq(generations_idle(&holder.gate), 1);
    atomic_store(&holder.release, true);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(generations_try_lock(&holder.gate, &hold));
    generations_unlock(&holder.gate, &hold);
    generations_free(&holder.gate);
}
END_TEST

Suite *generations_suite(void)
{
    Suite *suite = suite_create("generations");
    TCase *gate = tcase_create("gate");

    tcase_set_timeout(gate, 300); /* each publication waits for readers, who wait for a processor */
    tcase_add_test(gate, enter_and_leave);
    tcase_add_test(gate, one_holds_the_lock);
    tcase_add_test(gate, cancel_state_is_given_back);
    tcase_add_test(gate, publisher_waits_for_readers);
    tcase_add_test(gate, nobody_is_in_what_was_given_up);
    tcase_add_test(gate, child_of_a_process_whose_thread_held_the_lock);
    suite_add_tcase(suite, gate);
    return suite;
}
