/* The pages with a form that changes something. */
#ifndef PANEL_FORMS_H
#define PANEL_FORMS_H

#include "panel/answer.h"
#include "panel/visit.h"

/* Why a form is shown again, with what was typed and a new nonce. */
struct trouble {
    int status;       /* of HTTP; 200: the first time, and no trouble */
    const char *text; /* "" then */
    const char *field;
};

extern const struct trouble no_trouble;

void form_create(struct answer *answer, const struct visit *visit, const struct trouble *trouble);

/* token: as show --json says it */
void form_revoke(struct answer *answer, const struct visit *visit, const struct trouble *trouble,
                 const json_t *token);
void form_rotate(struct answer *answer, const struct visit *visit, const struct trouble *trouble,
                 const json_t *token);

/* The expiry that a new token gets if none is chosen, such as "90d"; "" if it does not expire then. */
const char *standard_lifetime(const struct visit *visit);

#endif
