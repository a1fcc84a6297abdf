/* Which page a path means. Pure. */
#ifndef PANEL_ROUTE_H
#define PANEL_ROUTE_H

#include "crypto.h"
#include "domain.h"

enum route_kind {
    ROUTE_NONE,
    ROUTE_FILE,    /* /NAME: what is compiled in, if there is one of that name; else see ROUTE_BARE */
    ROUTE_BARE,    /* the prefix alone, or /DOMAIN: their slash is missing */
    ROUTE_DOMAINS, /* / */
    ROUTE_LIST,    /* /DOMAIN/ */
    ROUTE_CREATE,  /* /DOMAIN/new */
    ROUTE_TOKEN,   /* /DOMAIN/ID */
    ROUTE_REVOKE,  /* /DOMAIN/ID/revoke */
    ROUTE_ROTATE,  /* /DOMAIN/ID/rotate */
};

/* domain and id have only the characters that such names have, and no more of them; where there are none in
 * the path they are empty. Neither is known to exist. file points into the path. That of ROUTE_FILE may name
 * a domain, and then domain does too. */
struct route {
    enum route_kind kind;
    char domain[DOMAIN_NAME_MAX + 1], id[ID_LENGTH + 1];
    const char *file;
};

/* prefix: what stands before each path, without a slash at its end; may be empty. */
struct route route_find(const char *prefix, const char *path);

#endif
