#include "panel/form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "terminal/say.h"
#include "token.h"

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Decode a text in place, and end it with a NUL, for which there is a byte behind it. */
static bool decode(char *text, size_t length)
{
    char *to = text;

    for (const char *from = text, *end = text + length; from < end; from++) {
        if (*from == '%') {
            int high = end - from > 2 ? hex_value(from[1]) : -1,
                low = end - from > 2 ? hex_value(from[2]) : -1;

            if (high < 0 || low < 0)
                return false;
            *to = (char)(high * 16 + low);
            from += 2;
        } else {
            *to = *from == '+' ? ' ' : *from;
        }
        if (*to++ == '\0')
            return false;
    }
    *to = '\0';
    return utf8_length((struct span){text, (size_t)(to - text)}) >= 0;
}

bool form_parse(struct form *form, char *text, size_t length)
{
    char *end = text + length;

    form->count = 0;
    while (text < end) {
        char *next = memchr(text, '&', (size_t)(end - text)), *value, *behind;

        behind = next ? next : end;
        value = memchr(text, '=', (size_t)(behind - text));
        if (!value || value == text || form->count == FORM_FIELDS_MAX)
            return false;
        if (!decode(value + 1, (size_t)(behind - value - 1)) || !decode(text, (size_t)(value - text)))
            return false;
        if (form_value(form, text))
            return false;
        form->fields[form->count].name = text;
        form->fields[form->count++].value = value + 1;
        text = behind + 1;
    }
    return true;
}

const char *form_value(const struct form *form, const char *name)
{
    for (size_t i = 0; i < form->count; i++)
        if (strcmp(form->fields[i].name, name) == 0)
            return form->fields[i].value;
    return NULL;
}

const char *form_text(const struct form *form, const char *name)
{
    const char *value = form_value(form, name);

    return value ? value : "";
}

const char *form_hide_tokens(struct form *form)
{
    const char *name = NULL;

    for (size_t i = form->count; i-- > 0;) {
        if (token_may_be_in(form->fields[i].value)) {
            name = form->fields[i].name;
            form->fields[i].value = "";
        }
    }
    return name;
}

char *form_encoded(const char *text)
{
    char *encoded = must_have(malloc(3 * strlen(text) + 1)), *end = encoded;

    for (; *text; text++) {
        if (base62_valid(text, 1))
            *end++ = *text;
        else
            end += sprintf(end, "%%%02X", (unsigned char)*text);
    }
    *end = '\0';
    return encoded;
}
