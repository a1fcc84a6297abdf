/* application/x-www-form-urlencoded, as of a form that was sent and of the query of a URL. Pure. */
#ifndef PANEL_FORM_H
#define PANEL_FORM_H

#include <stdbool.h>
#include <stddef.h>

enum { FORM_FIELDS_MAX = 512 };

struct form {
    struct {
        const char *name, *value;
    } fields[FORM_FIELDS_MAX];
    size_t count;
};

/*
 * Parse a text of this length, in place: the form points into it. One byte must follow the text, and is
 * overwritten. False for what no browser sends: a bad %XX, NUL, no UTF-8, an empty name, a name twice, too
 * many fields.
 */
bool form_parse(struct form *form, char *text, size_t length);

/* NULL if there is no such field. */
const char *form_value(const struct form *form, const char *name);

/* The same, but "" then. */
const char *form_text(const struct form *form, const char *name);

/* Empty each value with what looks like a token in it: no page may show it, and no command line have it. The
 * name of the first such field, or NULL. */
const char *form_hide_tokens(struct form *form);

/* A text as it must stand in the query of a URL. The caller frees it. Never NULL. */
char *form_encoded(const char *text);

#endif
