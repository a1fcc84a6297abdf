#include "panel/serve.h"

#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "panel/changes.h"
#include "panel/ending.h"
#include "panel/files.h"
#include "panel/frame.h"
#include "panel/list.h"
#include "panel/log.h"
#include "panel/origin.h"
#include "panel/pages.h"
#include "terminal/say.h"

static bool refuse(struct answer *answer, const struct visit *visit, int status, const char *title,
                   const char *text)
{
    frame_say(answer, visit, status, title, text, "Nothing was done.");
    return false;
}

static bool takes_form(enum route_kind kind)
{
    return kind == ROUTE_LIST || kind == ROUTE_CREATE || kind == ROUTE_REVOKE || kind == ROUTE_ROTATE;
}

/* The checks of a form that was sent, but for its nonce. */
static bool admit_form(struct answer *answer, struct visit *visit, struct asked *asked)
{
    if (!takes_form(visit->route.kind))
        return refuse(answer, visit, 405, "Not possible", "This page takes no form.");
    if (!origin_allows_post(&asked->from))
        return refuse(answer, visit, 403, "Refused", "This did not come from this site.");
    if (!origin_sends_form(asked->content_type))
        return refuse(answer, visit, 415, "Not a form", "This is not the media type of a form.");
    if (asked->body_too_long)
        return refuse(answer, visit, 413, "Too long", "The form is too long.");
    if (asked->body_cut || !form_parse(&visit->form, asked->body, asked->body_length))
        return refuse(answer, visit, 400, "Not a form", "The form is damaged.");
    visit->secret = form_hide_tokens(&visit->form);
    return true;
}

/* May the request be looked at? Else answers. query: is parsed in place. */
static bool admit(struct answer *answer, struct visit *visit, struct asked *asked, char *query)
{
    if (!asked->user || !asked->from.own || !asked->path || !asked->method) {
        log_line("%s: see toktab-panel(8)",
                 !asked->user ? "REMOTE_USER is missing, given twice, or not a name"
                              : "PANEL_SELF, DOCUMENT_URI or REQUEST_METHOD is missing or given twice");
        return refuse(answer, visit, 500, "Not set up", "The web server does not say properly who you are.");
    }
    answer->form = takes_form(visit->route.kind);
    if (!visit->post && strcmp(asked->method, "GET") != 0 && strcmp(asked->method, "HEAD") != 0)
        return refuse(answer, visit, 405, "Not possible", "This page does not know that method.");
    if (visit->route.kind == ROUTE_NONE)
        return refuse(answer, visit, 404, "Not found", "There is no such page.");
    if (!form_parse(&visit->query, query, strlen(query)))
        return refuse(answer, visit, 400, "Not possible", "The address is damaged.");
    visit->secret = form_hide_tokens(&visit->query);
    if (visit->post)
        return admit_form(answer, visit, asked);
    if (visit->route.kind != ROUTE_FILE && !origin_allows_page(&asked->from))
        return refuse(answer, visit, 403, "Refused",
                      "This page is not shown within others, nor to scripts of other sites.");
    return true;
}

/* A domain that is not the user's is answered like one that does not exist. */
static bool find_domain(struct answer *answer, struct visit *visit)
{
    size_t i;
    json_t *domain;

    json_array_foreach(visit->domains, i, domain) if (strcmp(text_of(domain, "name"), visit->route.domain) ==
                                                      0) visit->domain = domain;
    if (visit->domain || !*visit->route.domain)
        return true;
    return refuse(answer, visit, 404, "Not found", "There is no such domain, or it is not yours.");
}

/* A token in the address is not passed on: the list warns of it. */
static void add_slash(struct answer *answer, const struct visit *visit)
{
    const char *domain = visit->route.domain;

    if (*domain && visit->secret)
        page_list(answer, visit);
    else
        frame_send_on(answer, composed("%s/%s%s", visit->panel->prefix, domain, *domain ? "/" : ""));
}

static void show(struct answer *answer, struct visit *visit)
{
    switch (visit->route.kind) {
    case ROUTE_BARE:
        add_slash(answer, visit);
        return;
    case ROUTE_DOMAINS:
        page_domains(answer, visit);
        return;
    case ROUTE_LIST:
        page_list(answer, visit);
        return;
    case ROUTE_CREATE:
        change_create(answer, visit);
        return;
    case ROUTE_REVOKE:
        change_revoke(answer, visit);
        return;
    case ROUTE_ROTATE:
        change_rotate(answer, visit);
        return;
    default:
        page_token(answer, visit);
        return;
    }
}

/* What the tool lets the user do is asked for each page: who is no admin any more is out at once. */
static void serve_user(struct answer *answer, struct visit *visit)
{
    struct reply reply;
    char *text;

    visit_domains(visit, &reply);
    visit->domains = reply.json;
    /* whatever the status is: a damaged store must not keep the user from the other domains */
    if (json_array_size(visit->domains) > 0) {
        if (find_domain(answer, visit))
            show(answer, visit);
    } else if (reply.status == 0 || reply.status == STATUS_NOT_PERMITTED) {
        text = composed("%s is not an admin of any domain here. Ask whoever runs this server.", visit->user);
        refuse(answer, visit, 403, "No domains", text);
        free(text);
    } else {
        frame_fail(answer, visit, &reply);
    }
    reply_free(&reply);
}

void serve(struct answer *answer, struct panel *panel, struct asked *asked, int64_t now, int64_t began)
{
    char *query = must_have(strdup(asked->query ? asked->query : ""));
    const size_t length = strlen(query);
    struct visit *visit = must_have(calloc(1, sizeof(*visit)));

    if (panel->origin)
        asked->from.own = panel->origin;
    visit->panel = panel;
    visit->now = now;
    visit->began = began;
    visit->user = asked->user ? asked->user : "";
    visit->post = asked->method && strcmp(asked->method, "POST") == 0;
    visit->route = route_find(panel->prefix, asked->path ? asked->path : "");
    if (visit->route.kind == ROUTE_FILE && !files_have(visit->route.file))
        visit->route.kind = *visit->route.domain ? ROUTE_BARE : ROUTE_NONE;
    if (admit(answer, visit, asked, query)) {
        if (visit->route.kind == ROUTE_FILE)
            files_answer(answer, visit->route.file);
        else
            serve_user(answer, visit);
    }
    crypto_wipe(visit, sizeof(*visit)); /* a token may have been pasted into the address, too */
    free(visit);
    crypto_wipe(query, length);
    free(query);
}
