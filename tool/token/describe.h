/* A token as the tool shows it: as texts for people, as JSON for programs. */
#ifndef DESCRIBE_H
#define DESCRIBE_H

#include <jansson.h>

#include "record.h"
#include "terminal/say.h"

/* What can be shown of a token, under the same names everywhere. */
enum attribute {
    ATTRIBUTE_DOMAIN,
    ATTRIBUTE_ID,
    ATTRIBUTE_SERIAL,
    ATTRIBUTE_LABEL,
    ATTRIBUTE_STATE,
    ATTRIBUTE_CREATED,
    ATTRIBUTE_EXPIRES,
    ATTRIBUTE_REVOKED,
    ATTRIBUTE_SCOPES,
    ATTRIBUTE_FROM,
    ATTRIBUTE_USER,
    ATTRIBUTE_REASON,
    ATTRIBUTE_PREV,
    ATTRIBUTE_BY,
    ATTRIBUTE_LAST_USED,
    ATTRIBUTES,
};

extern const char *const attribute_names[ATTRIBUTES];

enum state { STATE_ACTIVE, STATE_REVOKED, STATE_EXPIRED };

enum state state_of(const struct record *record, int64_t now);
const char *state_name(enum state state);

/* How a time is written: for a table on a terminal how far it is, "3d ago"; for other programs local time
 * with its zone; for a person who looks closely both. */
enum form { FORM_SHORT, FORM_PLAIN, FORM_LONG };

/* The attribute as text that may be shown; "-" where there is nothing. The caller frees it. */
char *describe(const struct record *record, const char *domain, enum attribute attribute, int64_t now,
               enum form form);

/* All attributes as one object, which the caller gives back. */
json_t *describe_json(const struct record *record, const char *domain, int64_t now);

/* Write a value on stdout, and give it back. False with errno. */
bool write_json(json_t *value);

/* The same with a newline. STATUS_IO with a message if that fails. */
enum status print_json(json_t *value);

/* A label, user or reason as a line has it, with its escapes undone: shown, or raw. The caller frees it. */
char *unescaped_shown(struct span escaped);
char *unescaped(struct span escaped);

/* "label: a -> b; user: - -> bob", as it may be shown; "" where nothing differs. before: NULL: what the token
 * has: "label: a; expires: never". The caller frees it. */
char *differences(const struct record *before, const struct record *after);

/* A token as a question shows it, on stderr: its serial, its id, its label. */
void say_token(const struct record *record);

#endif
