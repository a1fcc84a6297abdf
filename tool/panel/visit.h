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

enum { ARGUMENTS_MAX = 16 }; /* of the tool's command and what follows */

struct panel {
    struct tool tool;
    const char *prefix; /* of all paths, without a slash at its end; may be empty */
    const char *origin; /* scheme, host and port, as browsers name them; NULL: as the web server says */
    struct nonces nonces;
};

struct visit {
    struct panel *panel;
    const char *user; /* known to have only the characters of a name */
    int64_t now;      /* seconds since 1970 */
    int64_t began;    /* on the clock of clock_now() */
    bool post;
    bool changing; /* the tool was started to change something, which it may have done */
    struct route route;
    struct form query, form; /* form: of a POST, else empty; what looks like a token is hidden in both */
    const char *secret;      /* the first field in which there was one; NULL: none */
    json_t *domains;         /* of this user, as domains --json says */
    const json_t *domain;    /* the one of the route, among them */
};

/* The text of a key; "" if there is none. */
const char *text_of(const json_t *json, const char *key);

/* False: its domain is changed on another host, toktab-fleet(7). */
bool visit_may_change(const struct visit *visit);

/* What the nonce of a form of this visit is for. action: "create", "revoke", "rotate". */
struct purpose visit_purpose(const struct visit *visit, const char *action);

/* Run the tool for the user of the visit, to read: as tool_run(). The first in the domain of the route, with
 * the command and what follows, ended by NULL. */
int visit_read(const struct visit *visit, struct reply *reply, const char *const arguments[]);
int visit_domains(const struct visit *visit, struct reply *reply);

/* visit_read() of "show --json" of this id. */
int visit_show(const struct visit *visit, struct reply *reply, const char *id);

/* The same as visit_read(), to change something. It has time enough: it waits up to 10 s for the lock. */
int visit_change(struct visit *visit, struct reply *reply, const char *const arguments[]);

#endif
