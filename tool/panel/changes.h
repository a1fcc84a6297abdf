/* What forms do once they are sent: create, revoke, rotate. */
#ifndef PANEL_CHANGES_H
#define PANEL_CHANGES_H

#include "panel/answer.h"
#include "panel/visit.h"

/* Answer a form that was sent, or show it, if the visit is no POST. Where a form came from was checked
 * before. */
void change_create(struct answer *answer, struct visit *visit);
void change_revoke(struct answer *answer, struct visit *visit);
void change_rotate(struct answer *answer, struct visit *visit);

#endif
