/* From a request to its answer. */
#ifndef PANEL_SERVE_H
#define PANEL_SERVE_H

#include "panel/answer.h"
#include "panel/asked.h"
#include "panel/visit.h"

/* answer: all zeros; the caller frees it. now: seconds since 1970; began: on the clock of clock_now(). */
void serve(struct answer *answer, struct panel *panel, struct asked *asked, int64_t now, int64_t began);

#endif
