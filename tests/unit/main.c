/* Runs all unit tests: each in a process of its own, unless CK_FORK=no. CK_RUN_SUITE, CK_RUN_CASE,
 * CK_VERBOSITY and the like of libcheck are obeyed. */
#include "crypto.h"
#include "fixture.h"
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    static Suite *(*const suites[])(void) = {
        text_suite,          crypto_suite,         token_suite,         foreign_suite,
        cidr_suite,          chain_suite,          record_suite,        record_line_suite,
        header_suite,        proof_suite,          rest_suite,          forged_suite,
        index_suite,         storefile_suite,      load_suite,          freshness_suite,
        generations_suite,   follow_suite,         compacted_suite,     replaced_suite,
        trust_suite,         untrusted_suite,      reader_suite,        host_process_suite,
        concurrency_suite,   policy_suite,         config_suite,        config_file_suite,
        config_text_suite,   duration_suite,       nearest_suite,       table_suite,
        request_suite,       onepass_suite,        once_suite,          recheck_suite,
        status_suite,        wiping_suite,         usage_suite,         usage_file_suite,
        usage_trouble_suite, head_suite,           finder_suite,        search_suite,
        label_suite,         meant_suite,          lines_suite,         backward_suite,
        refs_suite,          salvage_copies_suite, salvage_rules_suite, salvage_parted_suite,
        salvage_suite,       rewrite_suite,        say_suite,           tip_suite,
        tip_rest_suite,      used_suite,           when_suite,          wrap_suite,
        caller_suite,        panel_html_suite,     panel_form_suite,    panel_nonce_suite,
        panel_request_suite, panel_distance_suite, contact_suite,       agree_suite,
        incoming_suite,      numbered_suite,       origins_suite,       token_table_suite,
    };
    SRunner *runner;
    int run, failed;

    setenv("CK_DEFAULT_TIMEOUT", "300", 0); /* libcheck's 4 seconds are too few on a busy machine */
    runner = srunner_create(NULL);
    if (crypto_start() < 0) {
        perror("unit-tests: no randomness");
        return 1;
    }
    scratch_start();
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
        srunner_add_suite(runner, suites[i]());
    srunner_run_all(runner, CK_ENV);
    run = srunner_ntests_run(runner);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    scratch_end();
    if (run == 0)
        fprintf(stderr, "unit-tests: no suite or case of that name\n");
    return run > 0 && failed == 0 ? 0 : 1;
}
