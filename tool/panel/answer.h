/* The answer to a request, whole before its first byte is sent. */
#ifndef PANEL_ANSWER_H
#define PANEL_ANSWER_H

#include <stdbool.h>

#include "panel/html.h"

/* What is in the page. */
enum medium { MEDIUM_HTML, MEDIUM_STYLE, MEDIUM_SCRIPT };

struct answer {
    int status; /* of HTTP */
    enum medium medium;
    bool form;      /* does the page take a form, too? for a 405 */
    char *location; /* of a 303: made of what route_find() checked, and literals; the answer frees it */
    struct page page;
};

/* Write the headers, and the blank line behind them. */
void answer_headers(struct page *headers, const struct answer *answer);

void answer_free(struct answer *answer);

#endif
