/* Shows a token: as text for people, as JSON for programs. */
#ifndef DESCRIBE_H
#define DESCRIBE_H

#include <jansson.h>

#include "record.h"
#include "terminal/say.h"

/* Columns of `list`, rows of `show` and keys of the JSON, under the same names; only `list` has the
 * successor. */
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
    ATTRIBUTE_SUCCESSOR,
    ATTRIBUTES,
};

extern const char *const attribute_names[ATTRIBUTES];

enum state { STATE_ACTIVE, STATE_REVOKED, STATE_EXPIRED, STATES };

enum state state_of(const struct record *record, int64_t now);
const char *state_name(enum state state);

/* How to write a time. Short: the distance, "3d ago", for a table on a terminal. Plain: local time with its
 * zone, for programs. Long: both, for one token. */
enum form { FORM_SHORT, FORM_PLAIN, FORM_LONG };

/* The attribute as text that is safe to show; "-" if it is empty. The caller frees it. */
char *describe(const struct record *record, const char *domain, enum attribute attribute, int64_t now,
               enum form form);

/* The same without memory to free, if it is printable ASCII; else length is 0. It is in plain, in the record,
 * or a constant. */
enum { PLAIN_SIZE = 192 };
struct span describe_plain(char plain[PLAIN_SIZE], const struct record *record, const char *domain,
                           enum attribute attribute, int64_t now, enum form form);

/* All attributes as one object. The caller releases it. */
json_t *describe_json(const struct record *record, const char *domain, int64_t now);

/* The tokens that a message has named because any of them may be meant: serial, id and label. NULL: none. */
json_t *describe_candidates(void);

/* Put a value, which they take over, into an object or an array. The tool exits if it is out of memory. */
void json_add(json_t *object, const char *key, json_t *value);
void json_append(json_t *array, json_t *value);

/* Write a value to stdout and release it. False with errno. */
bool write_json(json_t *value);

/* The same with a newline. If that fails, prints so and returns STATUS_IO. */
enum status print_json(json_t *value);

/* A column of a line without its escapes: safe to show, or raw. The caller frees it. */
char *unescaped_shown(struct span escaped);
char *unescaped(struct span escaped);

/* What changed, safe to show: "label: a -> b; user: - -> bob"; "" if nothing did. If before is NULL, what the
 * token has: "label: a; expires: never". The caller frees it. */
char *differences(const struct record *before, const struct record *after);

/* Print serial, id and label on stderr, above a question. */
void say_token(const struct record *record);

#endif
