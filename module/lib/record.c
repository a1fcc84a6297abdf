#include "record.h"

#include <string.h>

#include "cidr.h"

const char record_no_id[ID_LENGTH + 1] = "------------";

bool time_parse(struct span text, int64_t *time)
{
    uint64_t value;

    if (span_equals(text, "-")) {
        *time = TIME_NEVER;
        return true;
    }
    if (!decimal_parse(text, &value) || value >= (uint64_t)TIME_NEVER)
        return false;
    *time = (int64_t)value;
    return true;
}

static bool utf8_plain(struct span text, long least, long most)
{
    long length = utf8_length(text);

    return length >= least && length <= most && !utf8_has_controls(text);
}

/* RFC 6749's scope-token without a comma. */
static const bool is_of_scope[256] = {
    [0x21] = true, [0x23 ... 0x2b] = true, [0x2d ... 0x5b] = true, [0x5d ... 0x7e] = true};

bool scope_valid(struct span scope)
{
    for (size_t i = 0; i < scope.length; i++)
        if (!is_of_scope[(unsigned char)scope.at[i]])
            return false;
    return scope.length > 0;
}

bool label_valid(struct span label)
{
    return utf8_plain(label, 1, LABEL_MAX);
}

bool reason_valid(struct span reason)
{
    return utf8_plain(reason, 0, TEXT_MAX);
}

bool user_valid(struct span user)
{
    return user.length <= TEXT_MAX && utf8_plain(user, 1, TEXT_MAX);
}

/* May the text be in a line? Control characters may: another writer may have let them pass, and they are
 * shown escaped. */
static bool is_utf8(struct span text)
{
    return utf8_length(text) >= 0;
}

/* The verdict depends on the user, so no user may have two forms. */
static bool is_user(struct span text)
{
    return is_utf8(text) && !utf8_has_controls(text);
}

static bool is_label(struct span text)
{
    long length = utf8_length(text);

    return length >= 1 && length <= LABEL_MAX;
}

/* A function of its own, because such a text takes pages of the stack. */
static __attribute__((noinline)) bool escaped_suits(struct span escaped, bool (*valid)(struct span))
{
    char text[LINE_SIZE_MAX];
    long length = text_unescape(text, sizeof(text), escaped);

    return length >= 0 && valid((struct span){text, (size_t)length});
}

static bool column_suits(struct span column, bool (*valid)(struct span))
{
    return text_is_plain(column) ? valid(column) : escaped_suits(column, valid);
}

/* The same for a column that may be any plain ASCII, as most are, or empty. */
static bool text_suits(struct span column, bool (*valid)(struct span))
{
    return text_is_plain_ascii(column) || column_suits(column, valid);
}

static bool list_suits(struct span list, bool (*valid)(struct span))
{
    struct span item;

    if (list.length == 0)
        return true;
    if (!span_list_whole(list))
        return false;
    while (span_next_item(&list, &item))
        if (!column_suits(item, valid))
            return false;
    return true;
}

/* Few texts have an escape: the others need only one pass. */
bool scopes_suit(struct span scopes)
{
    bool in_scope = false;

    if (scopes.length == 0)
        return true;
    for (size_t i = 0; i < scopes.length; i++) {
        unsigned char c = (unsigned char)scopes.at[i];

        if (is_of_scope[c] && c != '%')
            in_scope = true;
        else if (c == ',' && in_scope)
            in_scope = false;
        else
            return c == '%' && list_suits(scopes, scope_valid);
    }
    return in_scope;
}

static bool net_valid(struct span net)
{
    struct cidr cidr;

    return cidr_parse(&cidr, net);
}

bool nets_suit(struct span nets)
{
    return list_suits(nets, net_valid);
}

/* user "/" uid "/" loginuid or "-" */
static bool by_suits(struct span by, bool plain)
{
    const char *slash = by.at, *loginuid;
    uint64_t value;

    while (*slash != '/' && *slash != '|')
        slash++;
    if (slash == by.at || *slash != '/' || !(loginuid = decimal_take(slash + 1, '/', &value)))
        return false;
    return ((loginuid[0] == '-' && loginuid[1] == '|') || decimal_take(loginuid, '|', &value)) &&
           (plain || text_suits((struct span){by.at, (size_t)(slash - by.at)}, is_utf8));
}

static bool op_suits(char op)
{
    return op == OPERATION_CREATE || op == OPERATION_REVOKE || op == OPERATION_UPDATE ||
           op == OPERATION_POINT;
}

static const char *check_point(const struct record *record)
{
    if (record->serial != 0)
        return "serial";
    if (record->created != record->time)
        return "created";
    if (record->revoked != TIME_NEVER)
        return "revoked";
    return record->scopes.length || record->nets.length || record->user.length || record->label.length ||
                   record->reason.length || record->prev.length
               ? "scopes, nets, user, label, reason or prev"
               : NULL;
}

/* A line that revokes must have a time: without it the token would still be admitted. */
static bool revoked_suits(const struct record *record)
{
    return record->op != OPERATION_REVOKE || record->revoked != TIME_NEVER;
}

static const char *check_token(const struct record *record, bool plain)
{
    if (record->serial == 0 || record->serial > record->n)
        return "serial";
    if (!revoked_suits(record))
        return "revoked";
    if (!scopes_suit(record->scopes))
        return "scopes";
    if (!nets_suit(record->nets))
        return "nets";
    if (!plain && !text_suits(record->user, is_user))
        return "user";
    if (plain ? record->label.length < 1 || record->label.length > LABEL_MAX
              : !column_suits(record->label, is_label))
        return "label";
    if (!plain && !text_suits(record->reason, is_utf8))
        return "reason";
    if (record->prev.length > 0 &&
        (record->prev.length != ID_LENGTH || !base62_valid(record->prev.at, ID_LENGTH)))
        return "prev";
    return NULL;
}

static bool id_suits(const char *id, char op)
{
    return op == OPERATION_POINT ? memcmp(id, record_no_id, ID_LENGTH) == 0 : base62_valid(id, ID_LENGTH);
}

bool record_parse(struct record *record, const struct line *line)
{
    const struct span *column = line->column;

    memcpy(record->id, column[COLUMN_ID].at, ID_LENGTH);
    record->id[ID_LENGTH] = '\0';
    record->op = column[COLUMN_OP].at[0];
    record->used = 0;
    record->successor = 0;
    record->by = column[COLUMN_BY];
    record->scopes = column[COLUMN_SCOPES];
    record->nets = column[COLUMN_NETS];
    record->user = column[COLUMN_USER];
    record->label = column[COLUMN_LABEL];
    record->reason = column[COLUMN_REASON];
    record->prev = column[COLUMN_PREV];
    record->ext = column[COLUMN_EXT];
    return column[COLUMN_BEFORE].length == CHAIN_HEX &&
           hex_decode(record->before, column[COLUMN_BEFORE].at, CHAIN_SIZE) &&
           decimal_take(column[COLUMN_PRIOR].at, '|', &record->prior) &&
           id_suits(column[COLUMN_ID].at, record->op) &&
           hex_decode(record->hash, column[COLUMN_HASH].at, HASH_SIZE) &&
           decimal_take(column[COLUMN_SERIAL].at, '|', &record->serial) &&
           time_take(column[COLUMN_CREATED].at, &record->created) &&
           time_take(column[COLUMN_EXPIRES].at, &record->expires) &&
           time_take(column[COLUMN_REVOKED].at, &record->revoked) &&
           time_take(column[COLUMN_TIME].at, &record->time) && record->created != TIME_NEVER &&
           record->time != TIME_NEVER;
}

const char *record_check(struct record *record, const struct line *line)
{
    const struct span *column = line->column;
    /* most lines have no escape and no other character than those of ASCII, so that one pass is enough */
    const char *texts = column[COLUMN_BY].at, *end = column[COLUMN_PRIOR].at;
    bool plain = text_is_plain_ascii((struct span){texts, (size_t)(end - texts)}), foreign;

    record->n = column[COLUMN_N].at ? line->n : UINT64_MAX;
    if (record->n == 0)
        return "n";
    if (!record_parse(record, line))
        return "id, hash, serial, prior, before or one of the times";
    if (!op_suits(record->op))
        return "op";
    if (!by_suits(record->by, plain))
        return "by";
    if (!ext_parse(record->ext, &foreign))
        return "ext";
    if (record->prior >= record->n)
        return "prior";
    return record->op == OPERATION_POINT ? check_point(record) : check_token(record, plain);
}

static bool is_between(char c, char first, char last)
{
    return c >= first && c <= last;
}

/* [a-z][a-z0-9_]* or [A-Z][A-Z0-9_]*, and perhaps "=" and a text. */
static bool ext_item_suits(struct span item)
{
    const char *equals = memchr(item.at, '=', item.length);
    size_t key = equals ? (size_t)(equals - item.at) : item.length;
    bool capital;

    if (key == 0)
        return false;
    capital = is_between(item.at[0], 'A', 'Z');
    if (!capital && !is_between(item.at[0], 'a', 'z'))
        return false;
    for (size_t i = 1; i < key; i++) {
        char c = item.at[i];

        if (!is_between(c, '0', '9') && c != '_' && !is_between(c, capital ? 'A' : 'a', capital ? 'Z' : 'z'))
            return false;
    }
    return !equals || column_suits((struct span){equals + 1, item.length - key - 1}, is_utf8);
}

bool ext_parse(struct span ext, bool *foreign)
{
    *foreign = false;
    while (ext.length > 0) {
        const char *space = memchr(ext.at, ' ', ext.length);
        struct span item = {ext.at, space ? (size_t)(space - ext.at) : ext.length};

        if (!ext_item_suits(item) || (space && item.length + 1 == ext.length))
            return false;
        /* this version knows no key in capitals */
        *foreign = *foreign || is_between(item.at[0], 'A', 'Z');
        ext = space ? (struct span){space + 1, ext.length - item.length - 1} : (struct span){"", 0};
    }
    return true;
}

/* A line under construction; at is NULL where it has become too long. */
struct pen {
    char *at;
    const char *end;
};

/* Returns where a column of so many bytes is to be written, behind which its bar stands already; NULL:
 * nowhere. */
static char *take_column(struct pen *pen, size_t count)
{
    char *column = pen->at;

    if (!column || count >= (size_t)(pen->end - column)) {
        pen->at = NULL;
        return NULL;
    }
    column[count] = '|';
    pen->at = column + count + 1;
    return column;
}

static void put_column(struct pen *pen, const char *bytes, size_t count)
{
    char *column = take_column(pen, count);

    if (column && count > 0)
        memcpy(column, bytes, count);
}

static void put_span(struct pen *pen, struct span span)
{
    put_column(pen, span.at, span.length);
}

static void put_hex(struct pen *pen, const unsigned char *bytes, size_t size)
{
    char *column = take_column(pen, 2 * size);

    if (column)
        hex_encode(column, bytes, size);
}

static void put_number(struct pen *pen, uint64_t number)
{
    enum { DIGITS_MAX = 20 };
    char digits[DIGITS_MAX], *first = digits + DIGITS_MAX;

    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put_column(pen, first, (size_t)(digits + DIGITS_MAX - first));
}

static void put_time(struct pen *pen, int64_t time)
{
    if (time == TIME_NEVER)
        put_column(pen, "-", 1);
    else
        put_number(pen, (uint64_t)time);
}

size_t record_format(char text[LINE_SIZE_MAX], const struct record *record)
{
    struct pen pen = {text, text + LINE_SIZE_MAX - CHAIN_HEX - 1}; /* before the chain and its LF */

    put_number(&pen, record->n);
    put_column(&pen, record->id, ID_LENGTH);
    put_column(&pen, &record->op, 1);
    put_hex(&pen, record->hash, HASH_SIZE);
    put_number(&pen, record->serial);
    put_time(&pen, record->created);
    put_time(&pen, record->expires);
    put_time(&pen, record->revoked);
    put_time(&pen, record->time);
    put_span(&pen, record->by);
    put_span(&pen, record->scopes);
    put_span(&pen, record->nets);
    put_span(&pen, record->user);
    put_span(&pen, record->label);
    put_span(&pen, record->reason);
    put_span(&pen, record->prev);
    put_span(&pen, record->ext);
    put_number(&pen, record->prior);
    put_hex(&pen, record->before, CHAIN_SIZE);
    return pen.at ? (size_t)(pen.at - text) : 0;
}
