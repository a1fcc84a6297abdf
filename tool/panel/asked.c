#include "panel/asked.h"

#include <string.h>

#include "text.h"

enum { NAME_MAX_LENGTH = 128 };

/* NULL: not there, or empty. twice: what to take it for if it is given twice. */
static const char *find(char *const parameters[], const char *name, const char *twice)
{
    const char *value = NULL;
    size_t length = strlen(name), found = 0;

    for (; *parameters; parameters++) {
        if (strncmp(*parameters, name, length) == 0 && (*parameters)[length] == '=') {
            value = *parameters + length + 1;
            found++;
        }
    }
    if (found > 1)
        return twice;
    return value && *value ? value : NULL;
}

static bool is_name(const char *text)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@+-";

    return text && strlen(text) <= NAME_MAX_LENGTH && text[strspn(text, allowed)] == '\0';
}

void asked_read(struct asked *asked, char *const parameters[])
{
    /* no value that a check of the origin lets through; NULL would */
    static const char refused[] = "given twice";
    const char *user = find(parameters, "REMOTE_USER", NULL);

    asked->user = is_name(user) ? user : NULL;
    asked->method = find(parameters, "REQUEST_METHOD", NULL);
    asked->path = find(parameters, "DOCUMENT_URI", NULL);
    asked->query = find(parameters, "QUERY_STRING", NULL);
    asked->content_type = find(parameters, "CONTENT_TYPE", NULL);
    asked->content_length = find(parameters, "CONTENT_LENGTH", NULL);
    asked->from.own = find(parameters, "PANEL_SELF", NULL);
    asked->from.origin = find(parameters, "HTTP_ORIGIN", refused);
    asked->from.fetch_site = find(parameters, "HTTP_SEC_FETCH_SITE", refused);
    asked->from.fetch_dest = find(parameters, "HTTP_SEC_FETCH_DEST", refused);
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
