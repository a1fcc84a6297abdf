#include "panel/route.h"

#include <stdio.h>
#include <string.h>

#include "header.h"
#include "text.h"

static enum route_kind kind_below_token(const char *rest)
{
    if (*rest == '\0')
        return ROUTE_TOKEN;
    if (strcmp(rest, "/revoke") == 0)
        return ROUTE_REVOKE;
    return strcmp(rest, "/rotate") == 0 ? ROUTE_ROTATE : ROUTE_NONE;
}

static enum route_kind kind_below_domain(struct route *route, const char *rest)
{
    size_t length = strcspn(rest, "/");

    if (*rest == '\0')
        return ROUTE_LIST;
    if (strcmp(rest, "new") == 0)
        return ROUTE_CREATE;
    if (length != ID_LENGTH || !base62_valid(rest, length))
        return ROUTE_NONE;
    memcpy(route->id, rest, length);
    return kind_below_token(rest + length);
}

struct route route_find(const char *prefix, const char *path)
{
    struct route route = {0};
    struct span name;

    if (*path != '\0' && strcmp(path, prefix) == 0)
        route.kind = ROUTE_BARE;
    if (strncmp(path, prefix, strlen(prefix)) != 0 || path[strlen(prefix)] != '/')
        return route;
    path += strlen(prefix) + 1;
    name = (struct span){path, strcspn(path, "/")};
    if (*path == '\0') {
        route.kind = ROUTE_DOMAINS;
    } else if (path[name.length] == '\0') {
        route.kind = ROUTE_FILE;
        route.file = path;
        if (domain_name_valid(name))
            memcpy(route.domain, name.at, name.length);
    } else if (domain_name_valid(name)) {
        memcpy(route.domain, name.at, name.length);
        route.kind = kind_below_domain(&route, path + name.length + 1);
    }
    return route;
}
