/*
 * bench-store DIRECTORY TOKENS [UPDATES]: make a store of that many tokens, of which one in a hundred was
 * updated, until there are so many updates; its configuration; and the tokens.
 *
 * DIRECTORY/toktab.conf, default.tokens: as the tool would have written them, with labels as people give
 *     them; one token in a hundred was revoked, by a line at the end. track_usage is off
 * DIRECTORY/tracked.conf: the same, with track_usage on
 * DIRECTORY/more: lines that follow those of default.tokens
 * DIRECTORY/valid, revoked: the tokens in clear, which is for measurements alone
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "chain.h"
#include "measure.h"

enum { STARTED = 1700000000, YEAR = 365 * 86400, REVOKED_OF = 100, MORE = 5000 };

struct store {
    FILE *lines, *valid, *revoked;
    struct header header;
    unsigned char origin[CHAIN_SIZE];
    struct position at; /* of the last line, */
    uint64_t serial;    /* and of the token that it changed */
    struct record *to_revoke;
    size_t to_revoke_count;
    char (*labels)[LABEL_MAX];
};

static FILE *create_file(const char *directory, const char *name)
{
    char *path;
    FILE *file;

    must(asprintf(&path, "%s/%s", directory, name) > 0, directory);
    file = fopen(path, "we");
    must(file != NULL, path);
    must(fchmod(fileno(file), 0640) == 0, path);
    free(path);
    return file;
}

static void close_file(FILE *file)
{
    must(!ferror(file) && fclose(file) == 0, "writing");
}

static void write_config(const char *directory, const char *name, const char *track_usage)
{
    char *path = realpath(directory, NULL);
    FILE *file = create_file(directory, name);

    must(path != NULL, directory);
    fprintf(file, "store_dir = \"%s\";\ndomains = ( { name = \"default\"; track_usage = %s; } );\n", path,
            track_usage);
    close_file(file);
    free(path);
}

static void write_header(struct store *store)
{
    unsigned char storeid[CHAIN_SIZE];
    char text[LINE_SIZE_MAX];

    strcpy(store->header.domain, "default");
    crypto_random_bytes(storeid, sizeof(storeid));
    hex_encode(store->header.storeid, storeid, sizeof(storeid));
    header_start(&store->header);
    header_origin(store->origin, &store->header);
    memcpy(store->at.chain, store->header.basechain, CHAIN_SIZE);
    fwrite(text, 1, header_format(text, &store->header), store->lines);
}

static void write_line(struct store *store, struct record *record)
{
    char text[LINE_SIZE_MAX];

    record->n = ++store->at.n;
    record->prior = store->serial;
    memcpy(record->before, store->at.chain, CHAIN_SIZE);
    store->serial = record->serial;
    fwrite(text, 1, chain_finish(text, record_format(text, record), store->origin, store->at.chain),
           store->lines);
}

/* 10 to 30 characters */
static void write_label(char label[LABEL_MAX], size_t number)
{
    static const char *const what[] = {"CI",       "backup",     "monitoring",  "Grafana",
                                       "Jenkins",  "mobile app", "CI deploy",   "build runner",
                                       "webhooks", "importer",   "data export", "Terraform"};
    static const char *const whose[] = {"staging",    "production", "Berlin",
                                        "accounting", "Zürich",     "web shop"};

    snprintf(label, LABEL_MAX, "%s %s %05zu", what[number % 12], whose[number / 12 % 6], number % 100000);
}

static void create_token(struct store *store, size_t number)
{
    static const char *const scopes[] = {"", "read", "read,write"};
    bool revoke = number % REVOKED_OF == REVOKED_OF - 1;
    FILE *clear = revoke ? store->revoked : store->valid;
    char token[TOKEN_MAX + 1], label[LABEL_MAX];
    struct record record = {.op = OPERATION_CREATE, .revoked = TIME_NEVER, .expires = TIME_NEVER};
    size_t length = token_make(token, "tok");
    const char *id;

    must(token_shape_valid(token, length, &id), token);
    memcpy(record.id, id, ID_LENGTH);
    crypto_hash_token(record.hash, token, length, id);
    write_label(label, number);
    record.serial = store->at.n + 1;
    record.created = record.time = STARTED + (int64_t)number;
    if (number % 2 == 0)
        record.expires = record.created + 100 * (int64_t)YEAR;
    record.by = span_of("alice/1000/1000");
    record.scopes = span_of(scopes[number % 3]);
    record.label = span_of(label);
    write_line(store, &record);
    if (clear)
        fprintf(clear, "%s\n", token);
    if (revoke) {
        memcpy(store->labels[store->to_revoke_count], label, sizeof(label));
        record.label = span_of(store->labels[store->to_revoke_count]);
        store->to_revoke[store->to_revoke_count++] = record;
    }
}

/* The directory in which hosts note the last use. */
static void make_used(const char *directory)
{
    char *path;

    must(asprintf(&path, "%s/used", directory) > 0, directory);
    must(mkdir(path, 0700) == 0 && chmod(path, 03730) == 0, path);
    free(path);
}

static void update_tokens(struct store *store, size_t updates)
{
    for (size_t i = 0; i < updates; i++) {
        struct record *record = &store->to_revoke[i % store->to_revoke_count];

        record->op = OPERATION_UPDATE;
        write_line(store, record);
    }
}

static void revoke_tokens(struct store *store)
{
    for (size_t i = 0; i < store->to_revoke_count; i++) {
        struct record *record = &store->to_revoke[i];

        record->op = OPERATION_REVOKE;
        record->revoked = record->time = record->created + YEAR;
        record->reason = span_of("left the company");
        write_line(store, record);
    }
}

/* Tokens that are not in the store. */
static void write_more(struct store *store, const char *directory)
{
    store->lines = create_file(directory, "more");
    store->valid = NULL;
    for (size_t i = 0; i < MORE; i++)
        create_token(store, REVOKED_OF * i); /* none of them is to be revoked */
    close_file(store->lines);
}

int main(int count, char **arguments)
{
    struct store store = {0};
    size_t tokens;

    must(count == 3 || count == 4, "usage: bench-store DIRECTORY TOKENS [UPDATES]");
    tokens = number_of(arguments[2]);
    /* token_make() asks for 55 random numbers, each a system call unless libsodium keeps its own generator */
    randombytes_set_implementation(&randombytes_internal_implementation);
    must(crypto_start() == 0, "libsodium");
    store.to_revoke = calloc(tokens / REVOKED_OF + 1, sizeof(*store.to_revoke));
    store.labels = calloc(tokens / REVOKED_OF + 1, sizeof(*store.labels));
    must(store.to_revoke && store.labels, "memory");
    store.lines = create_file(arguments[1], "default.tokens");
    store.valid = create_file(arguments[1], "valid");
    store.revoked = create_file(arguments[1], "revoked");
    write_config(arguments[1], "toktab.conf", "false");
    write_config(arguments[1], "tracked.conf", "true");
    make_used(arguments[1]);
    write_header(&store);
    for (size_t i = 0; i < tokens; i++)
        create_token(&store, i);
    update_tokens(&store, count == 4 ? number_of(arguments[3]) : 0);
    revoke_tokens(&store);
    close_file(store.lines);
    close_file(store.valid);
    close_file(store.revoked);
    write_more(&store, arguments[1]);
    free(store.to_revoke);
    free(store.labels);
    return 0;
}
