#include "restore.h"

#include <string.h>

#include "chain.h"

enum { CHECK_DIGITS_LEAST = 24 }; /* by chance so many are right once in 10^25 headers */

/* What is taken from where it stands. */
struct found {
    const char *bytes, *end;
    const char *storeid, *epoch, *basechain;
};

static bool find_fixed(struct found *found, const char *bytes, size_t length, const char *domain)
{
    const char *storeid = bytes + strlen("toktab1|") + strlen(domain) + 1;

    *found = (struct found){bytes, bytes + length, storeid, storeid + STOREID_HEX + 1, NULL};
    found->basechain = found->epoch + 20 + 1 + 20 + 1;
    return length > (size_t)(found->basechain - bytes) + CHAIN_HEX;
}

static bool take_fixed(struct header *header, const struct found *found, const char *domain)
{
    unsigned char storeid[CHAIN_SIZE];
    struct span epoch = {found->epoch, 20};

    while (epoch.length > 1 && epoch.at[0] == '0')
        epoch = (struct span){epoch.at + 1, epoch.length - 1};
    if (!hex_decode(storeid, found->storeid, CHAIN_SIZE) || !decimal_parse(epoch, &header->epoch) ||
        header->epoch == 0)
        return false;
    strcpy(header->domain, domain);
    memcpy(header->storeid, found->storeid, STOREID_HEX);
    header->storeid[STOREID_HEX] = '\0';
    return true;
}

static const char *line_end(const char *at, const char *end)
{
    const char *lf = memchr(at, '\n', (size_t)(end - at));

    return lf ? lf + 1 : NULL;
}

/* The file's P line is the first there is: a snapshot has none. */
static const char *find_point(struct line *line, const char *at, const char *end)
{
    const char *next;

    for (; at < end && (next = line_end(at, end)) != NULL; at = next)
        if (line_split(line, at, (size_t)(next - at)) &&
            memcmp(line->column[COLUMN_ID].at, record_no_id, ID_LENGTH) == 0 &&
            line->column[COLUMN_OP].at[0] == OPERATION_POINT)
            return at;
    return NULL;
}

static uint64_t count_lines(const char *at, const char *end)
{
    uint64_t lines = 0;

    for (; at < end; at = line_end(at, end))
        lines++;
    return lines;
}

static void digest_of(unsigned char digest[HASH_SIZE], const char *at, const char *end)
{
    struct digest state;

    crypto_digest_start(&state, HASH_SIZE);
    crypto_digest_add(&state, at, (size_t)(end - at));
    crypto_digest_end(&state, digest, HASH_SIZE);
}

/* What the P line says. Its digest must be that of the lines before it. */
static bool take_point(struct header *header, size_t *header_length, const struct found *found,
                       const struct line *line, const char *point)
{
    char text[LINE_SIZE_MAX];
    unsigned char digest[HASH_SIZE];
    const char *snapshot;
    uint64_t n;

    if (!decimal_parse(line->column[COLUMN_N], &n) || n == 0 ||
        !time_parse(line->column[COLUMN_EXPIRES], &header->cutoff) ||
        !hex_decode(header->digest, line->column[COLUMN_HASH].at, HASH_SIZE))
        return false;
    header->base = n - 1;
    *header_length = header_format(text, header);
    snapshot = found->bytes + *header_length;
    if (snapshot > point)
        return false;
    digest_of(digest, snapshot, point);
    header->bytes = (uint64_t)(point - snapshot);
    header->lines = count_lines(snapshot, point);
    return memcmp(digest, header->digest, HASH_SIZE) == 0;
}

/* Does the chain begin as in a store that was never compacted, or was just mended? */
static bool proved_by_chain(const struct header *header, const char *line, const char *end)
{
    const char *next = line < end ? line_end(line, end) : NULL;
    unsigned char chain[CHAIN_SIZE], given[CHAIN_SIZE];
    struct line columns;
    uint64_t n;

    if (!next || !line_split(&columns, line, (size_t)(next - line)) ||
        !decimal_parse(columns.column[COLUMN_N], &n) || n != header->base + 1)
        return false;
    chain_start(chain, header->storeid, header->epoch);
    chain_add(chain, line, (size_t)(columns.column[COLUMN_CHAIN].at - line));
    return hex_decode(given, columns.column[COLUMN_CHAIN].at, CHAIN_SIZE) &&
           memcmp(chain, given, CHAIN_SIZE) == 0;
}

/* The header's own check, of the header as it must have been. */
static bool proved_by_check(const struct header *header, size_t header_length, const char *bytes)
{
    char text[LINE_SIZE_MAX];
    size_t check = header_length - 1 - CHAIN_HEX;
    int equal = 0;

    header_format(text, header);
    for (size_t i = check; i < header_length - 1; i++)
        equal += text[i] == bytes[i];
    return equal >= CHECK_DIGITS_LEAST;
}

/* The chain does not know the domain: where that is another, it takes the check to say that it was ours. */
static bool proved(struct header *header, size_t header_length, const struct found *found)
{
    const char *log = found->bytes + header_length + header->bytes;
    const char *domain = found->storeid - 1 - strlen(header->domain);

    chain_start(header->basechain, header->storeid, header->epoch);
    if (memcmp(domain, header->domain, strlen(header->domain)) == 0 &&
        proved_by_chain(header, log, found->end))
        return true;
    return (header->base == 0 || hex_decode(header->basechain, found->basechain, CHAIN_SIZE)) &&
           proved_by_check(header, header_length, found->bytes);
}

bool header_restore(struct header *header, size_t *header_length, const char *bytes, size_t length,
                    const char *domain)
{
    char text[LINE_SIZE_MAX];
    struct found found;
    struct line line;
    const char *point;
    uint64_t epoch;

    memset(header, 0, sizeof(*header));
    if (!find_fixed(&found, bytes, length, domain) || !take_fixed(header, &found, domain))
        return false;
    point = find_point(&line, found.basechain, found.end);
    if (point && take_point(header, header_length, &found, &line, point))
        return proved(header, *header_length, &found);
    epoch = header->epoch;
    header_start(header);
    header->epoch = epoch;
    *header_length = header_format(text, header);
    return *header_length <= length && proved(header, *header_length, &found);
}
