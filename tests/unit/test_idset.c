#include "fixture.h"
#include "store/idset.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

enum { TOKENS = 10000 }; /* so that the set grows several times */

static enum idset_seen see(struct idset *set, unsigned number, const char *origin)
{
    char id[ID_LENGTH + 1];

    snprintf(id, sizeof(id), "%012u", number);
    idset_prefetch(set, id);
    return idset_see(set, id, origin, strlen(origin));
}

START_TEST(what_was_here_is_known)
{
    struct idset set;

    idset_make(&set, 0);
    for (unsigned i = 0; i < TOKENS; i++)
        MUST(see(&set, i, i % 2 ? "odd" : "even") == IDSET_NEW);
    ck_assert_uint_eq(set.count, TOKENS);
    for (unsigned i = 0; i < TOKENS; i++)
        MUST(see(&set, i, i % 2 ? "odd" : "even") == IDSET_SAME);
    ck_assert_uint_eq(set.count, TOKENS);
    idset_free(&set);
}
END_TEST

START_TEST(another_origin_is_a_change)
{
    struct idset set;

    idset_make(&set, 1);
    ck_assert_int_eq(see(&set, 1, "first"), IDSET_NEW);
    ck_assert_int_eq(see(&set, 1, "second"), IDSET_CHANGED);
    ck_assert_int_eq(see(&set, 1, "first"), IDSET_SAME); /* the first one stays */
    ck_assert_uint_eq(set.count, 1);
    idset_free(&set);
}
END_TEST

Suite *idset_suite(void)
{
    Suite *suite = suite_create("idset");
    TCase *ids = tcase_create("ids");

    tcase_add_test(ids, what_was_here_is_known);
    tcase_add_test(ids, another_origin_is_a_change);
    suite_add_tcase(suite, ids);
    return suite;
}
