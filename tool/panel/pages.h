/* The pages that only look. */
#ifndef PANEL_PAGES_H
#define PANEL_PAGES_H

#include "panel/answer.h"
#include "panel/visit.h"

/* The domains of the user; on to the only one. */
void page_domains(struct answer *answer, const struct visit *visit);

/* One token, and its history. */
void page_token(struct answer *answer, const struct visit *visit);

/* The state of a token, and links to what can be done with it. */
void put_state(struct page *page, const struct visit *visit, const json_t *token);
void put_actions(struct page *page, const struct visit *visit, const json_t *token);

#endif
