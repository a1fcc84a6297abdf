#include "panel/origin.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

bool origin_allows_post(const struct provenance *from)
{
    bool same_site = from->fetch_site && strcmp(from->fetch_site, "same-origin") == 0;

    if (from->fetch_site && !same_site)
        return false;
    /* extensions that strip referrers make it null */
    if (from->origin && strcmp(from->origin, "null") == 0)
        return same_site;
    return !from->origin || strcasecmp(from->origin, from->own) == 0;
}

bool origin_allows_page(const struct provenance *from)
{
    if (!from->fetch_dest || strcmp(from->fetch_dest, "document") == 0)
        return true;
    /* a script of another site cannot read the page, but could time a search for a label */
    return strcmp(from->fetch_dest, "empty") == 0 &&
           (!from->fetch_site || strcmp(from->fetch_site, "same-origin") == 0);
}

bool origin_sends_form(const char *content_type)
{
    static const char form[] = "application/x-www-form-urlencoded";

    return content_type && strncasecmp(content_type, form, sizeof(form) - 1) == 0 &&
           strchr("; \t", content_type[sizeof(form) - 1]) != NULL;
}
