#include "panel/asked.h"

#include <string.h>

#include "text.h"

enum { NAME_MAX_LENGTH = 128 };

static const char *find(char *const parameters[], const char *name)
{
    const char *value = NULL;
    size_t length = strlen(name), found = 0;

    for (; *parameters; parameters++) {
        if (strncmp(*parameters, name, length) == 0 && (*parameters)[length] == '=') {
            value = *parameters + length + 1;
            found++;
        }
    }
    return found == 1 && *value ? value : NULL;
}

static bool is_name(const char *text)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@+-";

    return text && strlen(text) <= NAME_MAX_LENGTH && text[strspn(text, allowed)] == '\0';
}

void asked_read(struct asked *asked, char *const parameters[])
{
    const char *user = find(parameters, "REMOTE_USER");

    asked->user = is_name(user) ? user : NULL;
    asked->method = find(parameters, "REQUEST_METHOD");
    asked->path = find(parameters, "DOCUMENT_URI");
    asked->query = find(parameters, "QUERY_STRING");
    asked->content_type = find(parameters, "CONTENT_TYPE");
    asked->content_length = find(parameters, "CONTENT_LENGTH");
    asked->from.own = find(parameters, "PANEL_SELF");
    asked->from.origin = find(parameters, "HTTP_ORIGIN");
    asked->from.fetch_site = find(parameters, "HTTP_SEC_FETCH_SITE");
    asked->from.fetch_dest = find(parameters, "HTTP_SEC_FETCH_DEST");
}

size_t asked_length(const struct asked *asked)
{
    uint64_t length;

    if (!asked->content_length)
        return 0;
    if (!decimal_parse(span_of(asked->content_length), &length) || length > BODY_MAX)
        return BODY_MAX + 1;
    return (size_t)length;
}
