#include "panel/visit.h"

#include <string.h>

#include "terminal/patience.h"

enum {
    /* ms since the request came: nginx waits 60 s for the answer to it */
    READ_BEFORE_CHANGE = 10 * 1000,
    CHANGED = READ_BEFORE_CHANGE + CHANGE_SECONDS * 1000,
    READ_AT_LAST = 58 * 1000,
};

const char *text_of(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));

    return text ? text : "";
}

bool visit_may_change(const struct visit *visit)
{
    return strcmp(text_of(visit->domain, "may"), "read") != 0;
}

struct purpose visit_purpose(const struct visit *visit, const char *action)
{
    return (struct purpose){visit->user, action, visit->route.domain, visit->route.id};
}

static int run_in_domain(const struct visit *visit, struct reply *reply, const char *const arguments[],
                         int64_t limit)
{
    const char *all[ARGUMENTS_MAX + 3] = {"-d", visit->route.domain};
    size_t count = 0;

    for (; count < ARGUMENTS_MAX && arguments[count]; count++)
        all[count + 2] = arguments[count];
    return tool_run(reply, &visit->panel->tool, visit->user, all, visit->began + limit);
}

static int64_t limit_of_reading(const struct visit *visit)
{
    return visit->post && !visit->changing ? READ_BEFORE_CHANGE : READ_AT_LAST;
}

int visit_read(const struct visit *visit, struct reply *reply, const char *const arguments[])
{
    return run_in_domain(visit, reply, arguments, limit_of_reading(visit));
}

int visit_domains(const struct visit *visit, struct reply *reply)
{
    return tool_run(reply, &visit->panel->tool, visit->user, (const char *const[]){"domains", "--json", NULL},
                    visit->began + limit_of_reading(visit));
}

int visit_show(const struct visit *visit, struct reply *reply, const char *id)
{
    return visit_read(visit, reply, (const char *const[]){"show", "--json", "--", id, NULL});
}

int visit_change(struct visit *visit, struct reply *reply, const char *const arguments[])
{
    visit->changing = true;
    return run_in_domain(visit, reply, arguments, CHANGED);
}
