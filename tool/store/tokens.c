#include "store/tokens.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"
#include "store/used.h"

/* By id too: two tokens may have one serial in a bad store, which only `toktab check` refuses. */
static int by_serial(const void *a, const void *b)
{
    const struct token *first = a, *second = b;

    if (first->serial != second->serial)
        return first->serial < second->serial ? -1 : 1;
    return memcmp(first->id, second->id, ID_LENGTH);
}

static uint64_t serial_of(const char *id)
{
    struct line line;
    uint64_t serial;

    line_split_accepted(&line, id);
    return decimal_parse(line.column[COLUMN_SERIAL], &serial) ? serial : 0;
}

/* For index_each(). */
static void add(void *context, const char *id)
{
    struct tokens *tokens = context;

    tokens->list[tokens->count++] = (struct token){.serial = serial_of(id), .id = id};
}

static bool read_proved(struct tokens *tokens, int fd, const struct stat *store,
                        const struct session *session, char storeid[STOREID_HEX + 1], struct fault *fault)
{
    struct progress progress = {0};
    const struct loading loading = {
        .progress = &progress, .fd = fd, .index = &tokens->index, .grow = true, .fault = fault};
    const char *wrong;

    if (!load_header(&progress, fd, session->domain->name, fault))
        return false;
    must_have(index_make(&tokens->index, (size_t)store->st_size / 200) ? tokens->index.slots : NULL);
    if (!load_lines(&loading, (uint64_t)store->st_size))
        return false;
    strcpy(storeid, progress.chain.header.storeid);
    wrong = chain_end(&progress.chain);
    return !wrong || fault_set(fault, "%s", wrong);
}

bool tokens_exist(const struct session *session)
{
    char path[PATH_MAX];
    struct stat status;

    snprintf(path, sizeof(path), "%s/%s.tokens", session->config.store_dir, session->domain->name);
    return lstat(path, &status) == 0 || errno != ENOENT;
}

enum status tokens_read(struct tokens *tokens, const struct session *session)
{
    enum status status;
    struct storefile storefile;
    struct fault fault;
    struct stat store;
    struct use *uses;
    char storeid[STOREID_HEX + 1];
    int fd;

    memset(tokens, 0, sizeof(*tokens));
    fd = session_open_store(&storefile, session, &store, &status);
    if (fd < 0)
        return status;
    if (!read_proved(tokens, fd, &store, session, storeid, &fault))
        status = session_unproved(&storefile, &fault);
    close(fd);
    if (status != STATUS_DONE)
        return status;
    tokens->list = must_have(calloc(tokens->index.count + 1, sizeof(*tokens->list)));
    index_each(&tokens->index, add, tokens);
    qsort(tokens->list, tokens->count, sizeof(*tokens->list), by_serial);
    uses = must_have(calloc(tokens->count + 1, sizeof(*uses)));
    for (size_t i = 0; i < tokens->count; i++)
        uses[i].serial = tokens->list[i].serial;
    tokens->tracked_since = used_read(session, storeid, uses, tokens->count);
    for (size_t i = 0; i < tokens->count; i++)
        tokens->list[i].used = uses[i].time;
    free(uses);
    return STATUS_DONE;
}

void tokens_free(struct tokens *tokens)
{
    index_free(&tokens->index);
    free(tokens->list);
}

const struct token *tokens_find(const struct tokens *tokens, const char *id)
{
    struct token wanted = {.id = index_find(&tokens->index, id)};

    if (!wanted.id)
        return NULL;
    wanted.serial = serial_of(wanted.id);
    return bsearch(&wanted, tokens->list, tokens->count, sizeof(wanted), by_serial);
}

bool token_record(const struct token *token, struct record *record)
{
    struct line line;

    line_split_accepted(&line, token->id);
    if (!record_parse(record, &line))
        return false;
    used_show(record, token->used);
    return true;
}
