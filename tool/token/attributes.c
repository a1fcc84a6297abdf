#include "token/attributes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cidr.h"
#include "nearest.h"
#include "token/finder.h"

static char *escape(const char *text, const char *also)
{
    size_t size = strlen(text) * 3 + 1;
    char *escaped;

    if (text_is_plain_ascii(span_of(text)) && !strchr(text, '|') && !strpbrk(text, also))
        return must_have(strdup(text));
    escaped = must_have(malloc(size));
    text_escape(escaped, size, span_of(text), also);
    return escaped;
}

/* A key may have been given in the place of a label. NULL is allowed. */
static void forget(char *text)
{
    if (text)
        crypto_wipe(text, strlen(text));
    free(text);
}

/* Can this character be seen? Not if it is a space, a filler or a joiner. */
static bool visible(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } blank[] = {
        {0x20, 0x20},     {0xa0, 0xa0},     {0x34f, 0x34f},   {0x115f, 0x1160},
        {0x1680, 0x1680}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x2000, 0x200f},
        {0x202f, 0x202f}, {0x205f, 0x205f}, {0x2800, 0x2800}, {0x3000, 0x3000},
        {0x3164, 0x3164}, {0xfe00, 0xfe0f}, {0xffa0, 0xffa0}, {0xe0100, 0xe01ef},
    };

    for (size_t i = 0; i < sizeof(blank) / sizeof(blank[0]); i++)
        if (point >= blank[i].first && point <= blank[i].last)
            return false;
    return true;
}

/* text: UTF-8 */
static bool any_visible(struct span text)
{
    uint32_t point;
    size_t length;

    for (; text.length > 0; text = (struct span){text.at + length, text.length - length}) {
        length = utf8_first(text, &point);
        if (visible(point))
            return true;
    }
    return false;
}

/* Is no character one that lists would show escaped? */
static bool all_shown(const char *text)
{
    char *shown;
    bool same;

    if (text_is_ascii(span_of(text)))
        return true;
    shown = showable(span_of(text));
    same = strcmp(shown, text) == 0;
    forget(shown);
    return same;
}

/* name: of the attribute; empty: may it be? */
static enum status set(char **attribute, const char *name, const char *text, bool empty)
{
    if (holds_token(text))
        return fail(STATUS_USAGE, "%s: holds a token: lists would show it to others", name);
    if (!all_shown(text))
        return fail(STATUS_USAGE,
                    "%s: must be UTF-8 without control characters and invisible format characters", name);
    if (!any_visible(span_of(text)) && !(empty && *text == '\0'))
        return fail(STATUS_USAGE, "%s: must have a character that can be seen", name);
    forget(*attribute);
    *attribute = escape(text, "");
    return STATUS_DONE;
}

enum status attributes_set_label(struct attributes *attributes, const char *text)
{
    if (!label_valid(span_of(text)))
        return fail(STATUS_USAGE, "label: must be 1 to 128 characters of UTF-8, without control characters");
    return set(&attributes->label, "label", text, false);
}

enum status attributes_set_user(struct attributes *attributes, const char *text)
{
    if (!user_valid(span_of(text)))
        return fail(STATUS_USAGE, "user: must be 1 to 255 bytes of UTF-8, without control characters");
    return set(&attributes->user, "user", text, false);
}

enum status attributes_set_reason(struct attributes *attributes, const char *text)
{
    if (!reason_valid(span_of(text)))
        return fail(STATUS_USAGE,
                    "reason: must be at most 255 characters of UTF-8, without control characters");
    return set(&attributes->reason, "reason", text, true);
}

/* Add an item to a list that does not have it yet. */
static void add_item(char **list, const char *item)
{
    size_t length = *list ? strlen(*list) : 0;

    if (*list && span_list_holds_all(span_of(*list), span_of(item)))
        return;
    *list = must_have(realloc(*list, length + strlen(item) + 2));
    sprintf(*list + length, "%s%s", length > 0 ? "," : "", item);
}

static enum status add_scope(struct attributes *attributes, struct span scope)
{
    char *text, *escaped;

    if (!scope_valid(scope))
        return fail(STATUS_USAGE,
                    "\"%.*s%s\" is not a scope: scopes are words separated by commas: read,write",
                    span_shown(scope), scope.at, span_cut_mark(scope));
    text = must_have(strndup(scope.at, scope.length));
    escaped = escape(text, ",");
    add_item(&attributes->scopes, escaped);
    forget(escaped);
    forget(text);
    return STATUS_DONE;
}

static enum status add_net(struct attributes *attributes, struct span net)
{
    char text[CIDR_TEXT_SIZE];
    struct cidr cidr;

    if (!cidr_parse(&cidr, net))
        return fail(STATUS_USAGE,
                    "\"%.*s%s\" is not a network address: give one like 192.0.2.7 or 192.0.2.0/24",
                    span_shown(net), net.at, span_cut_mark(net));
    if (cidr_trim(&cidr)) {
        cidr_format(text, &cidr);
        return fail(STATUS_USAGE, "network \"%.*s\" has host bits set: did you mean %s?", (int)net.length,
                    net.at, text);
    }
    cidr_format(text, &cidr);
    add_item(&attributes->nets, text);
    return STATUS_DONE;
}

static enum status add_all(struct attributes *attributes, const char *text,
                           enum status (*add)(struct attributes *, struct span))
{
    struct span list = span_of(text), item;
    enum status status =
        list.length > 0 && span_list_whole(list) ? STATUS_DONE : add(attributes, span_of(""));

    while (status == STATUS_DONE && span_next_item(&list, &item))
        status = add(attributes, item);
    return status;
}

enum status attributes_add_scopes(struct attributes *attributes, const char *text)
{
    return add_all(attributes, text, add_scope);
}

enum status attributes_add_nets(struct attributes *attributes, const char *text)
{
    return add_all(attributes, text, add_net);
}

static bool unknown_scope(const struct domain *domain, struct span scope, struct fault *fault)
{
    char word[SPAN_SHOWN_MAX + 1], *scopes = must_have(strdup(domain->scopes)), *rest = scopes, *name;
    const char **names = must_have(calloc(strlen(scopes) + 1, sizeof(*names))), *meant;
    size_t count = 0;

    while ((name = strsep(&rest, ",")) != NULL)
        if (name[0] != '\0')
            names[count++] = name;
    snprintf(word, sizeof(word), "%.*s", span_shown(scope), scope.at);
    meant = nearest_name(word, names, count);
    fault_set(fault, "unknown scope \"%s%s\": %s%s%sdomain \"%s\" has only %s%s", word, span_cut_mark(scope),
              meant ? "did you mean " : "", meant ? meant : "", meant ? "? (" : "", domain->name,
              domain->scopes, meant ? ")" : "");
    free(names);
    free(scopes);
    return false;
}

bool scopes_granted(const struct domain *domain, struct span scopes, struct fault *fault)
{
    char scope[LINE_SIZE_MAX];
    struct span item, foreign;

    while (span_next_item(&scopes, &item)) {
        if (text_unescape(scope, sizeof(scope), item) < 0) {
            fault_set(fault, "scope \"%.*s%s\": too much for one line of the store", span_shown(item),
                      item.at, span_cut_mark(item));
            return false;
        }
        if (!domain_has_scopes(domain, span_of(scope), &foreign))
            return unknown_scope(domain, item, fault);
    }
    return true;
}

enum status attributes_check_scopes(const struct attributes *attributes, const struct domain *domain)
{
    struct fault fault;

    if (!attributes->scopes || scopes_granted(domain, span_of(attributes->scopes), &fault))
        return STATUS_DONE;
    say_field("scope");
    return fail(STATUS_USAGE, "%s", fault.text);
}

void attribute_empty(char **attribute)
{
    free(*attribute);
    *attribute = must_have(strdup(""));
}

void attributes_free(struct attributes *attributes)
{
    forget(attributes->label);
    forget(attributes->scopes);
    forget(attributes->nets);
    forget(attributes->user);
    forget(attributes->reason);
}

static void apply(struct span *column, const char *said)
{
    if (said)
        *column = span_of(said);
}

void attributes_apply(const struct attributes *attributes, struct record *record)
{
    apply(&record->label, attributes->label);
    apply(&record->scopes, attributes->scopes);
    apply(&record->nets, attributes->nets);
    apply(&record->user, attributes->user);
    apply(&record->reason, attributes->reason);
}
