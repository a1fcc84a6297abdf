/* The tokens of a domain. */
#ifndef PANEL_LIST_H
#define PANEL_LIST_H

#include "panel/answer.h"
#include "panel/visit.h"

/* Newest first: ?show=active, ended or all; q: part of the label; before: a serial. */
void page_list(struct answer *answer, const struct visit *visit);

#endif
