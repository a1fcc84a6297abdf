#include "differ.h"

#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "say.h"

/* What can be different, in the order in which a person wants to know. */
static const enum attribute compared[] = {ATTRIBUTE_LABEL, ATTRIBUTE_EXPIRES, ATTRIBUTE_SCOPES,
                                          ATTRIBUTE_FROM,  ATTRIBUTE_USER,    ATTRIBUTE_PREV};

static char *add(char *text, const char *name, const char *before, const char *after)
{
    const char *between = text[0] ? "; " : "";
    char *longer = before ? composed("%s%s%s: %s -> %s", text, between, name, before, after)
                          : composed("%s%s%s: %s", text, between, name, after);

    free(text);
    return longer;
}

char *differences(const struct record *before, const struct record *after)
{
    char *text = must_have(strdup(""));

    for (size_t i = 0; i < sizeof(compared) / sizeof(compared[0]); i++) {
        char *old = before ? describe(before, "", compared[i], after->time, FORM_PLAIN) : NULL;
        char *new = describe(after, "", compared[i], after->time, FORM_PLAIN);

        if (strcmp(old ? old : "-", new) != 0)
            text = add(text, attribute_names[compared[i]], old, new);
        free(old);
        free(new);
    }
    return text;
}
