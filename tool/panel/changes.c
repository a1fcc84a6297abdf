#include "panel/changes.h"

#include <stdlib.h>
#include <string.h>

#include "panel/ending.h"
#include "panel/files.h"
#include "panel/forms.h"
#include "panel/frame.h"
#include "terminal/say.h"

typedef void show_form(struct answer *answer, const struct visit *visit, const struct trouble *trouble,
                       const json_t *token);

/* ---- forms that were sent twice ---- */

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
    if (visit_show(visit, &reply, used->result) == 0) {
        with(page, "<p>It was about the token <a href=\"$/$/$\"><bdi>$</bdi></a>, serial ",
             visit->panel->prefix, visit->route.domain, used->result, text_of(reply.json, "label"));
        put_number(page, json_integer_value(json_object_get(reply.json, "serial")));
        markup(page, ".");
        if (strcmp(text_of(reply.json, "state"), "active") == 0)
            markup(page,
                   " A token that was created cannot be shown again: if you have not copied it, revoke it "
                   "and create another.");
        markup(page, "</p>\n");
    }
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
    struct purpose purpose = visit_purpose(visit, action);
    struct nonce_used *used = NULL;

    switch (nonce_use(&visit->panel->nonces, &purpose, form_text(&visit->form, "nonce"),
                      visit->began / 1000, &used)) {
    case NONCE_GOOD:
        return used;
    case NONCE_OLD:
        show(answer, visit, &old, token);
        return NULL;
    case NONCE_USED:
        say_sent_already(answer, visit, used);
        return NULL;
    default:
        frame_say(answer, visit, 503, "Too many changes", "Too many forms were sent within two hours.",
                  "Nothing was done.");
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

/* The name of the field of our forms that the tool means: it also speaks of what was in it. */
static const char *field_of(const struct reply *reply)
{
    if (strcmp(reply->field, "scope") == 0)
        return "scopes";
    return strcmp(reply->field, "expiry") == 0 ? "expires" : reply->field;
}

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
    sending->show(answer, visit, &(struct trouble){ending.http, text, field_of(reply)}, sending->token);
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
            markup(page, ", UTC.</p>\n");
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
    char *list[FORM_FIELDS_MAX + 16];
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

static void collect(struct arguments *arguments, const struct visit *visit)
{
    const char *expires = form_text(&visit->form, "expires");

    add(arguments, composed("create"));
    add(arguments, composed("--json"));
    add(arguments, composed("--label=%s", form_text(&visit->form, "label")));
    if (strcmp(expires, "never") == 0)
        add(arguments, composed("--expires=never"));
    else if (strcmp(expires, "days") == 0)
        add(arguments, composed("--expires=%sd", form_text(&visit->form, "days")));
    for (size_t i = 0; i < visit->form.count; i++)
        if (strncmp(visit->form.fields[i].name, "scope-", strlen("scope-")) == 0)
            add(arguments, composed("--scopes=%s", visit->form.fields[i].name + strlen("scope-")));
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
    struct arguments arguments = {0};
    struct nonce_used *used;
    struct reply reply;

    if (!visit->post) {
        form_create(answer, visit, &no_trouble);
        return;
    }
    used = use_nonce(answer, visit, "create", show_create, NULL);
    if (!used)
        return;
    collect(&arguments, visit);
    if (visit_change(visit, &reply, (const char *const *)arguments.list) == 0 && !*text_of(reply.json, "token"))
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
