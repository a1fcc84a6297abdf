#include "panel/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "panel/distance.h"
#include "panel/ending.h"
#include "panel/files.h"
#include "terminal/say.h"

void frame_begin(struct answer *answer, const struct visit *visit, int status, const char *title)
{
    struct page *page = &answer->page;

    answer->status = status;
    with(page,
         "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>$</title>\n"
         "<link rel=\"stylesheet\" href=\"$/$\">\n</head>\n<body>\n"
         "<a class=\"skip\" href=\"#main\">Skip to the content</a>\n",
         title, visit->panel->prefix, style_name);
    with(page, "<header>\n<nav><a href=\"$/\">API tokens</a></nav>\n", visit->panel->prefix);
    if (visit->domain)
        with(page, "<nav><a href=\"$/$/\">$</a></nav>\n", visit->panel->prefix, visit->route.domain,
             visit->route.domain);
    with(page, "<span class=\"who\">$</span>\n</header>\n<main id=\"main\">\n", visit->user);
}

void frame_end(struct answer *answer)
{
    markup(&answer->page, "</main>\n</body>\n</html>\n");
}

void frame_say(struct answer *answer, const struct visit *visit, int status, const char *title,
               const char *text, const char *done)
{
    struct page *page = &answer->page;

    frame_begin(answer, visit, status, title);
    with(page, "<h1>$</h1>\n<p>$</p>\n", title, text);
    if (*done)
        with(page, "<p><strong>$</strong></p>\n", done);
    if (visit->domain)
        with(page, "<p><a href=\"$/$/\">Back to the tokens of $</a></p>\n", visit->panel->prefix,
             visit->route.domain, visit->route.domain);
    else
        with(page, "<p><a href=\"$/\">Back to your domains</a></p>\n", visit->panel->prefix);
    frame_end(answer);
}

static const char doubt_of_revocation[] =
    "It is not known whether this was done. Look at the token: if it is "
    "still active, revoke it again.";
static const char doubt_of_token[] =
    "It is not known whether this was done. Look at the list of tokens: if it has "
    "a new token that you have not seen, revoke it.";

void frame_fail(struct answer *answer, const struct visit *visit, const struct reply *reply)
{
    struct ending ending = ending_of(reply->status);
    const char *done = visit->post ? "Nothing was done." : "Nothing was changed.";

    if (ending.in_doubt && visit->changing)
        done = visit->route.kind == ROUTE_REVOKE ? doubt_of_revocation : doubt_of_token;
    frame_say(answer, visit, ending.http, "This did not work", *reply->text ? reply->text : ending.text,
              done);
}

void frame_send_on(struct answer *answer, char *path)
{
    answer->status = 303;
    answer->location = path;
}

void put_time(struct page *page, const char *time, const char *absent)
{
    char shown[sizeof("2026-11-29 21:57")];

    if (strlen(time) != strlen("2026-11-29T21:57:02Z")) {
        with(page, "$", absent);
        return;
    }
    memcpy(shown, time, sizeof(shown) - 1);
    shown[sizeof(shown) - 1] = '\0';
    shown[10] = ' ';
    with(page, "<time datetime=\"$\">$</time>", time, shown);
}

void put_distance(struct page *page, const struct visit *visit, const char *time, const char *absent)
{
    char text[DISTANCE_SIZE];

    if (distance_text(text, time, visit->now))
        with(page, "<time datetime=\"$\" title=\"$\">$</time>", time, time, text);
    else
        with(page, "$", absent);
}

void put_number(struct page *page, json_int_t number)
{
    char *text = composed("%" JSON_INTEGER_FORMAT, number);

    with(page, "$", text);
    free(text);
}

void put_list(struct page *page, const json_t *list, const char *absent)
{
    size_t i;
    json_t *item;

    if (json_array_size(list) == 0)
        with(page, "$", absent);
    json_array_foreach(list, i, item)
    {
        if (i > 0)
            markup(page, ", ");
        with(page, "<bdi>$</bdi>", json_is_string(item) ? json_string_value(item) : "");
    }
}
