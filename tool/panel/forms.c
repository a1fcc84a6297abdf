#include "panel/forms.h"

#include <stdlib.h>
#include <string.h>

#include "panel/frame.h"
#include "terminal/say.h"

const struct trouble no_trouble = {200, "", ""};

const char *standard_lifetime(const struct visit *visit)
{
    const char *standard = text_of(visit->domain, "default_lifetime");

    return *standard ? standard : text_of(visit->domain, "max_lifetime");
}

static void begin(struct answer *answer, const struct visit *visit, const struct trouble *trouble,
                  const char *verb, const char *what)
{
    char *title = composed("%s %s", verb, what);

    frame_begin(answer, visit, trouble->status, title);
    with(&answer->page, "<h1>$ <bdi>$</bdi></h1>\n", verb, what);
    if (*trouble->text)
        with(&answer->page,
             "<p class=\"trouble\" role=\"alert\" tabindex=\"-1\" autofocus>$ Nothing was done.</p>\n",
             trouble->text);
    free(title);
}

static void put_nonce(struct page *page, const struct visit *visit, const char *action)
{
    struct purpose purpose = visit_purpose(visit, action);
    char text[NONCE_SIZE];

    nonce_make(&visit->panel->nonces, &purpose, visit->began / 1000, text);
    with(page, "<input type=\"hidden\" name=\"nonce\" value=\"$\">\n", text);
}

static void put_cancel(struct page *page, const struct visit *visit)
{
    with(page, "<a href=\"$/$/\">Cancel</a></p>\n</form>\n", visit->panel->prefix, visit->route.domain);
}

static void put_text_field(struct page *page, const struct visit *visit, const struct trouble *trouble,
                           const char *const words[3])
{
    const char *name = words[0];

    with(page, "<div class=\"field\"><label for=\"$\">$</label><br>\n", name, words[1]);
    with(page,
         "<input type=\"text\" id=\"$\" name=\"$\" value=\"$\" autocomplete=\"off\" "
         "aria-describedby=\"$-hint\"",
         name, name, form_text(&visit->form, name), name);
    if (strcmp(trouble->field, name) == 0)
        markup(page, " aria-invalid=\"true\"");
    with(page, ">\n<p class=\"hint\" id=\"$-hint\">$</p></div>\n", name, words[2]);
}

/* ---- create ---- */

static void put_choice(struct page *page, const char *name, const char *value, bool chosen)
{
    with(page, "<label class=\"choice\"><input type=\"radio\" name=\"$\" value=\"$\"", name, value);
    if (chosen)
        markup(page, " checked");
    markup(page, "> ");
}

static void put_expiry(struct page *page, const struct visit *visit, const struct trouble *trouble)
{
    const char *standard = standard_lifetime(visit), *chosen = form_text(&visit->form, "expires");
    const char *days = form_value(&visit->form, "days");

    if (!*chosen)
        chosen = *standard ? "default" : "never";
    markup(page, "<fieldset");
    if (strcmp(trouble->field, "expires") == 0)
        markup(page, " aria-invalid=\"true\"");
    markup(page, "><legend>Expires</legend>\n");
    if (*standard) {
        put_choice(page, "expires", "default", strcmp(chosen, "default") == 0);
        with(page, "in $</label>\n", standard);
    }
    put_choice(page, "expires", "days", strcmp(chosen, "days") == 0);
    with(page,
         "in a number of days:</label>\n<input type=\"number\" name=\"days\" min=\"1\" value=\"$\" "
         "aria-label=\"Days\">\n",
         days ? days : "30");
    if (!*text_of(visit->domain, "max_lifetime")) {
        put_choice(page, "expires", "never", strcmp(chosen, "never") == 0);
        markup(page, "never</label>\n");
    } else {
        with(page, "<p class=\"hint\">At most $ from now.</p>\n", text_of(visit->domain, "max_lifetime"));
    }
    markup(page, "</fieldset>\n");
}

static void put_scopes(struct page *page, const struct visit *visit, const struct trouble *trouble)
{
    const json_t *scopes = json_object_get(visit->domain, "scopes");
    size_t i;
    json_t *scope;

    if (json_array_size(scopes) == 0) {
        put_text_field(page, visit, trouble,
                       (const char *const[]){"scopes", "Scopes (optional)", "Words, separated by commas."});
        return;
    }
    markup(page, "<fieldset");
    if (strcmp(trouble->field, "scopes") == 0)
        markup(page, " aria-invalid=\"true\"");
    markup(page, "><legend>Scopes</legend>\n");
    json_array_foreach(scopes, i, scope)
    {
        const char *text = json_is_string(scope) ? json_string_value(scope) : "";
        char *name = composed("scope-%s", text);

        with(page, "<label class=\"choice\"><input type=\"checkbox\" name=\"$\" value=\"yes\"", name);
        if (form_value(&visit->form, name))
            markup(page, " checked");
        with(page, "> <bdi>$</bdi></label>\n", text);
        free(name);
    }
    markup(page, "</fieldset>\n");
}

void form_create(struct answer *answer, const struct visit *visit, const struct trouble *trouble)
{
    struct page *page = &answer->page;

    begin(answer, visit, trouble, "Create a token for", visit->route.domain);
    markup(page, "<form method=\"post\">\n");
    put_nonce(page, visit, "create");
    put_text_field(
        page, visit, trouble,
        (const char *const[]){"label", "Token Label",
                              "What the token is for, such as \"CI deploy\". At most 128 characters."});
    put_expiry(page, visit, trouble);
    put_scopes(page, visit, trouble);
    put_text_field(
        page, visit, trouble,
        (const char *const[]){"from", "Networks (optional)",
                              "Where the token may be used from, such as 192.0.2.0/24, 2001:db8::/32."});
    put_text_field(page, visit, trouble,
                   (const char *const[]){"user", "User (optional)", "The user that the token belongs to."});
    markup(page, "<p><button>Create Token</button> ");
    put_cancel(page, visit);
    frame_end(answer);
}

/* ---- revoke and rotate ---- */

void form_revoke(struct answer *answer, const struct visit *visit, const struct trouble *trouble,
                 const json_t *token)
{
    struct page *page = &answer->page;

    begin(answer, visit, trouble, "Revoke", text_of(token, "label"));
    markup(page, "<p>Serial ");
    put_number(page, json_integer_value(json_object_get(token, "serial")));
    markup(page, ", created ");
    put_time(page, text_of(token, "created"), "at a time not known");
    markup(page, " UTC, last used: ");
    put_distance(page, visit, text_of(token, "last_used"), "not known");
    markup(page,
           ".</p>\n<p class=\"warning\">Programs that use this token are refused from their next request on. "
           "This is for good.</p>\n<form method=\"post\">\n");
    put_nonce(page, visit, "revoke");
    put_text_field(page, visit, trouble,
                   (const char *const[]){"reason", "Reason (optional)", "At most 255 characters."});
    markup(page, "<p><button>Revoke Token</button> ");
    put_cancel(page, visit);
    frame_end(answer);
}

void form_rotate(struct answer *answer, const struct visit *visit, const struct trouble *trouble,
                 const json_t *token)
{
    static const char *const graces[][2] = {
        {"24h", "for 24 hours"}, {"7d", "for 7 days"}, {"0s", "not at all: it is revoked at once"}};
    const char *chosen = form_value(&visit->form, "grace");
    struct page *page = &answer->page;

    begin(answer, visit, trouble, "Rotate", text_of(token, "label"));
    markup(page, "<p>You get a new token with the same label, scopes, networks and user.</p>\n"
                 "<form method=\"post\">\n");
    put_nonce(page, visit, "rotate");
    if (strcmp(text_of(token, "state"), "expired") == 0)
        markup(page, "<p>The old token has expired.</p>\n");
    markup(page, "<fieldset><legend>The old token goes on working</legend>\n");
    for (size_t i = 0; i < 3; i++) {
        put_choice(page, "grace", graces[i][0], strcmp(chosen ? chosen : "24h", graces[i][0]) == 0);
        with(page, "$</label>\n", graces[i][1]);
    }
    markup(page, "</fieldset>\n<p><button>Rotate Token</button> ");
    put_cancel(page, visit);
    frame_end(answer);
}
