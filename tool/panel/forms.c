#include "panel/forms.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "duration.h"
#include "panel/frame.h"
#include "terminal/say.h"

enum { DAY = 24 * 60 * 60 };

const struct trouble no_trouble = {200, "", ""};

const char token_was_typed[] =
    "This looks like a token. A token is a secret: do not type it here, and revoke it if "
    "others may have seen it.";

/* ---- what is wrong ---- */

static const struct field {
    const char *of_tool, *name, *title; /* name: in the form, and its id on the page */
} fields[] = {
    {"expiry", "expires", "Expires"}, {"expires", "expires", "Expires"}, {"from", "from", "Networks"},
    {"grace", "grace", "Old token"},  {"label", "label", "Token Label"}, {"q", "q", "Label"},
    {"reason", "reason", "Reason"},   {"scope", "scopes", "Scopes"},     {"scopes", "scopes", "Scopes"},
    {"user", "user", "User"},
};

/* NULL: none of ours. */
static const struct field *field_of(const struct trouble *trouble)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (strcmp(fields[i].of_tool, trouble->field) == 0)
            return &fields[i];
    return NULL;
}

void put_trouble(struct page *page, const struct trouble *trouble)
{
    const struct field *field = field_of(trouble);

    if (!*trouble->text)
        return;
    with(page, "<div class=\"trouble\" role=\"alert\" tabindex=\"-1\" autofocus><p>$ Nothing was done.</p>\n",
         trouble->text);
    if (field)
        with(page, "<p><a href=\"#$\">Go to the field: $</a></p>\n", field->name, field->title);
    markup(page, "</div>\n");
}

static bool is_wrong(const struct trouble *trouble, const char *name)
{
    const struct field *field = field_of(trouble);

    return field && strcmp(field->name, name) == 0;
}

/* The attributes of a field, or of a group of them, that is wrong; and the text beside it. */
static void put_marks(struct page *page, const struct trouble *trouble, const char *name)
{
    if (is_wrong(trouble, name))
        with(page, " aria-invalid=\"true\" aria-describedby=\"$-trouble $-hint\"", name, name);
    else
        with(page, " aria-describedby=\"$-hint\"", name);
}

static void put_what_is_wrong(struct page *page, const struct trouble *trouble, const char *name)
{
    if (is_wrong(trouble, name))
        with(page, "<p class=\"trouble\" id=\"$-trouble\">$</p>\n", name, trouble->text);
}

/* ---- parts of all forms ---- */

static void begin(struct answer *answer, const struct visit *visit, const struct trouble *trouble,
                  const char *verb, const char *what)
{
    char *title = composed("%s %s", verb, what);

    frame_begin(answer, visit, trouble->status, title);
    with(&answer->page, "<h1>$ <bdi>$</bdi></h1>\n", verb, what);
    put_trouble(&answer->page, trouble);
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

/* words: its name, its label, a hint. */
static void put_text_field(struct page *page, const struct visit *visit, const struct trouble *trouble,
                           const char *const words[3])
{
    const char *name = words[0];

    with(page, "<div class=\"field\"><label for=\"$\">$</label><br>\n", name, words[1]);
    with(page, "<input type=\"text\" id=\"$\" name=\"$\" value=\"$\" autocomplete=\"off\"", name, name,
         form_text(&visit->form, name));
    put_marks(page, trouble, name);
    markup(page, ">\n");
    put_what_is_wrong(page, trouble, name);
    with(page, "<p class=\"hint\" id=\"$-hint\">$</p></div>\n", name, words[2]);
}

/* Of radio buttons, or of boxes to check. */
static void begin_group(struct page *page, const struct trouble *trouble, const char *name, const char *title)
{
    with(page, "<fieldset id=\"$\" tabindex=\"-1\"", name);
    put_marks(page, trouble, name);
    with(page, "><legend>$</legend>\n", title);
    put_what_is_wrong(page, trouble, name);
}

/* ---- create ---- */

static void put_choice(struct page *page, const char *name, const char *value, bool chosen)
{
    with(page, "<label class=\"choice\"><input type=\"radio\" name=\"$\" value=\"$\"", name, value);
    if (chosen)
        markup(page, " checked");
    markup(page, "> ");
}

/* A setting of the domain in seconds; 0 if there is none. */
static int64_t lifetime(const struct visit *visit, const char *setting)
{
    int64_t seconds;

    return duration_parse(span_of(text_of(visit->domain, setting)), &seconds) ? seconds : 0;
}

/* Exact, in the greatest unit that leaves no remainder. */
static void put_duration(struct page *page, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{DAY, "day"}, {60 * 60, "hour"}, {60, "minute"}, {1, "second"}};
    size_t i = 0;
    char *text;

    while (seconds % units[i].seconds != 0)
        i++;
    seconds /= units[i].seconds;
    text = composed("%" PRId64 " %s%s", seconds, units[i].name, plural((uint64_t)seconds));
    with(page, "$", text);
    free(text);
}

/* So many days, to begin with, and no more than it may live. The caller frees it. */
static char *days_at_first(const struct visit *visit)
{
    const int64_t most = lifetime(visit, "max_lifetime");

    return composed("%" PRId64, most > 0 && most < 30 * DAY ? most / DAY : 30);
}

const struct trouble *form_days_trouble(const struct visit *visit)
{
    static const struct trouble none = {422, "Give a whole number of days, such as 30.", "expires"};
    static const struct trouble unused = {
        422, "A number of days was typed, but another expiry is chosen. Choose which one is meant.",
        "expires"};
    const bool chosen = strcmp(form_text(&visit->form, "expires"), "days") == 0;
    const char *typed = form_text(&visit->form, "days");
    char *at_first = days_at_first(visit);
    const bool changed = *typed && strcmp(typed, at_first) != 0;
    uint64_t days;

    free(at_first);
    if (!chosen)
        return changed ? &unused : NULL;
    return decimal_parse(span_of(typed), &days) && days > 0 && days <= DURATION_MAX / DAY ? NULL : &none;
}

static void put_days(struct page *page, const struct visit *visit, bool chosen)
{
    char *days = days_at_first(visit);
    const char *typed = form_value(&visit->form, "days");

    put_choice(page, "expires", "days", chosen);
    with(page,
         "in a number of days:</label>\n<input type=\"number\" name=\"days\" min=\"1\" value=\"$\" "
         "aria-label=\"Days\">\n",
         typed ? typed : days);
    free(days);
}

/* Only what max_lifetime allows. */
static void put_expiry(struct page *page, const struct visit *visit, const struct trouble *trouble)
{
    const int64_t most = lifetime(visit, "max_lifetime"), given = lifetime(visit, "default_lifetime");
    const int64_t standard = given > 0 ? given : most;
    const char *chosen = form_text(&visit->form, "expires");

    if (!*chosen)
        chosen = standard > 0 ? "default" : "never";
    begin_group(page, trouble, "expires", "Expires");
    if (standard > 0) {
        put_choice(page, "expires", "default", strcmp(chosen, "default") == 0);
        markup(page, "in ");
        put_duration(page, standard);
        markup(page, " (default)</label>\n");
    }
    if (most == 0 || most >= DAY)
        put_days(page, visit, strcmp(chosen, "days") == 0);
    if (most == 0) {
        put_choice(page, "expires", "never", strcmp(chosen, "never") == 0);
        markup(page, "never</label>\n<p class=\"hint\" id=\"expires-hint\">Without an expiry it works until "
                     "it is revoked.</p>\n");
    } else {
        markup(page, "<p class=\"hint\" id=\"expires-hint\">At most ");
        put_duration(page, most);
        markup(page, " from now.</p>\n");
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
    begin_group(page, trouble, "scopes", "Scopes");
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
    markup(page, "<p class=\"hint\" id=\"scopes-hint\">What the token may be used for.</p></fieldset>\n");
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
    begin_group(page, trouble, "grace", "The old token goes on working");
    for (size_t i = 0; i < 3; i++) {
        put_choice(page, "grace", graces[i][0], strcmp(chosen ? chosen : "24h", graces[i][0]) == 0);
        with(page, "$</label>\n", graces[i][1]);
    }
    markup(page,
           "<p class=\"hint\" id=\"grace-hint\">It expires earlier if it would have anyway.</p></fieldset>\n"
           "<p><button>Rotate Token</button> ");
    put_cancel(page, visit);
    frame_end(answer);
}
