#include "token/keyfile.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "foreign.h"
#include "token/lifetime.h"

static const char byte_order_mark[] = "\xef\xbb\xbf";

/* ---- what was found ---- */

static void *grown(void *list, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return list;
    *room = *room > 0 ? 2 * *room : 64;
    return must_have(reallocarray(list, *room, size));
}

void keyfile_complain(struct keyfile *keyfile, size_t line, char *what)
{
    keyfile->complaints = grown(keyfile->complaints, keyfile->complaint_count, &keyfile->complaint_room,
                                sizeof(*keyfile->complaints));
    keyfile->complaints[keyfile->complaint_count++] = (struct complaint){line, what};
}

static bool complain(struct keyfile *keyfile, size_t line, const char *what)
{
    keyfile_complain(keyfile, line, must_have(strdup(what)));
    return false;
}

static int by_line(const void *a, const void *b)
{
    size_t first = ((const struct complaint *)a)->line, second = ((const struct complaint *)b)->line;

    return (first > second) - (first < second);
}

void keyfile_sort_complaints(struct keyfile *keyfile)
{
    if (keyfile->complaint_count > 0)
        qsort(keyfile->complaints, keyfile->complaint_count, sizeof(*keyfile->complaints), by_line);
}

static bool is_weak(struct span text)
{
    uint64_t seen[256 / 64] = {0};
    size_t different = 0;

    for (size_t i = 0; i < text.length && different < KEY_VARIETY; i++) {
        unsigned char c = (unsigned char)text.at[i];
        uint64_t bit = UINT64_C(1) << c % 64;

        different += (seen[c / 64] & bit) == 0;
        seen[c / 64] |= bit;
    }
    crypto_wipe(seen, sizeof(seen));
    return text.length < FOREIGN_MIN || different < KEY_VARIETY;
}

/* Keep a key, or complain of it. Takes the attributes over. */
static void keep(struct keyfile *keyfile, struct key *key)
{
    const char *id, *wrong = NULL;

    if (token_shape_valid(key->text.at, key->text.length, &id))
        wrong = "the key has the shape of a token: only keys of other systems can be imported";
    else if (is_weak(key->text))
        wrong = "the key is weak: it has fewer than 20 characters, or fewer than 8 different ones";
    else if (!foreign_shape_valid(key->text.at, key->text.length))
        wrong = "the key has more than 512 characters, or one that is not visible ASCII";
    if (wrong) {
        complain(keyfile, key->line, wrong);
        attributes_free(&key->attributes);
        return;
    }
    keyfile->list = grown(keyfile->list, keyfile->count, &keyfile->room, sizeof(*keyfile->list));
    keyfile->list[keyfile->count++] = *key;
}

/* ---- what create takes too ---- */

static const char wants_label[] =
    "label: must be 1 to 128 characters, some visible, without hidden or control characters, no token";
static const char wants_scopes[] = "scopes: must be an array of strings, each a scope that the domain has";
static const char wants_from[] = "from: must be an array of strings, each a network like 192.0.2.0/24";
static const char wants_user[] =
    "user: must be 1 to 255 bytes, some visible, without hidden or control characters, no token";
static const char wants_expires[] =
    "expires: must be a future time as `toktab create -e` takes it, within the domain's max_lifetime";

static void start_key(struct key *key, const struct keyfile *keyfile, size_t line)
{
    const char *rule;

    *key = (struct key){.line = line};
    key->expires = lifetime_default(keyfile->domain, keyfile->now, &rule);
}

/* ---- lines ---- */

static struct span trimmed(struct span text)
{
    while (text.length > 0 && (text.at[0] == ' ' || text.at[0] == '\t')) {
        text.at++;
        text.length--;
    }
    while (text.length > 0 && strchr(" \t\r", text.at[text.length - 1]))
        text.length--;
    return text;
}

/* text ends with a NUL that is not counted. */
static void take_line(struct keyfile *keyfile, char *text, size_t length, size_t line)
{
    char *tab = memchr(text, '\t', length);
    struct key key;

    if (trimmed((struct span){text, length}).length == 0)
        return;
    if (!tab || memchr(text, '\0', length)) {
        complain(keyfile, line, tab ? "a NUL byte" : "no tab between label and key");
        return;
    }
    *tab = '\0';
    start_key(&key, keyfile, line);
    key.text = trimmed((struct span){tab + 1, length - (size_t)(tab + 1 - text)});
    if (attributes_set_label(&key.attributes, text) == STATUS_DONE)
        keep(keyfile, &key);
    else
        complain(keyfile, line, wants_label);
}

static void take_lines(struct keyfile *keyfile, char *text, size_t length)
{
    char *end = text + length, *next;
    size_t line = 1;

    for (; text < end; text = next + 1, line++) {
        next = memchr(text, '\n', (size_t)(end - text));
        if (!next)
            next = end;
        *next = '\0';
        take_line(keyfile, text, (size_t)(next - text), line);
    }
}

/* ---- JSON ---- */

/* An array of strings, or one string, with commas or without. */
static bool take_list(struct attributes *attributes, const json_t *value,
                      enum status (*add)(struct attributes *, const char *))
{
    bool good = json_is_array(value) ||
                (json_is_string(value) && add(attributes, json_string_value(value)) == STATUS_DONE);

    for (size_t i = 0; good && i < json_array_size(value); i++) {
        const char *text = json_string_value(json_array_get(value, i));

        good = text && add(attributes, text) == STATUS_DONE;
    }
    return good;
}

/* Returns what is wrong, or NULL. null: as if the member were not there. */
static const char *take_member(struct key *key, const struct keyfile *keyfile, const char *name,
                               const json_t *value)
{
    const char *text = json_string_value(value);
    struct attributes *attributes = &key->attributes;

    if (json_is_null(value))
        return NULL;
    if (strcmp(name, "key") == 0) {
        key->text = (struct span){text, json_string_length(value)};
        return text ? NULL : "key: must be a string";
    }
    if (strcmp(name, "label") == 0)
        return text && attributes_set_label(attributes, text) == STATUS_DONE ? NULL : wants_label;
    if (strcmp(name, "user") == 0)
        return text && attributes_set_user(attributes, text) == STATUS_DONE ? NULL : wants_user;
    if (strcmp(name, "scopes") == 0)
        return take_list(attributes, value, attributes_add_scopes) &&
                       attributes_check_scopes(attributes, keyfile->domain) == STATUS_DONE
                   ? NULL
                   : wants_scopes;
    if (strcmp(name, "from") == 0)
        return take_list(attributes, value, attributes_add_nets) ? NULL : wants_from;
    if (strcmp(name, "expires") == 0)
        return text && lifetime_parse(text, keyfile->domain, NULL, keyfile->now, &key->expires) == STATUS_DONE
                   ? NULL
                   : wants_expires;
    return "unknown member (known: key, label, expires, scopes, from, user)";
}

/* room: where the object stood, which is longer than the key in it */
static void take_object(struct keyfile *keyfile, json_t *object, char *room, size_t line)
{
    const char *wrong = NULL, *name;
    struct key key;
    json_t *value;

    start_key(&key, keyfile, line);
    json_object_foreach(object, name, value)
    {
        wrong = take_member(&key, keyfile, name, value);
        if (wrong)
            break;
    }
    if (!wrong && (!key.text.at || !key.attributes.label))
        wrong = key.text.at ? "no label" : "no key";
    if (wrong) {
        complain(keyfile, line, wrong);
        attributes_free(&key.attributes);
        return;
    }
    memcpy(room, key.text.at, key.text.length);
    key.text.at = room;
    keep(keyfile, &key);
}

/* A place in a text of JSON. */
struct place {
    char *at, *end;
    size_t line;
};

static void advance(struct place *place, size_t length)
{
    for (; length > 0; length--)
        place->line += *place->at++ == '\n';
}

static void skip_blanks(struct place *place)
{
    while (place->at < place->end &&
           (*place->at == ' ' || *place->at == '\t' || *place->at == '\r' || *place->at == '\n'))
        advance(place, 1);
}

static bool next_is(struct place *place, char wanted)
{
    skip_blanks(place);
    if (place->at == place->end || *place->at != wanted)
        return false;
    place->at++;
    return true;
}

/* One object after the other: not all of them are in memory twice, and what is wrong has its line. */
static bool take_next_object(struct keyfile *keyfile, struct place *place)
{
    char *start = place->at;
    size_t line = place->line;
    json_error_t error;
    json_t *object;

    if (place->at == place->end || *place->at != '{')
        return complain(keyfile, line, "not JSON: an object is missing");
    object = json_loadb(place->at, (size_t)(place->end - place->at),
                        JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
    if (!object)
        complain(keyfile, line + (size_t)(error.line > 0 ? error.line - 1 : 0),
                 "not JSON, or a name twice in an object");
    else {
        advance(place, (size_t)error.position);
        take_object(keyfile, object, start, line);
        json_decref(object);
    }
    crypto_wipe(&error, sizeof(error)); /* it quotes the text */
    return object != NULL;
}

/* An array of objects, or objects one behind the other. */
static void take_json(struct keyfile *keyfile, char *text, size_t length)
{
    struct place place = {text, text + length, 1};
    bool array = next_is(&place, '['), good = true;

    skip_blanks(&place);
    if (!array || !next_is(&place, ']')) {
        do {
            skip_blanks(&place);
            good = take_next_object(keyfile, &place);
            skip_blanks(&place);
        } while (good && (array ? next_is(&place, ',') : place.at < place.end));
        if (good && array && !next_is(&place, ']'))
            good = complain(keyfile, place.line, "not JSON: a comma or the end of the array is missing");
    }
    skip_blanks(&place);
    if (good && place.at < place.end)
        complain(keyfile, place.line, "not JSON: something follows the array");
}

/* A label may begin with a bracket. */
static bool is_json(const char *text, size_t length)
{
    struct place place = {(char *)(uintptr_t)text, (char *)(uintptr_t)text + length, 1};

    if (!next_is(&place, '['))
        return place.at < place.end && *place.at == '{';
    skip_blanks(&place);
    return place.at < place.end && (*place.at == '{' || *place.at == ']');
}

/* ---- all of it ---- */

void keyfile_parse(struct keyfile *keyfile, char *text, size_t length, const struct domain *domain,
                   int64_t now)
{
    size_t mark = strlen(byte_order_mark);

    *keyfile = (struct keyfile){.domain = domain, .now = now};
    if (length >= mark && memcmp(text, byte_order_mark, mark) == 0) {
        text += mark;
        length -= mark;
    }
    say_mute(true); /* messages show the beginning of what they refuse */
    if (is_json(text, length))
        take_json(keyfile, text, length);
    else
        take_lines(keyfile, text, length);
    say_mute(false);
}

void keyfile_free(struct keyfile *keyfile)
{
    for (size_t i = 0; i < keyfile->count; i++)
        attributes_free(&keyfile->list[i].attributes);
    for (size_t i = 0; i < keyfile->complaint_count; i++)
        free(keyfile->complaints[i].what);
    free(keyfile->list);
    free(keyfile->complaints);
}

void keyfile_identify(struct keyfile *keyfile, const unsigned char storeid[CHAIN_SIZE])
{
    for (size_t i = 0; i < keyfile->count; i++) {
        struct key *key = &keyfile->list[i];

        foreign_id(key->id, key->text.at, key->text.length, storeid);
        crypto_hash_token(key->hash, key->text.at, key->text.length, key->id);
    }
}

/* A key in a table that is looked up by the sums of the texts: most others are told apart without their
 * texts, which are not in the processor's cache. */
struct slot {
    uint32_t sum;
    uint32_t number; /* of the key, from 1 on; 0: empty */
};

static void find_double(struct keyfile *keyfile, struct slot *slots, size_t mask, size_t number, uint64_t sum)
{
    const struct key *key = &keyfile->list[number - 1];
    struct slot *slot = &slots[sum & mask];

    while (slot->number > 0 &&
           (slot->sum != sum >> 32 || !span_same(keyfile->list[slot->number - 1].text, key->text)))
        slot = slot < slots + mask ? slot + 1 : slots;
    if (slot->number > 0)
        keyfile_complain(keyfile, key->line,
                         composed("the same key as on line %zu", keyfile->list[slot->number - 1].line));
    *slot = (struct slot){(uint32_t)(sum >> 32), (uint32_t)number};
}

void keyfile_find_doubles(struct keyfile *keyfile)
{
    enum { AHEAD = 16 };                  /* keys whose slots arrive in the processor's cache meanwhile */
    unsigned char secret[SHORT_KEY_SIZE]; /* or somebody could prepare keys of one sum */
    uint64_t sums[AHEAD];
    size_t mask = 63;
    struct slot *slots;

    while (mask < 2 * keyfile->count)
        mask = 2 * mask + 1;
    slots = must_have(calloc(mask + 1, sizeof(*slots)));
    crypto_random_bytes(secret, sizeof(secret));
    for (size_t i = 0; i < keyfile->count + AHEAD; i++) {
        if (i >= AHEAD)
            find_double(keyfile, slots, mask, i - AHEAD + 1, sums[i % AHEAD]);
        if (i < keyfile->count) {
            struct span text = keyfile->list[i].text;

            sums[i % AHEAD] = crypto_short_sum(secret, text.at, text.length);
            __builtin_prefetch(&slots[sums[i % AHEAD] & mask], 1);
        }
    }
    free(slots);
}

void key_record(struct record *record, const struct key *key, int64_t now)
{
    *record = (struct record){.op = OPERATION_CREATE,
                              .serial = key->serial,
                              .created = now,
                              .expires = key->expires,
                              .revoked = TIME_NEVER,
                              .time = now};
    memcpy(record->id, key->id, sizeof(record->id));
    memcpy(record->hash, key->hash, HASH_SIZE);
    attributes_apply(&key->attributes, record);
}
