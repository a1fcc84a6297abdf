/* What all pages have in common. */
#ifndef PANEL_FRAME_H
#define PANEL_FRAME_H

#include "panel/answer.h"
#include "panel/visit.h"

/* Begin a page of this status: all that stands before its heading. */
void frame_begin(struct answer *answer, const struct visit *visit, int status, const char *title);

/* End it. */
void frame_end(struct answer *answer);

/* A whole page that says one thing. done: a sentence on what was changed; "" if that goes without saying. */
void frame_say(struct answer *answer, const struct visit *visit, int status, const char *title,
               const char *text, const char *done);

/* A whole page that says why the tool did not do what it should. */
void frame_fail(struct answer *answer, const struct visit *visit, const struct reply *reply);

/* A whole page that sends the browser on to a path. Takes the path, which the caller has allocated. */
void frame_send_on(struct answer *answer, char *path);

/* A point in time, as the tool's JSON says it. absent: a literal in its place where there is none. */
void put_time(struct page *page, const char *time, const char *absent);

/* The same as its distance from now: "in 3 days", "5 minutes ago". */
void put_distance(struct page *page, const struct visit *visit, const char *time, const char *absent);

/* A number. */
void put_number(struct page *page, json_int_t number);

/* A list of texts, parted by ", "; absent: if it is empty. */
void put_list(struct page *page, const json_t *list, const char *absent);

#endif
