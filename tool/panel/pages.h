/* The pages that only look. */
#ifndef PANEL_PAGES_H
#define PANEL_PAGES_H

#include "panel/answer.h"
#include "panel/visit.h"

/* The domains of the user; on to the only one. */
void page_domains(struct answer *answer, const struct visit *visit);

/* The tokens of a domain, newest first: ?show=active, ended or all; q: part of the label; before: a serial.
 */
void page_list(struct answer *answer, const struct visit *visit);

/* One token, and its history. */
void page_token(struct answer *answer, const struct visit *visit);

#endif
