/* Makers of the suites, for main.c. */
#ifndef SUITES_H
#define SUITES_H

#include "fixture.h"

/* Of the library: one for each source file, where one is enough. */
Suite *text_suite(void);
Suite *crypto_suite(void);
Suite *token_suite(void);
Suite *token_table_suite(void);
Suite *foreign_suite(void);
Suite *cidr_suite(void);
Suite *chain_suite(void);
Suite *rest_suite(void);
Suite *record_suite(void);
Suite *record_line_suite(void);
Suite *header_suite(void);
Suite *proof_suite(void);
Suite *forged_suite(void);
Suite *index_suite(void);
Suite *storefile_suite(void);
Suite *load_suite(void);
Suite *freshness_suite(void);
Suite *generations_suite(void);
Suite *follow_suite(void);
Suite *compacted_suite(void);
Suite *replaced_suite(void);
Suite *trust_suite(void);
Suite *untrusted_suite(void);
Suite *reader_suite(void);
Suite *host_process_suite(void);
Suite *concurrency_suite(void);
Suite *policy_suite(void);
Suite *config_suite(void);
Suite *config_file_suite(void);
Suite *config_text_suite(void);
Suite *duration_suite(void);
Suite *nearest_suite(void);
Suite *table_suite(void);
Suite *request_suite(void);
Suite *onepass_suite(void);
Suite *once_suite(void);
Suite *recheck_suite(void);
Suite *status_suite(void);
Suite *wiping_suite(void);
Suite *usage_suite(void);
Suite *usage_file_suite(void);
Suite *usage_trouble_suite(void);
Suite *contact_suite(void);

/* Of the tool. */
Suite *caller_suite(void);
Suite *salvage_copies_suite(void);
Suite *salvage_rules_suite(void);
Suite *head_suite(void);
Suite *agree_suite(void);
Suite *origins_suite(void);
Suite *incoming_suite(void);
Suite *numbered_suite(void);
Suite *finder_suite(void);
Suite *search_suite(void);
Suite *label_suite(void);
Suite *meant_suite(void);
Suite *lines_suite(void);
Suite *backward_suite(void);
Suite *refs_suite(void);
Suite *salvage_suite(void);
Suite *salvage_parted_suite(void);
Suite *rewrite_suite(void);
Suite *say_suite(void);
Suite *tip_suite(void);
Suite *tip_rest_suite(void);
Suite *used_suite(void);
Suite *when_suite(void);
Suite *wrap_suite(void);

/* Of the page. */
Suite *panel_html_suite(void);
Suite *panel_form_suite(void);
Suite *panel_nonce_suite(void);
Suite *panel_request_suite(void);
Suite *panel_distance_suite(void);

#endif
