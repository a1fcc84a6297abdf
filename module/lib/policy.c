#include "policy.h"

#include <string.h>

/* What a line says, but for its texts. */
struct terms {
    uint64_t serial;
    int64_t created, expires, revoked;
    bool foreign; /* as by ext_parse() */
};

/* Check the columns that the verdict depends on, in a line whose id and hash are known to be right; whoever
 * unescapes the texts checks them. A line that revokes must have a time: without it the token would still be
 * admitted. */
static bool read_terms(struct terms *terms, const struct line *line)
{
    const struct span *column = line->column;
    const char *at = column[COLUMN_SERIAL].at;
    char op = *column[COLUMN_OP].at;

    terms->foreign = false;
    return (op == OPERATION_CREATE || op == OPERATION_REVOKE || op == OPERATION_UPDATE) &&
           (at = decimal_take(at, '|', &terms->serial)) && terms->serial > 0 &&
           (at = time_take(at, &terms->created)) && terms->created != TIME_NEVER &&
           (at = time_take(at, &terms->expires)) && time_take(at, &terms->revoked) &&
           !(op == OPERATION_REVOKE && terms->revoked == TIME_NEVER) &&
           (column[COLUMN_EXT].length == 0 || ext_parse(column[COLUMN_EXT], &terms->foreign)) &&
           (column[COLUMN_SCOPES].length == 0 || scopes_suit(column[COLUMN_SCOPES])) &&
           (column[COLUMN_NETS].length == 0 || nets_suit(column[COLUMN_NETS]));
}

static bool in_networks(struct span nets, const struct address *client)
{
    struct span net;
    struct cidr cidr;

    while (span_next_item(&nets, &net))
        if (cidr_parse(&cidr, net) && cidr_contains(&cidr, client))
            return true;
    return false;
}

/* The most useful reason for the client comes first: one that another request would not cure. */
static enum toktab_reason reason_against(const struct terms *terms, struct span nets,
                                         const struct toktab_result *identity, const struct demand *demand,
                                         int64_t now)
{
    if (terms->revoked != TIME_NEVER)
        return TOKTAB_REASON_REVOKED;
    if (terms->expires != TIME_NEVER && now >= terms->expires)
        return TOKTAB_REASON_EXPIRED;
    if (terms->foreign)
        return TOKTAB_REASON_UNSUPPORTED;
    if (identity->user[0] != '\0' && demand->user && strcmp(identity->user, demand->user) != 0)
        return TOKTAB_REASON_USER;
    if (nets.length > 0 && !(demand->client && in_networks(nets, demand->client)))
        return TOKTAB_REASON_NETWORK;
    if (demand->scopes.length > 0 && !span_list_holds_all(span_of(identity->scopes), demand->scopes))
        return TOKTAB_REASON_SCOPE;
    return TOKTAB_REASON_NONE;
}

/*
 * The three texts fit. A text with its NUL takes no more than its column with its bar, and a line no more
 * than TOKTAB_TEXT_SIZE: unescaped, a text gets shorter or stays. Only a label may get longer, by a byte for
 * each U+0080-9F that another writer has not escaped, and so by up to LABEL_MAX; but then the columns that
 * are not kept here take more (id, hash, chain, and what separates them). Were this wrong, nobody would be
 * admitted.
 */
_Static_assert(TOKTAB_TEXT_SIZE >= LINE_SIZE_MAX, "the texts of a line fit");

/* Put a plain text, with a NUL. Returns the end. */
static char *put_plain(char *at, struct span column)
{
    if (column.length > 0)
        memcpy(at, column.at, column.length);
    at[column.length] = '\0';
    return at + column.length + 1;
}

/* Most texts are plain: a column is its text. */
static bool fill_plain(struct toktab_result *result, const struct line *line)
{
    const struct span *column = line->column;
    struct span label = column[COLUMN_LABEL], user = column[COLUMN_USER], scopes = column[COLUMN_SCOPES];
    char *at = result->text;

    if (label.length < 1 || label.length > LABEL_MAX ||
        label.length + user.length + scopes.length + 3 > sizeof(result->text))
        return false;
    result->label = at;
    result->user = at = put_plain(at, label);
    result->scopes = at = put_plain(at, user);
    put_plain(at, scopes);
    return true;
}

/* The free space for texts. */
struct room {
    char *at;
    size_t size;
};

/* Take the text of this length at the start of the space; NULL: it is invalid. */
static const char *take_text(struct room *room, long length)
{
    const char *text = room->at;

    if (length < 0)
        return NULL;
    room->at += length + 1;
    room->size -= (size_t)length + 1;
    return text;
}

static bool fill_escaped(struct toktab_result *result, const struct line *line)
{
    struct room room = {result->text, sizeof(result->text)};
    long characters = 0;

    result->label =
        take_text(&room, text_unescape_plain(room.at, room.size, line->column[COLUMN_LABEL], &characters));
    result->user = take_text(&room, text_unescape(room.at, room.size, line->column[COLUMN_USER]));
    result->scopes = take_text(&room, text_unescape(room.at, room.size, line->column[COLUMN_SCOPES]));
    /* the verdict depends on the user, so no user may have two forms */
    return result->label && result->user && result->scopes && characters >= 1 && characters <= LABEL_MAX &&
           (result->user[0] == '\0' || !utf8_has_controls(span_of(result->user)));
}

static bool fill_identity(struct toktab_result *result, const struct terms *terms, const struct line *line)
{
    memcpy(result->id, line->column[COLUMN_ID].at, ID_LENGTH);
    result->id[ID_LENGTH] = '\0';
    result->serial = terms->serial;
    result->created = terms->created;
    result->expires = terms->expires;
    return line->plain ? fill_plain(result, line) : fill_escaped(result, line);
}

void policy_answer(struct toktab_result *result, enum toktab_verdict verdict, enum toktab_reason reason)
{
    result->verdict = verdict;
    result->reason = reason;
    result->serial = 0;
    result->created = result->expires = 0;
    result->id[0] = result->text[0] = '\0';
    result->label = result->user = result->scopes = result->text;
}

void policy_decide(struct toktab_result *result, const struct line *line, const struct demand *demand,
                   int64_t now)
{
    struct terms terms;

    /* if a column that the verdict depends on is invalid although the chain is right, toktab did not write
     * it: admit nobody. `toktab check` checks the other columns. */
    if (!read_terms(&terms, line) || !fill_identity(result, &terms, line)) {
        policy_answer(result, TOKTAB_ERROR, TOKTAB_REASON_STORE);
        return;
    }
    result->reason = reason_against(&terms, line->column[COLUMN_NETS], result, demand, now);
    result->verdict = result->reason == TOKTAB_REASON_NONE ? TOKTAB_ALLOW : TOKTAB_DENY;
}
