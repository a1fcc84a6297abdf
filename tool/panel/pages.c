#include "panel/pages.h"

#include <stdlib.h>
#include <string.h>

#include "panel/distance.h"
#include "panel/frame.h"
#include "terminal/say.h"

void page_domains(struct answer *answer, const struct visit *visit)
{
    struct page *page = &answer->page;
    size_t i;
    json_t *domain;

    if (json_array_size(visit->domains) == 1) {
        const char *name = text_of(json_array_get(visit->domains, 0), "name");

        frame_send_on(answer, composed("%s/%s/", visit->panel->prefix, name));
        return;
    }
    frame_begin(answer, visit, 200, "Your domains");
    markup(page, "<h1>Your domains</h1>\n<ul>\n");
    json_array_foreach(visit->domains, i, domain)
    {
        with(page, "<li><a href=\"$/$/\">$</a>, active tokens: ", visit->panel->prefix,
             text_of(domain, "name"), text_of(domain, "name"));
        if (json_is_integer(json_object_get(domain, "active")))
            put_number(page, json_integer_value(json_object_get(domain, "active")));
        else
            markup(page, "not known");
        markup(page, "</li>\n");
    }
    markup(page, "</ul>\n");
    frame_end(answer);
}

/* ---- one token ---- */

enum { SOON = 14 * 24 * 60 * 60 };

/* Who made the last change: for a revoked token, who revoked it. by: NAME/UID/LOGINUID. */
static void put_who(struct page *page, const char *by)
{
    char *name = must_have(strndup(by, strcspn(by, "/")));

    if (*name)
        with(page, " by <bdi>$</bdi>", name);
    free(name);
}

void put_state(struct page *page, const struct visit *visit, const json_t *token)
{
    const char *state = text_of(token, "state"), *expires = text_of(token, "expires");

    if (strcmp(state, "revoked") == 0) {
        markup(page, "Revoked ");
        put_time(page, text_of(token, "revoked"), "");
        put_who(page, text_of(token, "by"));
    } else if (strcmp(state, "expired") == 0) {
        markup(page, "Expired");
    } else if (distance_within(expires, visit->now, SOON)) {
        markup(page, "Active, expires ");
        put_distance(page, visit, expires, "");
    } else {
        markup(page, "Active");
    }
}

static void put_history(struct page *page, const json_t *history)
{
    size_t i;
    json_t *change;

    markup(page,
           "<h2>History</h2>\n<table role=\"table\">\n"
           "<caption>Changes of this token, of those before it and of those after it. All times are "
           "UTC.</caption>\n"
           "<thead><tr role=\"row\"><th scope=\"col\" role=\"columnheader\">Time</th>"
           "<th scope=\"col\" role=\"columnheader\">Change</th><th scope=\"col\" role=\"columnheader\">Token"
           "</th><th scope=\"col\" role=\"columnheader\">By</th>"
           "<th scope=\"col\" role=\"columnheader\">Reason</th></tr></thead>\n<tbody>\n");
    json_array_foreach(history, i, change)
    {
        markup(page, "<tr role=\"row\"><td role=\"cell\">");
        put_time(page, text_of(change, "time"), "");
        with(page, "</td><td role=\"cell\">$</td><td role=\"cell\" data-name=\"Token\">",
             text_of(change, "change"));
        put_number(page, json_integer_value(json_object_get(change, "serial")));
        with(page,
             "</td><td role=\"cell\" data-name=\"By\"><bdi>$</bdi></td>"
             "<td role=\"cell\" data-name=\"Reason\"><bdi>$</bdi></td></tr>\n",
             text_of(change, "by"), text_of(change, "reason"));
    }
    markup(page, "</tbody>\n</table>\n");
}

static void put_facts(struct page *page, const struct visit *visit, const json_t *token)
{
    markup(page, "<dl>\n<dt>State</dt><dd>");
    put_state(page, visit, token);
    with(page, "</dd>\n<dt>Id</dt><dd>$</dd>\n<dt>Serial</dt><dd>", text_of(token, "id"));
    put_number(page, json_integer_value(json_object_get(token, "serial")));
    markup(page, "</dd>\n<dt>Created</dt><dd>");
    put_time(page, text_of(token, "created"), "not known");
    markup(page, "</dd>\n<dt>Expires</dt><dd>");
    put_time(page, text_of(token, "expires"), "never");
    markup(page, "</dd>\n<dt>Last used</dt><dd>");
    put_time(page, text_of(token, "last_used"), "not known");
    markup(page, "</dd>\n<dt>Scopes</dt><dd>");
    put_list(page, json_object_get(token, "scopes"), "none");
    markup(page, "</dd>\n<dt>Networks</dt><dd>");
    put_list(page, json_object_get(token, "from"), "any");
    with(page, "</dd>\n<dt>User</dt><dd><bdi>$</bdi></dd>\n",
         *text_of(token, "user") ? text_of(token, "user") : "none");
    if (*text_of(token, "reason"))
        with(page, "<dt>Reason</dt><dd><bdi>$</bdi></dd>\n", text_of(token, "reason"));
    markup(page, "</dl>\n");
}

void put_actions(struct page *page, const struct visit *visit, const json_t *token)
{
    const char *state = text_of(token, "state"), *prefix = visit->panel->prefix,
               *domain = visit->route.domain;
    const char *id = text_of(token, "id"), *label = text_of(token, "label");

    if (!visit_may_change(visit))
        return;
    if (strcmp(state, "revoked") != 0)
        with(page, "<a href=\"$/$/$/rotate\">Rotate<span class=\"vh\"> $</span></a>\n", prefix, domain, id,
             label);
    if (strcmp(state, "active") == 0)
        with(page, "<a href=\"$/$/$/revoke\">Revoke<span class=\"vh\"> $</span></a>\n", prefix, domain, id,
             label);
}

/* What has just become of a token that is revoked. */
static void put_done(struct page *page, const char *done)
{
    if (strcmp(done, "revoked") == 0)
        markup(page, "<p class=\"done\" role=\"status\">Token revoked.</p>\n");
    else if (strcmp(done, "already") == 0)
        markup(page, "<p class=\"done\" role=\"status\">The token was revoked already: see its history. "
                     "Nothing was done.</p>\n");
}

void page_token(struct answer *answer, const struct visit *visit)
{
    struct page *page = &answer->page;
    struct reply shown, history = {0};
    char *title;

    if (visit_show(visit, &shown, visit->route.id) != 0) {
        frame_fail(answer, visit, &shown);
    } else if (visit_read(visit, &history,
                          (const char *const[]){"history", "--json", "--", visit->route.id, NULL}) != 0) {
        frame_fail(answer, visit, &history);
    } else {
        title = composed("%s - %s", text_of(shown.json, "label"), visit->route.domain);
        frame_begin(answer, visit, 200, title);
        free(title);
        with(page, "<h1><bdi>$</bdi></h1>\n", text_of(shown.json, "label"));
        if (strcmp(text_of(shown.json, "state"), "revoked") == 0)
            put_done(page, form_text(&visit->query, "done"));
        put_facts(page, visit, shown.json);
        markup(page, "<p class=\"next\">");
        put_actions(page, visit, shown.json);
        markup(page, "</p>\n");
        put_history(page, history.json);
        frame_end(answer);
    }
    reply_free(&shown);
    reply_free(&history);
}
