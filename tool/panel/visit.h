/* One request, once it is known who asks for what. */
#ifndef PANEL_VISIT_H
#define PANEL_VISIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "panel/form.h"
#include "panel/nonce.h"
#include "panel/route.h"
#include "panel/tool.h"

struct panel {
    struct tool tool;
    const char *prefix; /* of all paths, without a slash at its end; may be empty */
    const char *origin; /* scheme, host and port, as browsers name them; NULL: as the web server says */
    struct nonces nonces;
};

struct visit {
    struct panel *panel;
    const char *user; /* known to have only the characters of a name */
    int64_t now;
    bool post;
    struct route route;
    struct form query, form; /* form: of a POST, else empty */
    json_t *domains;         /* of this user, as domains --json says */
    const json_t *domain;    /* the one of the route, among them */
};

/* The text of a key; "" if there is none. */
const char *text_of(const json_t *json, const char *key);

/* What the nonce of a form of this visit is for. action: "create", "revoke", "rotate". */
struct purpose visit_purpose(const struct visit *visit, const char *action);

/* Run the tool in the domain of the route for the user of the visit. arguments: the command and what follows,
 * ended by NULL. As tool_run(). */
int visit_run(const struct visit *visit, struct reply *reply, const char *const arguments[]);

/* The same for "show --json" of the token of the route, or of this id. */
int visit_show(const struct visit *visit, struct reply *reply, const char *id);

#endif
