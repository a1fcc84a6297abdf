/* The attributes of a token that people set: checked, and escaped as in a line. */
#ifndef ATTRIBUTES_H
#define ATTRIBUTES_H

#include "config.h"
#include "record.h"
#include "terminal/say.h"

/* Each is escaped, or NULL if it was not given. */
struct attributes {
    char *label, *scopes, *nets, *user, *reason;
};

/* Set or add to an attribute from text as it was typed. On a bad text each prints what is wrong and returns
 * STATUS_USAGE. */
enum status attributes_set_label(struct attributes *attributes, const char *text);
enum status attributes_set_user(struct attributes *attributes, const char *text);
enum status attributes_set_reason(struct attributes *attributes, const char *text);
enum status attributes_add_scopes(struct attributes *attributes, const char *text);
enum status attributes_add_nets(struct attributes *attributes, const char *text);

/* Make a list or the user empty. */
void attribute_empty(char **attribute);

/* May this domain grant every scope of the list? The list is escaped as in a line. False with fault. */
bool scopes_granted(const struct domain *domain, struct span scopes, struct fault *fault);

/* The same for the scopes that were given. Prints what is wrong and returns STATUS_USAGE. */
enum status attributes_check_scopes(const struct attributes *attributes, const struct domain *domain);

void attributes_free(struct attributes *attributes);

/* Put the given attributes into a record, whose spans then point into them. */
void attributes_apply(const struct attributes *attributes, struct record *record);

#endif
