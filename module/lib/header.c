#include "header.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum field {
    MAGIC,
    DOMAIN,
    STOREID,
    EPOCH,
    BASE,
    BASECHAIN,
    CUTOFF,
    SNAPSHOT_LINES,
    SNAPSHOT_BYTES,
    DIGEST,
    CHECK,
    FIELDS
};

static const char magic[] = "toktab", version[] = "1|";

bool domain_name_valid(struct span name)
{
    if (name.length == 0 || name.length > DOMAIN_NAME_MAX || name.at[0] == '.' || name.at[0] == '-')
        return false;
    for (size_t i = 0; i < name.length; i++) {
        char c = name.at[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-'))
            return false;
    }
    return true;
}

static void digest_of(unsigned char *result, size_t size, const char *text, size_t length)
{
    struct digest digest;

    crypto_digest_start(&digest, size);
    crypto_digest_add(&digest, text, length);
    crypto_digest_end(&digest, result, size);
}

void header_origin(unsigned char origin[CHAIN_SIZE], const struct header *header)
{
    char text[96];
    int length =
        snprintf(text, sizeof(text), "toktab-log-1|%.32s|%020" PRIu64 "|", header->storeid, header->epoch);

    digest_of(origin, CHAIN_SIZE, text, (size_t)length);
}

void header_start(struct header *header)
{
    header->epoch = 1;
    header->base = header->lines = header->bytes = 0;
    header->cutoff = TIME_NEVER;
    header_origin(header->basechain, header);
    digest_of(header->digest, HASH_SIZE, "", 0);
}

static bool split(struct span field[FIELDS], const char *text, size_t length)
{
    const char *end = text + length, *bar;

    for (int i = 0; i < FIELDS; i++) {
        bar = i == CHECK ? end : memchr(text, '|', (size_t)(end - text));
        if (!bar)
            return false;
        field[i] = (struct span){text, (size_t)(bar - text)};
        text = bar + 1;
    }
    return true;
}

/* Always 20 digits, so that a writer can fill them in last. */
static bool padded_parse(struct span text, uint64_t *value)
{
    if (text.length != 20)
        return false;
    while (text.length > 1 && text.at[0] == '0')
        text = (struct span){text.at + 1, text.length - 1};
    return decimal_parse(text, value);
}

static bool hex_parse(struct span text, unsigned char *bytes, size_t size)
{
    return text.length == 2 * size && hex_decode(bytes, text.at, size);
}

static bool check_holds(struct span check, const char *text)
{
    unsigned char given[CHAIN_SIZE], computed[CHAIN_SIZE];

    digest_of(computed, CHAIN_SIZE, text, (size_t)(check.at - text));
    return hex_parse(check, given, CHAIN_SIZE) && memcmp(given, computed, CHAIN_SIZE) == 0;
}

/* In a store that was never compacted, the snapshot is empty and the log begins at its origin. */
static bool header_consistent(const struct header *header)
{
    unsigned char origin[CHAIN_SIZE], digest[HASH_SIZE];

    header_origin(origin, header);
    digest_of(digest, HASH_SIZE, "", 0);
    if (header->epoch == 0 || (header->lines == 0) != (header->bytes == 0) || header->lines > header->base)
        return false;
    if (header->base == 0 && memcmp(origin, header->basechain, CHAIN_SIZE) != 0)
        return false;
    return header->bytes > 0 || memcmp(digest, header->digest, HASH_SIZE) == 0;
}

const char *header_parse(struct header *header, const char *text, size_t length)
{
    struct span field[FIELDS];
    unsigned char storeid[CHAIN_SIZE];

    if (length < strlen(magic) + strlen(version) || memcmp(text, magic, strlen(magic)) != 0)
        return "this is not a toktab store";
    if (memcmp(text + strlen(magic), version, strlen(version)) != 0)
        return "unknown version of the store format";
    if (text[length - 1] != '\n' || !split(field, text, length - 1))
        return "the header does not have 11 columns";
    if (!check_holds(field[CHECK], text))
        return "the header does not match its checksum";
    if (!domain_name_valid(field[DOMAIN]) || !hex_parse(field[STOREID], storeid, sizeof(storeid)) ||
        !padded_parse(field[EPOCH], &header->epoch) || !padded_parse(field[BASE], &header->base) ||
        !hex_parse(field[BASECHAIN], header->basechain, CHAIN_SIZE) ||
        !time_parse(field[CUTOFF], &header->cutoff) || !padded_parse(field[SNAPSHOT_LINES], &header->lines) ||
        !padded_parse(field[SNAPSHOT_BYTES], &header->bytes) ||
        !hex_parse(field[DIGEST], header->digest, HASH_SIZE))
        return "a column of the header is invalid";
    memcpy(header->domain, field[DOMAIN].at, field[DOMAIN].length);
    header->domain[field[DOMAIN].length] = '\0';
    memcpy(header->storeid, field[STOREID].at, STOREID_HEX);
    header->storeid[STOREID_HEX] = '\0';
    return header_consistent(header) ? NULL : "the header contradicts itself";
}

size_t header_format(char text[LINE_SIZE_MAX], const struct header *header)
{
    char basechain[CHAIN_HEX + 1] = "", digest[HASH_HEX + 1] = "", check[CHAIN_HEX + 1] = "",
                               cutoff[24] = "-";
    unsigned char sum[CHAIN_SIZE];
    int length;

    hex_encode(basechain, header->basechain, CHAIN_SIZE);
    hex_encode(digest, header->digest, HASH_SIZE);
    if (header->cutoff != TIME_NEVER)
        snprintf(cutoff, sizeof(cutoff), "%" PRId64, header->cutoff);
    length = snprintf(text, LINE_SIZE_MAX,
                      "%s%s%s|%s|%020" PRIu64 "|%020" PRIu64 "|%s|%s|%020" PRIu64 "|%020" PRIu64 "|%s|",
                      magic, version, header->domain, header->storeid, header->epoch, header->base, basechain,
                      cutoff, header->lines, header->bytes, digest);
    digest_of(sum, CHAIN_SIZE, text, (size_t)length);
    hex_encode(check, sum, CHAIN_SIZE);
    length += snprintf(text + length, LINE_SIZE_MAX - (size_t)length, "%s\n", check);
    return (size_t)length;
}
