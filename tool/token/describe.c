#include "token/describe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/refs.h"
#include "terminal/output.h"
#include "terminal/say.h"
#include "token/when.h"

const char *const attribute_names[ATTRIBUTES] = {
    [ATTRIBUTE_DOMAIN] = "domain",       [ATTRIBUTE_ID] = "id",           [ATTRIBUTE_SERIAL] = "serial",
    [ATTRIBUTE_LABEL] = "label",         [ATTRIBUTE_STATE] = "state",     [ATTRIBUTE_CREATED] = "created",
    [ATTRIBUTE_EXPIRES] = "expires",     [ATTRIBUTE_REVOKED] = "revoked", [ATTRIBUTE_SCOPES] = "scopes",
    [ATTRIBUTE_FROM] = "from",           [ATTRIBUTE_USER] = "user",       [ATTRIBUTE_REASON] = "reason",
    [ATTRIBUTE_PREV] = "prev",           [ATTRIBUTE_BY] = "by",           [ATTRIBUTE_LAST_USED] = "last_used",
    [ATTRIBUTE_SUCCESSOR] = "successor",
};

enum state state_of(const struct record *record, int64_t now)
{
    if (record->revoked != TIME_NEVER)
        return STATE_REVOKED;
    return record->expires != TIME_NEVER && now >= record->expires ? STATE_EXPIRED : STATE_ACTIVE;
}

const char *state_name(enum state state)
{
    switch (state) {
    case STATE_ACTIVE:
        return "active";
    case STATE_REVOKED:
        return "revoked";
    case STATE_EXPIRED:
    default:
        return "expired";
    }
}

char *unescaped(struct span escaped)
{
    char *text = must_have(malloc(escaped.length + 1));

    if (text_unescape(text, escaped.length + 1, escaped) <
        0) { /* badly escaped by another writer: left as it is */
        memcpy(text, escaped.at, escaped.length);
        text[escaped.length] = '\0';
    }
    return text;
}

char *unescaped_shown(struct span escaped)
{
    char *text, *shown;

    if (text_is_plain_ascii(escaped)) /* as most are */
        return must_have(strndup(escaped.at, escaped.length));
    text = unescaped(escaped);
    shown = showable(span_of(text));
    free(text);
    return shown;
}

static struct span plain_time(char plain[PLAIN_SIZE], int64_t when, int64_t now, enum form form)
{
    char distance[WHEN_SIZE / 2];
    size_t length;

    if (when == TIME_NEVER)
        return span_of("never");
    if (form == FORM_SHORT)
        when_format_distance(plain, when, now);
    else
        when_format_local(plain, when);
    if (form != FORM_LONG)
        return span_of(plain);
    when_format_distance(distance, when, now);
    length = strlen(plain);
    snprintf(plain + length, PLAIN_SIZE - length, " (%s)", distance);
    return span_of(plain);
}

static struct span plain_number(char plain[PLAIN_SIZE], uint64_t number)
{
    size_t first = PLAIN_SIZE;

    do {
        plain[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return (struct span){plain + first, PLAIN_SIZE - first};
}

/* The text of the column of a record. */
static struct span text_of(const struct record *record, enum attribute attribute)
{
    switch (attribute) {
    case ATTRIBUTE_LABEL:
        return record->label;
    case ATTRIBUTE_SCOPES:
        return record->scopes;
    case ATTRIBUTE_FROM:
        return record->nets;
    case ATTRIBUTE_USER:
        return record->user;
    case ATTRIBUTE_REASON:
        return record->reason;
    case ATTRIBUTE_PREV:
        return record->prev;
    case ATTRIBUTE_BY:
    default:
        return record->by;
    }
}

struct span describe_plain(char plain[PLAIN_SIZE], const struct record *record, const char *domain,
                           enum attribute attribute, int64_t now, enum form form)
{
    struct span text;

    switch (attribute) {
    case ATTRIBUTE_DOMAIN:
        return span_of(domain);
    case ATTRIBUTE_ID:
        return (struct span){record->id, ID_LENGTH};
    case ATTRIBUTE_SERIAL:
        return plain_number(plain, record->serial);
    case ATTRIBUTE_STATE:
        return span_of(state_name(state_of(record, now)));
    case ATTRIBUTE_CREATED:
        return plain_time(plain, record->created, now, form);
    case ATTRIBUTE_EXPIRES:
        return plain_time(plain, record->expires, now, form);
    case ATTRIBUTE_REVOKED:
        return record->revoked == TIME_NEVER ? span_of("-") : plain_time(plain, record->revoked, now, form);
    case ATTRIBUTE_LAST_USED:
        return record->used == 0 ? span_of("-") : plain_time(plain, record->used, now, form);
    case ATTRIBUTE_SUCCESSOR:
        return record->successor == 0 ? span_of("-") : plain_number(plain, record->successor);
    default:
        text = text_of(record, attribute);
        if (text.length == 0)
            return span_of("-");
        return text_is_plain_ascii(text) ? text : (struct span){NULL, 0};
    }
}

char *describe(const struct record *record, const char *domain, enum attribute attribute, int64_t now,
               enum form form)
{
    char plain[PLAIN_SIZE];
    struct span text = describe_plain(plain, record, domain, attribute, now, form);

    return text.length > 0 ? must_have(strndup(text.at, text.length))
                           : unescaped_shown(text_of(record, attribute));
}

/* jansson refuses all but UTF-8. Another writer may have written something else: it is shown escaped. */
static json_t *json_text(struct span escaped)
{
    char *text;
    json_t *value;

    if (escaped.length == 0)
        return json_null();
    text = unescaped(escaped);
    value = json_string(text);
    free(text);
    if (!value) {
        text = unescaped_shown(escaped);
        value = json_string(text);
        free(text);
    }
    return must_have(value);
}

static json_t *json_time(int64_t when)
{
    char text[WHEN_SIZE];

    if (when == TIME_NEVER)
        return json_null();
    when_format_utc(text, when);
    return must_have(json_string(text));
}

void json_add(json_t *object, const char *key, json_t *value)
{
    must_have(json_object_set_new(object, key, must_have(value)) == 0 ? object : NULL);
}

void json_append(json_t *array, json_t *value)
{
    must_have(json_array_append_new(array, must_have(value)) == 0 ? array : NULL);
}

static json_t *json_list(struct span list)
{
    json_t *array = must_have(json_array());
    struct span item;

    while (span_next_item(&list, &item))
        json_append(array, json_text(item));
    return array;
}

json_t *describe_json(const struct record *record, const char *domain, int64_t now)
{
    return must_have(json_pack(
        "{s:s, s:s, s:I, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "domain", domain, "id",
        record->id, "serial", (json_int_t)record->serial, "label", json_text(record->label), "state",
        state_name(state_of(record, now)), "created", json_time(record->created), "expires",
        json_time(record->expires), "revoked", json_time(record->revoked), "scopes",
        json_list(record->scopes), "from", json_list(record->nets), "user", json_text(record->user), "reason",
        json_text(record->reason), "prev", json_text(record->prev), "by", json_text(record->by), "last_used",
        json_time(record->used == 0 ? TIME_NEVER : record->used)));
}

json_t *describe_candidates(void)
{
    size_t count;
    const struct candidate *candidates = refs_candidates(&count);
    json_t *array = count > 0 ? must_have(json_array()) : NULL;

    for (size_t i = 0; i < count; i++)
        json_append(array, json_pack("{s:I, s:s, s:o}", "serial", (json_int_t)candidates[i].serial, "id",
                                     candidates[i].id, "label", json_text(span_of(candidates[i].label))));
    return array;
}

/* json_dumps() leaves out what it has no memory for, and says nothing; json_dumpb() needs none. */
bool write_json(json_t *value)
{
    enum { ENOUGH = 2048 }; /* for one token, as a rule */
    json_malloc_t take;
    json_free_t give_back;
    size_t size;
    char *text;
    bool good;

    json_get_alloc_funcs(&take, &give_back); /* these wipe a secret, after secret_guard_json() */
    text = must_have(take(ENOUGH));
    size = json_dumpb(value, text, ENOUGH, JSON_INDENT(2));
    if (size > ENOUGH) {
        give_back(text);
        text = must_have(take(size));
        must_have(json_dumpb(value, text, size, JSON_INDENT(2)) == size ? text : NULL);
    }
    must_have(size > 0 ? text : NULL);
    crypto_wipe_stack(); /* where jansson leaves a part; a slow reader may keep us in write(2) */
    good = output_write(text, size);
    give_back(text);
    json_decref(value);
    return good;
}

enum status print_json(json_t *value)
{
    return write_json(value) && output_text("\n") ? STATUS_DONE : output_failed();
}

/* What can differ; what people ask first comes first. */
static const enum attribute compared[] = {ATTRIBUTE_LABEL, ATTRIBUTE_EXPIRES, ATTRIBUTE_SCOPES,
                                          ATTRIBUTE_FROM,  ATTRIBUTE_USER,    ATTRIBUTE_PREV};

char *differences(const struct record *before, const struct record *after)
{
    char *text = must_have(strdup(""));

    for (size_t i = 0; i < sizeof(compared) / sizeof(compared[0]); i++) {
        const char *name = attribute_names[compared[i]], *between = text[0] ? "; " : "";
        char *old = before ? describe(before, "", compared[i], after->time, FORM_PLAIN) : NULL;
        char *new = describe(after, "", compared[i], after->time, FORM_PLAIN);

        if (strcmp(old ? old : "-", new) != 0) {
            char *shorter = text;

            text = old ? composed("%s%s%s: %s -> %s", text, between, name, old, new)
                       : composed("%s%s%s: %s", text, between, name, new);
            free(shorter);
        }
        free(old);
        free(new);
    }
    return text;
}

void say_token(const struct record *record)
{
    char *label = unescaped_shown(record->label);

    fprintf(stderr, "  %" PRIu64 "  %s  %s%s\n", record->serial, record->id, label,
            record->revoked != TIME_NEVER ? "  (already revoked)" : "");
    free(label);
}
