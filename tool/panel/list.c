#include "panel/list.h"

#include <stdlib.h>
#include <string.h>

#include "panel/forms.h"
#include "panel/frame.h"
#include "panel/pages.h"
#include "terminal/say.h"
#include "text.h"

static const char token_in_address[] = "There was a token in the address. It is now in the history of your "
                                       "browser and in the log of the server: "
                                       "revoke it.";

enum { PAGE_ROWS = 50 };

struct listing {
    const char *show, *query, *before; /* what was asked for */
    const json_t *tokens;              /* newest first; there may be more than count */
    size_t count;
    bool used; /* does one say when it was last used? */
};

static void take_wishes(struct listing *listing, const struct form *form)
{
    uint64_t serial;

    listing->show = form_text(form, "show");
    if (strcmp(listing->show, "ended") != 0 && strcmp(listing->show, "all") != 0)
        listing->show = "active";
    listing->query = form_text(form, "q");
    listing->before = form_text(form, "before");
    if (!decimal_parse(span_of(listing->before), &serial) || serial == 0)
        listing->before = "";
}

/* A pattern that matches what has the query in it, without regard to the case of ASCII letters. */
static char *glob_of(const char *query)
{
    enum { OTHER_CASE = 'a' ^ 'A', LONGEST = sizeof("[aA]") - 1 };
    char *glob = must_have(malloc(sizeof("--label=**") + LONGEST * strlen(query)));
    char *end = stpcpy(glob, "--label=*");

    for (; *query; query++) {
        char small = (char)(*query | OTHER_CASE);

        if (small >= 'a' && small <= 'z')
            end += sprintf(end, "[%c%c]", small, small ^ OTHER_CASE);
        else
            end += sprintf(end, strchr("*?[\\", *query) ? "\\%c" : "%c", *query);
    }
    strcpy(end, "*");
    return glob;
}

static int read_list(const struct listing *listing, const struct visit *visit, struct reply *reply)
{
    const char *arguments[12] = {"list", "--json", "--newest"};
    char most[16], *glob = glob_of(listing->query);
    size_t count = 3;
    int status;

    snprintf(most, sizeof(most), "%d", PAGE_ROWS + 1);
    arguments[count++] = most;
    if (*listing->query)
        arguments[count++] = glob;
    if (*listing->before) {
        arguments[count++] = "--before";
        arguments[count++] = listing->before;
    }
    if (strcmp(listing->show, "active") != 0) {
        arguments[count++] = "--revoked";
        arguments[count++] = "--expired";
    }
    if (strcmp(listing->show, "ended") != 0)
        arguments[count++] = "--active";
    status = visit_read(visit, reply, arguments);
    free(glob);
    return status;
}

static json_int_t serial_of(const json_t *token)
{
    return json_integer_value(json_object_get(token, "serial"));
}

static void take_tokens(struct listing *listing, const json_t *tokens)
{
    listing->tokens = tokens;
    listing->count = json_array_size(tokens) < PAGE_ROWS ? json_array_size(tokens) : PAGE_ROWS;
    for (size_t i = 0; i < listing->count; i++)
        listing->used = listing->used || *text_of(json_array_get(tokens, i), "last_used");
}

static bool has_more(const struct listing *listing)
{
    return json_array_size(listing->tokens) > listing->count;
}

static void put_domains(struct page *page, const struct visit *visit)
{
    size_t i;
    json_t *domain;

    if (json_array_size(visit->domains) < 2)
        return;
    markup(page, "<nav aria-label=\"Your domains\"><ul class=\"domains\">\n");
    json_array_foreach(visit->domains, i, domain)
    {
        with(page, "<li><a href=\"$/$/\"", visit->panel->prefix, text_of(domain, "name"));
        if (domain == visit->domain)
            markup(page, " aria-current=\"page\"");
        with(page, ">$</a></li>\n", text_of(domain, "name"));
    }
    markup(page, "</ul></nav>\n");
}

/* How many there are in all. */
static json_int_t count_of(const struct visit *visit, const char *show)
{
    const json_int_t active = json_integer_value(json_object_get(visit->domain, "active")),
                     all = json_integer_value(json_object_get(visit->domain, "tokens"));

    if (strcmp(show, "active") == 0)
        return active;
    return strcmp(show, "ended") == 0 ? all - active : all;
}

static void put_filter(struct page *page, const struct listing *listing, const struct visit *visit)
{
    static const char *const shows[][2] = {{"active", "Active"}, {"ended", "Ended"}, {"all", "All"}};
    char *query = form_encoded(listing->query);

    markup(page, "<nav aria-label=\"Which tokens\">Show: ");
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(shows[i][0], listing->show) == 0)
            with(page, "<a aria-current=\"page\" href=\"?show=$&amp;q=$\"><strong>$</strong> ", shows[i][0],
                 query, shows[i][1]);
        else
            with(page, "<a href=\"?show=$&amp;q=$\">$ ", shows[i][0], query, shows[i][1]);
        put_number(page, count_of(visit, shows[i][0]));
        markup(page, "</a> ");
    }
    with(page,
         "</nav>\n<form method=\"post\" action=\"?\" role=\"search\"><input type=\"hidden\" name=\"show\" "
         "value=\"$\">\n"
         "<label for=\"q\">Label</label> <input type=\"search\" id=\"q\" name=\"q\" value=\"$\" "
         "autocomplete=\"off\"> <button>Filter</button></form>\n",
         listing->show, listing->query);
    if (visit_may_change(visit))
        with(page, "<p><a class=\"button\" href=\"$/$/new\">Create Token</a></p>\n", visit->panel->prefix,
             visit->route.domain);
    else
        with(page, "<p>This server shows the tokens of $. They are changed on another one.</p>\n",
             visit->route.domain);
    free(query);
}

static void put_row(struct page *page, const struct listing *listing, const struct visit *visit,
                    const json_t *token)
{
    with(page,
         "<tr role=\"row\"><th scope=\"row\" role=\"rowheader\"><a href=\"$/$/$\"><bdi>$</bdi></a> <small>",
         visit->panel->prefix, visit->route.domain, text_of(token, "id"), text_of(token, "label"));
    put_number(page, serial_of(token));
    markup(page, "</small></th><td role=\"cell\" data-name=\"State\">");
    put_state(page, visit, token);
    markup(page, "</td><td role=\"cell\" data-name=\"Created\">");
    put_time(page, text_of(token, "created"), "not known");
    markup(page, "</td><td role=\"cell\" data-name=\"Expires\">");
    put_time(page, text_of(token, "expires"), "never");
    if (listing->used) {
        markup(page, "</td><td role=\"cell\" data-name=\"Last used\">");
        put_distance(page, visit, text_of(token, "last_used"), "not known");
    }
    markup(page, "</td><td role=\"cell\" class=\"actions\">");
    put_actions(page, visit, token);
    markup(page, "</td></tr>\n");
}

static void put_table(struct page *page, const struct listing *listing, const struct visit *visit)
{
    markup(page, "<table role=\"table\">\n<caption>Tokens, newest first. All times are UTC.</caption>\n"
                 "<thead><tr role=\"row\"><th scope=\"col\" role=\"columnheader\">Label</th>"
                 "<th scope=\"col\" role=\"columnheader\">State</th>"
                 "<th scope=\"col\" role=\"columnheader\">Created</th>"
                 "<th scope=\"col\" role=\"columnheader\">Expires</th>");
    if (listing->used)
        markup(page, "<th scope=\"col\" role=\"columnheader\">Last used</th>");
    markup(page,
           "<th scope=\"col\" role=\"columnheader\"><span class=\"vh\">Actions</span></th></tr></thead>\n"
           "<tbody>\n");
    for (size_t i = 0; i < listing->count; i++)
        put_row(page, listing, visit, json_array_get(listing->tokens, i));
    markup(page, "</tbody>\n</table>\n");
}

static void put_empty(struct page *page, const struct listing *listing, const struct visit *visit)
{
    if (json_integer_value(json_object_get(visit->domain, "tokens")) == 0)
        with(page,
             "<p>There are no tokens in $ yet. A token lets a program use an API without a password.</p>\n",
             visit->route.domain);
    else if (*listing->query)
        with(page,
             "<p>No $ token has \"<bdi>$</bdi>\" in its label. <a href=\"?show=all\">Show all "
             "tokens.</a></p>\n",
             strcmp(listing->show, "all") == 0 ? "" : listing->show, listing->query);
    else
        markup(page, "<p>There are no such tokens here. <a href=\"?show=all\">Show all tokens.</a></p>\n");
}

static void put_paging(struct page *page, const struct listing *listing, const struct visit *visit)
{
    char *query = form_encoded(listing->query);

    markup(page, "<p class=\"next\">");
    if (!*listing->before && !*listing->query && has_more(listing)) {
        markup(page, "1 to ");
        put_number(page, (json_int_t)listing->count);
        markup(page, " of ");
        put_number(page, count_of(visit, listing->show));
        markup(page, "\n");
    }
    if (*listing->before)
        with(page, "<a href=\"?show=$&amp;q=$\">Newest</a>\n", listing->show, query);
    if (has_more(listing)) {
        with(page, "<a href=\"?show=$&amp;q=$&amp;before=", listing->show, query);
        put_number(page, serial_of(json_array_get(listing->tokens, listing->count - 1)));
        markup(page, "\">Older</a>\n");
    }
    markup(page, "</p>\n");
    free(query);
}

/* The form is a POST, because what is pasted there may be a token, and logs and histories keep addresses. */
static void send_on(struct answer *answer, const struct visit *visit, const struct listing *listing)
{
    char *query = form_encoded(listing->query);

    frame_send_on(answer, composed("%s/%s/?show=%s&q=%s", visit->panel->prefix, visit->route.domain,
                                   listing->show, query));
    free(query);
}

static void show_list(struct answer *answer, const struct visit *visit, const struct listing *listing,
                      const struct trouble *trouble)
{
    struct page *page = &answer->page;
    char *title = composed("Tokens of %s", visit->route.domain);

    frame_begin(answer, visit, trouble->status, title);
    free(title);
    put_domains(page, visit);
    with(page, "<h1>Tokens of $</h1>\n", visit->route.domain);
    put_trouble(page, trouble);
    put_filter(page, listing, visit);
    if (listing->count > 0)
        put_table(page, listing, visit);
    else
        put_empty(page, listing, visit);
    put_paging(page, listing, visit);
    frame_end(answer);
}

void page_list(struct answer *answer, const struct visit *visit)
{
    struct listing listing = {0};
    struct reply reply;

    take_wishes(&listing, visit->post ? &visit->form : &visit->query);
    if (visit->post && !visit->secret) {
        send_on(answer, visit, &listing);
        return;
    }
    if (read_list(&listing, visit, &reply) != 0) {
        frame_fail(answer, visit, &reply);
    } else {
        take_tokens(&listing, reply.json);
        show_list(answer, visit, &listing,
                  visit->secret
                      ? &(struct trouble){422, visit->post ? token_was_typed : token_in_address, "q"}
                      : &no_trouble);
    }
    reply_free(&reply);
}
