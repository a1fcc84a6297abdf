#include "panel/changes.h"

#include <stdlib.h>
#include <string.h>

#include "panel/ending.h"
#include "panel/files.h"
#include "panel/forms.h"
#include "panel/frame.h"
#include "panel/pages.h"
#include "terminal/say.h"

typedef void show_form(struct answer *answer, const struct visit *visit, const struct trouble *trouble,
                       const json_t *token);

/* ---- forms that were sent twice ---- */

static void put_what_it_did(struct page *page, const struct visit *visit, const json_t *token)
{
    const char *domain = visit->route.domain, *prefix = visit->panel->prefix;

    with(page, "<p>The token \"<a href=\"$/$/$\"><bdi>$</bdi></a>\", serial ", prefix, domain,
         text_of(token, "id"), text_of(token, "label"));
    put_number(page, json_integer_value(json_object_get(token, "serial")));
    if (visit->route.kind == ROUTE_REVOKE) {
        markup(page, ", was meant. Its state now: ");
        put_state(page, visit, token);
    } else {
        markup(page, ", was created ");
        put_time(page, text_of(token, "created"), "at a time not known");
        markup(page,
               " UTC. It cannot be shown again. If you have not copied it, revoke it and create another");
    }
    markup(page, ".</p>\n<p class=\"next\">");
    put_actions(page, visit, token);
    with(page, "<a href=\"$/$/new\">Create another</a></p>\n", prefix, domain);
}

static void say_sent_already(struct answer *answer, const struct visit *visit, const struct nonce_used *used)
{
    struct page *page = &answer->page;
    struct reply reply = {0};

    if (!used->result[0]) {
        frame_say(answer, visit, 409, "This form was sent already",
                  used->refused ? "Nothing was done then."
                                : "It is not known what became of it. Look at the list of tokens.",
                  "Nothing was done now.");
        return;
    }
    frame_begin(answer, visit, 409, "This form was sent already");
    markup(page, "<h1>This form was sent already</h1>\n<p><strong>Nothing more was done.</strong></p>\n");
    if (visit_show(visit, &reply, used->result) == 0)
        put_what_it_did(page, visit, reply.json);
    with(page, "<p><a href=\"$/$/\">Back to the tokens of $</a></p>\n", visit->panel->prefix,
         visit->route.domain, visit->route.domain);
    frame_end(answer);
    reply_free(&reply);
}

/* Use up the nonce of the form. NULL after answering why it cannot be done. */
static struct nonce_used *use_nonce(struct answer *answer, const struct visit *visit, const char *action,
                                    show_form *show, const json_t *token)
{
    static const struct trouble old = {403, "This form is too old. Please send it again.", ""};
    static const struct trouble full = {
        503, "Too many forms were sent within two hours. Please send it again later.", ""};
    struct purpose purpose = visit_purpose(visit, action);
    struct nonce_used *used = NULL;

    if (visit->secret) {
        show(answer, visit, &(struct trouble){422, token_was_typed, visit->secret}, token);
        return NULL;
    }
    switch (nonce_use(&visit->panel->nonces, &purpose, form_text(&visit->form, "nonce"), visit->began / 1000,
                      &used)) {
    case NONCE_GOOD:
        return used;
    case NONCE_USED:
        say_sent_already(answer, visit, used);
        return NULL;
    case NONCE_FULL:
        show(answer, visit, &full, token);
        return NULL;
    default:
        show(answer, visit, &old, token);
        return NULL;
    }
}

/* ---- the tool's answer ---- */

/* What a form that was sent is about. */
struct sending {
    struct nonce_used *used;
    show_form *show;
    const json_t *token; /* NULL: a new one */
};

/* The tool did not do it: the form again, where another try may help. */
static void answer_failure(struct answer *answer, const struct visit *visit, const struct reply *reply,
                           const struct sending *sending)
{
    struct ending ending = ending_of(reply->status);
    char *text;

    sending->used->refused = !ending.in_doubt;
    if (reply->status != STATUS_USAGE && reply->status != STATUS_LOCKED) {
        frame_fail(answer, visit, reply);
        return;
    }
    text = *reply->text ? composed("%s.", reply->text) : composed("%s", ending.text);
    sending->show(answer, visit, &(struct trouble){ending.http, text, reply->field}, sending->token);
    free(text);
}

static void remember(struct nonce_used *used, const json_t *token)
{
    const char *id = text_of(token, "id");

    if (strlen(id) == ID_LENGTH)
        memcpy(used->result, id, ID_LENGTH);
}

/* The page with a new token, which no browser keeps: the answer to a POST. */
static void show_once(struct answer *answer, const struct visit *visit, const json_t *token,
                      const json_t *old)
{
    struct page *page = &answer->page;
    char *title = composed("Token created - %s", visit->route.domain);

    frame_begin(answer, visit, 200, title);
    free(title);
    with(page,
         "<h1 tabindex=\"-1\" autofocus>Token created</h1>\n"
         "<p class=\"warning\">Copy this token now. It cannot be shown again.</p>\n"
         "<p><label for=\"token\">Token of \"<bdi>$</bdi>\"</label></p>\n",
         text_of(token, "label"));
    with(page,
         "<p><input class=\"token\" type=\"text\" id=\"token\" value=\"$\" readonly autocomplete=\"off\" "
         "spellcheck=\"false\"></p>\n<p><button type=\"button\" id=\"copy\" hidden>Copy Token</button>\n"
         "<span id=\"copied\" role=\"status\"></span></p>\n<p>Serial ",
         text_of(token, "token"));
    put_number(page, json_integer_value(json_object_get(token, "serial")));
    markup(page, ", expires: ");
    put_time(page, text_of(token, "expires"), "never");
    if (*text_of(token, "expires"))
        markup(page, " UTC");
    markup(page, ", scopes: ");
    put_list(page, json_object_get(token, "scopes"), "none");
    markup(page, ".</p>\n");
    if (old) {
        markup(page, "<p>The old token, serial ");
        put_number(page, json_integer_value(json_object_get(old, "serial")));
        if (strcmp(text_of(old, "state"), "active") == 0) {
            markup(page, ", works until ");
            put_time(page, text_of(old, "expires"), "it is revoked");
            if (*text_of(old, "expires"))
                markup(page, " UTC");
            markup(page, ".</p>\n");
        } else {
            markup(page, ", does not work any more.</p>\n");
        }
    }
    with(page, "<p><a href=\"$/$/\">Done</a></p>\n<script src=\"$/$\"></script>\n", visit->panel->prefix,
         visit->route.domain, visit->panel->prefix, script_name);
    frame_end(answer);
}

/* ---- create ---- */

struct arguments {
    char *list[ARGUMENTS_MAX + 1];
    size_t count;
};

static void add(struct arguments *arguments, char *argument)
{
    arguments->list[arguments->count++] = argument;
}

/* Each value in one word with its option: it may begin with "-". */
static void add_typed(struct arguments *arguments, const struct visit *visit, const char *name)
{
    const char *value = form_text(&visit->form, name);

    if (*value)
        add(arguments, composed("--%s=%s", name, value));
}

/* Those that were checked. */
static void add_scopes(struct arguments *arguments, const struct visit *visit)
{
    char *list = must_have(strdup(""));

    for (size_t i = 0; i < visit->form.count; i++) {
        const char *name = visit->form.fields[i].name;
        char *shorter = list;

        if (strncmp(name, "scope-", strlen("scope-")) != 0)
            continue;
        list = composed("%s%s%s", list, *list ? "," : "", name + strlen("scope-"));
        free(shorter);
    }
    if (*list)
        add(arguments, composed("--scopes=%s", list));
    free(list);
}

static void collect(struct arguments *arguments, const struct visit *visit)
{
    const char *expires = form_text(&visit->form, "expires");

    add(arguments, composed("create"));
    add(arguments, composed("--json"));
    add(arguments, composed("--label=%s", form_text(&visit->form, "label")));
    if (strcmp(expires, "days") == 0)
        add(arguments, composed("--expires=%sd", form_text(&visit->form, "days")));
    else if (*expires && strcmp(expires, "default") != 0)
        add(arguments, composed("--expires=%s", expires));
    add_scopes(arguments, visit);
    add_typed(arguments, visit, "scopes");
    add_typed(arguments, visit, "from");
    add_typed(arguments, visit, "user");
}

static void show_create(struct answer *answer, const struct visit *visit, const struct trouble *trouble,
                        const json_t *token)
{
    (void)token;
    form_create(answer, visit, trouble);
}

void change_create(struct answer *answer, struct visit *visit)
{
    const struct trouble *trouble = visit->post ? form_days_trouble(visit) : &no_trouble;
    struct arguments arguments = {0};
    struct nonce_used *used;
    struct reply reply;

    if (!visit->post || (trouble && !visit->secret)) {
        form_create(answer, visit, trouble);
        return;
    }
    used = use_nonce(answer, visit, "create", show_create, NULL);
    if (!used)
        return;
    collect(&arguments, visit);
    if (visit_change(visit, &reply, (const char *const *)arguments.list) == 0 &&
        !*text_of(reply.json, "token"))
        reply.status = TOOL_UNKNOWN;
    if (reply.status == 0) {
        remember(used, reply.json);
        show_once(answer, visit, reply.json, NULL);
    } else {
        answer_failure(answer, visit, &reply, &(struct sending){used, show_create, NULL});
    }
    reply_free(&reply);
    while (arguments.count > 0)
        free(arguments.list[--arguments.count]);
}

/* ---- revoke ---- */

static void revoke(struct answer *answer, struct visit *visit, const json_t *token)
{
    struct nonce_used *used = use_nonce(answer, visit, "revoke", form_revoke, token);
    const char *done = strcmp(text_of(token, "state"), "revoked") == 0 ? "already" : "revoked";
    const char *why = form_text(&visit->form, "reason"), *id = visit->route.id;
    const char *arguments[7] = {"revoke", "--json", "-y"};
    size_t count = 3;
    struct reply reply;
    char *reason;

    if (!used)
        return;
    reason = composed("--reason=%s", why);
    if (*why)
        arguments[count++] = reason;
    arguments[count++] = "--";
    arguments[count++] = id;
    if (visit_change(visit, &reply, arguments) == 0) {
        remember(used, reply.json);
        frame_send_on(answer,
                      composed("%s/%s/%s?done=%s", visit->panel->prefix, visit->route.domain, id, done));
    } else {
        answer_failure(answer, visit, &reply, &(struct sending){used, form_revoke, token});
    }
    reply_free(&reply);
    free(reason);
}

void change_revoke(struct answer *answer, struct visit *visit)
{
    struct reply shown;

    if (visit_show(visit, &shown, visit->route.id) != 0)
        frame_fail(answer, visit, &shown);
    else if (!visit->post && strcmp(text_of(shown.json, "state"), "revoked") == 0)
        frame_say(answer, visit, 409, "Not possible", "This token was revoked already.", "");
    else if (visit->post)
        revoke(answer, visit, shown.json);
    else
        form_revoke(answer, visit, &no_trouble, shown.json);
    reply_free(&shown);
}

/* ---- rotate ---- */

static void rotate(struct answer *answer, struct visit *visit, const json_t *token)
{
    struct nonce_used *used = use_nonce(answer, visit, "rotate", form_rotate, token);
    const char *wish = form_text(&visit->form, "grace"), *id = visit->route.id;
    struct reply reply, old = {0};
    char *grace;

    if (!used)
        return;
    grace = composed("--grace=%s", *wish ? wish : "24h");
    if (visit_change(visit, &reply, (const char *const[]){"rotate", "--json", grace, "--", id, NULL}) == 0 &&
        !*text_of(reply.json, "token"))
        reply.status = TOOL_UNKNOWN;
    if (reply.status == 0) {
        remember(used, reply.json);
        visit_show(visit, &old, id);
        show_once(answer, visit, reply.json, old.json);
    } else {
        answer_failure(answer, visit, &reply, &(struct sending){used, form_rotate, token});
    }
    reply_free(&reply);
    reply_free(&old);
    free(grace);
}

void change_rotate(struct answer *answer, struct visit *visit)
{
    struct reply shown;

    if (visit_show(visit, &shown, visit->route.id) != 0)
        frame_fail(answer, visit, &shown);
    else if (!visit->post && strcmp(text_of(shown.json, "state"), "revoked") == 0)
        frame_say(answer, visit, 409, "Not possible", "This token was revoked. Create another.", "");
    else if (visit->post)
        rotate(answer, visit, shown.json);
    else
        form_rotate(answer, visit, &no_trouble, shown.json);
    reply_free(&shown);
}
