/* Forms, URLs' queries, paths, and parameters, as toktab-panel takes them. */
#include "panel/form.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "panel/asked.h"
#include "panel/html.h"
#include "panel/route.h"
#include "text.h"

static void check_field(const struct form *form, size_t i)
{
    const char *name = form->fields[i].name, *value = form->fields[i].value;
    char *encoded = form_encoded(value);
    size_t length = strlen(encoded);
    struct form again;
    char *query = malloc(length + 3);

    if (!query)
        abort();
    assert(*name && utf8_length(span_of(name)) >= 0 && utf8_length(span_of(value)) >= 0);
    assert(form_value(form, name) == value);
    memcpy(query, "q=", 2);
    memcpy(query + 2, encoded, length);
    assert(form_parse(&again, query, length + 2));
    assert(again.count == 1 && strcmp(form_value(&again, "q"), value) == 0);
    free(query);
    free(encoded);
}

/* Nothing of a value can end an attribute or begin a tag. */
static void check_page(const char *value)
{
    static struct page page; /* its memory is costly to get */

    page.length = 0;
    with(&page, "$", value);
    for (size_t i = 0; i < page.length; i++)
        assert(!strchr("<>\"'", page.text[i]) && (unsigned char)page.text[i] >= ' ');
    assert(utf8_length((struct span){page.text, page.length}) >= 0);
}

static void check_route(const char *path)
{
    struct route route = route_find("", path);

    assert(strlen(route.domain) <= DOMAIN_NAME_MAX &&
           strspn(route.domain, "abcdefghijklmnopqrstuvwxyz0123456789.-") == strlen(route.domain));
    assert(base62_valid(route.id, strlen(route.id)));
    assert(route.kind < ROUTE_LIST || route.domain[0]);
    assert(route.kind < ROUTE_TOKEN || strlen(route.id) == ID_LENGTH);
}

/* The parameters of a request, one a line: nothing is believed that is not named once. */
static void check_parameters(char *lines)
{
    enum { MOST = 64 };
    char *parameters[MOST + 1] = {NULL}, *next;
    struct asked asked = {0};
    size_t count = 0, users = 0;

    for (char *line = lines; line && count < MOST; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        users += strncmp(line, "REMOTE_USER=", strlen("REMOTE_USER=")) == 0;
        parameters[count++] = line;
    }
    asked_read(&asked, parameters);
    assert(!asked.user ||
           (users == 1 && *asked.user && strlen(asked.user) <= 128 && !strpbrk(asked.user, "/:,| %\"")));
    assert(asked_length(&asked) <= BODY_MAX + 1);
    if (!asked.from.own)
        asked.from.own = "https://panel.test";
    if (origin_allows_post(&asked.from) && asked.from.origin)
        assert(strcmp(asked.from.origin, "null") == 0 || strcasecmp(asked.from.origin, asked.from.own) == 0);
    origin_allows_page(&asked.from);
    origin_sends_form(asked.content_type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = new_string(data, size), *text = malloc(size + 1);
    struct form form;

    if (!text)
        abort();
    check_route(copy);
    check_page(copy);
    memcpy(text, data, size);
    if (form_parse(&form, text, size))
        for (size_t i = 0; i < form.count; i++)
            check_field(&form, i);
    if (form_hide_tokens(&form))
        assert(!form_hide_tokens(&form));
    check_parameters(copy);
    free(text);
    free(copy);
    return 0;
}
