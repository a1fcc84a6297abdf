#include "panel/visit.h"

enum { ARGUMENTS_MAX = FORM_FIELDS_MAX + 16 }; /* each field of a form is one at most */

const char *text_of(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));

    return text ? text : "";
}

struct purpose visit_purpose(const struct visit *visit, const char *action)
{
    return (struct purpose){visit->user, action, visit->route.domain, visit->route.id};
}

int visit_run(const struct visit *visit, struct reply *reply, const char *const arguments[])
{
    const char *all[ARGUMENTS_MAX + 3] = {"-d", visit->route.domain};
    size_t count = 0;

    for (; arguments[count] && count < ARGUMENTS_MAX; count++)
        all[count + 2] = arguments[count];
    return tool_run(reply, &visit->panel->tool, visit->user, all);
}

int visit_show(const struct visit *visit, struct reply *reply, const char *id)
{
    return visit_run(visit, reply, (const char *const[]){"show", "--json", "--", id, NULL});
}
