/* Runs all unit tests: each in a process of its own, unless CK_FORK=no. CK_RUN_SUITE, CK_RUN_CASE,
 * CK_VERBOSITY and the like of libcheck are obeyed. */
#include "crypto.h"
#include "fixture.h"
#include "suites.h"

#include <stdio.h>

int main(void)
{
    static Suite *(*const suites[])(void) = {
        text_suite,   crypto_suite,      token_suite,    cidr_suite,    chain_suite, record_suite,
        header_suite, walk_suite,        index_suite,    place_suite,   load_suite,  seen_suite,
        gate_suite,   follow_suite,      replaced_suite, reader_suite,  host_suite,  policy_suite,
        config_suite, config_text_suite, duration_suite, nearest_suite, table_suite, expect_suite,
        lines_suite,  say_suite,         tip_suite,      when_suite,
    };
    SRunner *runner = srunner_create(NULL);
    int failed;

    if (crypto_start() < 0) {
        perror("unit-tests: no randomness");
        return 1;
    }
    scratch_start();
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
        srunner_add_suite(runner, suites[i]());
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    scratch_end();
    return failed == 0 ? 0 : 1;
}
