/* The pages with a form that changes something. */
#ifndef PANEL_FORMS_H
#define PANEL_FORMS_H

#include "panel/answer.h"
#include "panel/visit.h"

/* Why a form is shown again, with what was typed and a new nonce. */
struct trouble {
    int status;        /* of HTTP; 200: the first time, and no trouble */
    const char *text;  /* "" then */
    const char *field; /* whose value it is about, as the tool names it or as in the form; "" for none */
};

extern const struct trouble no_trouble;

/* The text of a trouble. */
extern const char token_was_typed[];

/* Say it above a form, with a link to the field. Nothing, if there is no trouble. */
void put_trouble(struct page *page, const struct trouble *trouble);

void form_create(struct answer *answer, const struct visit *visit, const struct trouble *trouble);

/* What is wrong with the number of days that was typed; NULL: nothing. */
const struct trouble *form_days_trouble(const struct visit *visit);

/* token: as show --json says it */
void form_revoke(struct answer *answer, const struct visit *visit, const struct trouble *trouble,
                 const json_t *token);
void form_rotate(struct answer *answer, const struct visit *visit, const struct trouble *trouble,
                 const json_t *token);

#endif
