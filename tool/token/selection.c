#include "token/selection.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/lineage.h"
#include "token/when.h"

static bool text_is(struct span escaped, const char *wanted)
{
    char *text = unescaped(escaped);
    bool is = strcmp(text, wanted) == 0;

    free(text);
    return is;
}

/* A label with brackets is found by itself too. */
static bool label_matches(struct span escaped, const char *glob)
{
    char *text = unescaped(escaped);
    bool matches = strcmp(text, glob) == 0 || fnmatch(glob, text, 0) == 0;

    free(text);
    return matches;
}

/* The name in the column by. */
static struct span name_in(struct span by)
{
    const char *slash = memchr(by.at, '/', by.length);

    return (struct span){by.at, slash ? (size_t)(slash - by.at) : by.length};
}

/* What is known of who created each token of a list. */
enum creator { CREATOR_UNKNOWN, CREATOR_WANTED, CREATOR_OTHER };

/* A token's last line does not say who created it; the line that did is gone if a compaction has dropped it.
 */
static enum status find_creators(enum creator *creators, const struct tokens *tokens, const char *name,
                                 const struct session *session)
{
    struct lineage lineage;
    enum status status = lineage_read(&lineage, session);
    const struct token *token;
    struct record record;

    for (size_t i = 0; i < lineage.count && status == STATUS_DONE; i++) {
        event_record(&record, lineage.list[i].id);
        token = record.op == OPERATION_CREATE ? tokens_find(tokens, record.id) : NULL;
        if (token)
            creators[token - tokens->list] =
                text_is(name_in(record.by), name) ? CREATOR_WANTED : CREATOR_OTHER;
    }
    lineage_free(&lineage);
    return status;
}

static bool state_wanted(const struct selection *selection, enum state state, bool *said)
{
    *said =
        selection->state[STATE_ACTIVE] || selection->state[STATE_REVOKED] || selection->state[STATE_EXPIRED];
    return *said ? selection->state[state] : state == STATE_ACTIVE;
}

static bool expires_soon(const struct record *record, enum state state, int64_t until)
{
    return state == STATE_ACTIVE && record->successor == 0 && record->expires != TIME_NEVER &&
           record->expires <= until;
}

static void add_row(struct rows *rows, const struct token *token, const char *domain)
{
    if (rows->count == rows->room) {
        rows->room = rows->room * 2 + 64;
        rows->list = must_have(reallocarray(rows->list, rows->room, sizeof(*rows->list)));
    }
    rows->list[rows->count++] = (struct row){token, domain};
}

/* Everything but who created the token. *untracked: set if the token may have been used before hosts noted
 * that. */
static bool selected(struct rows *rows, const struct selection *selection, const struct record *record,
                     const struct tokens *tokens, int64_t now, bool *untracked)
{
    enum state state = state_of(record, now);
    bool said;

    if ((selection->before > 0 && record->serial >= selection->before) ||
        (selection->label && !label_matches(record->label, selection->label)) ||
        (selection->user && !text_is(record->user, selection->user)) ||
        (selection->expiring >= 0 && !expires_soon(record, state, selection->expiring)))
        return false;
    if (selection->unused >= 0 && (record->created >= selection->unused || record->used >= selection->unused))
        return false;
    if (!state_wanted(selection, state, &said)) {
        rows->hidden[state] += !said;
        return false;
    }
    *untracked |=
        selection->unused >= 0 && (tokens->tracked_since == 0 || tokens->tracked_since > selection->unused);
    return true;
}

static enum status say_untracked(const struct session *session, int64_t tracked_since)
{
    char since[WHEN_SIZE];

    if (!session->domain->track_usage)
        return fail(STATUS_MISSING, "--unused: not known: domain \"%s\" has track_usage off",
                    session->domain->name);
    if (tracked_since == 0)
        return fail(STATUS_MISSING,
                    "--unused: not known: no use of a token of domain \"%s\" has been noted yet, "
                    "or you may not read it",
                    session->domain->name);
    when_format_local(since, tracked_since);
    return fail(STATUS_MISSING,
                "--unused: not known: the use of tokens of domain \"%s\" has been noted only since %s",
                session->domain->name, since);
}

static enum status add_all(struct rows *rows, const struct selection *selection, const struct tokens *tokens,
                           const struct session *session, const enum creator *creators)
{
    int64_t now = (int64_t)time(NULL);
    bool untracked = false;

    for (size_t i = 0; i < tokens->count; i++) {
        const struct token *token = &tokens->list[i];
        struct record record;

        if (!token_record(token, &record))
            return fail(STATUS_DAMAGED, "token %.12s: its line is invalid: run `toktab check`", token->id);
        if (creators && creators[i] == CREATOR_OTHER)
            continue;
        if (!selected(rows, selection, &record, tokens, now, &untracked))
            continue;
        if (creators && creators[i] == CREATOR_UNKNOWN)
            rows->unknown++;
        else
            add_row(rows, token, session->domain->name);
    }
    return untracked ? say_untracked(session, tokens->tracked_since) : STATUS_DONE;
}

enum status rows_add(struct rows *rows, const struct selection *selection, const struct tokens *tokens,
                     const struct session *session)
{
    enum status status = STATUS_DONE;
    enum creator *creators = NULL;
    size_t before = rows->count;

    if (selection->created_by) {
        creators = must_have(calloc(tokens->count + 1, sizeof(*creators)));
        status = find_creators(creators, tokens, selection->created_by, session);
    }
    if (status == STATUS_DONE)
        status = add_all(rows, selection, tokens, session, creators);
    if (status != STATUS_DONE)
        rows->count = before;
    free(creators);
    return status;
}

/* ---- sorting ---- */

struct key {
    struct row row;
    size_t place;
    int64_t number;
    char *text; /* NULL: by number */
};

static struct key key_of(const struct row *row, size_t place, enum attribute attribute)
{
    struct key key = {.row = *row, .place = place};
    struct record record;

    if (!token_record(row->token, &record))
        return key;
    switch (attribute) {
    case ATTRIBUTE_SERIAL:
        key.number = (int64_t)record.serial;
        break;
    case ATTRIBUTE_SUCCESSOR:
        key.number = (int64_t)record.successor;
        break;
    case ATTRIBUTE_CREATED:
        key.number = record.created;
        break;
    case ATTRIBUTE_EXPIRES:
        key.number = record.expires;
        break;
    case ATTRIBUTE_REVOKED:
        key.number = record.revoked;
        break;
    case ATTRIBUTE_LAST_USED:
        key.number = record.used;
        break;
    default:
        key.text = describe(&record, row->domain, attribute, 0, FORM_PLAIN);
        break;
    }
    return key;
}

static int compare(const void *a, const void *b)
{
    const struct key *first = a, *second = b;
    int order = first->text && second->text
                    ? strcmp(first->text, second->text)
                    : (first->number > second->number) - (first->number < second->number);

    return order != 0 ? order : (first->place > second->place) - (first->place < second->place);
}

void rows_sort(struct rows *rows, enum attribute attribute)
{
    struct key *keys = must_have(calloc(rows->count + 1, sizeof(*keys)));

    for (size_t i = 0; i < rows->count; i++)
        keys[i] = key_of(&rows->list[i], i, attribute);
    qsort(keys, rows->count, sizeof(*keys), compare);
    for (size_t i = 0; i < rows->count; i++) {
        rows->list[i] = keys[i].row;
        free(keys[i].text);
    }
    free(keys);
}

void rows_keep_newest(struct rows *rows, size_t most)
{
    for (size_t i = 0, j = rows->count; i + 1 < j; i++) {
        struct row older = rows->list[i];

        rows->list[i] = rows->list[--j];
        rows->list[j] = older;
    }
    if (rows->count <= most)
        return;
    rows->older = rows->count - most;
    rows->count = most;
}

void rows_free(struct rows *rows)
{
    free(rows->list);
}
