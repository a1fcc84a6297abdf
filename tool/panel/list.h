/* The tokens of a domain. */
#ifndef PANEL_LIST_H
#define PANEL_LIST_H

#include "panel/answer.h"
#include "panel/visit.h"

/* Newest first: ?show=active, ended or all; q: part of the label; before: a serial. A POST, of the search
 * form, is sent on to such an address. */
void page_list(struct answer *answer, const struct visit *visit);

#endif
