/* What a person may say of a token: checked, and as a line has it. */
#ifndef ATTRIBUTES_H
#define ATTRIBUTES_H

#include "config.h"
#include "record.h"
#include "terminal/say.h"

/* Each NULL if it was not said; else escaped. */
struct attributes {
    char *label, *scopes, *nets, *user, *reason;
};

/* Each prints what is wrong and returns STATUS_USAGE; the text is as it was typed. Lists may be said several
 * times, and add up. */
enum status attributes_set_label(struct attributes *attributes, const char *text);
enum status attributes_set_user(struct attributes *attributes, const char *text);
enum status attributes_set_reason(struct attributes *attributes, const char *text);
enum status attributes_add_scopes(struct attributes *attributes, const char *text);
enum status attributes_add_nets(struct attributes *attributes, const char *text);

/* Say of a list, or of the user, that there is to be none. */
void attribute_empty(char **attribute);

/* May each scope of the list, escaped as a line has it, be granted in this domain? */
bool scopes_granted(const struct domain *domain, struct span scopes, struct fault *fault);

/* The same of what was said. STATUS_USAGE, printed. */
enum status attributes_check_scopes(const struct attributes *attributes, const struct domain *domain);

void attributes_free(struct attributes *attributes);

/* Put what was said into a record, whose spans then point here. */
void attributes_apply(const struct attributes *attributes, struct record *record);

#endif
