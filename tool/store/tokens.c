#include "store/tokens.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"
#include "store/used.h"
#include "terminal/stall.h"

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
    uint64_t serial;

    return decimal_parse(line_serial(id), &serial) ? serial : 0;
}

/* For index_each(). */
static void add(void *context, const char *id)
{
    struct tokens *tokens = context;

    tokens->list[tokens->count++] = (struct token){.serial = serial_of(id), .id = id};
}

static bool read_proved(struct tokens *tokens, int fd, const struct stat *store,
                        const struct session *session, struct fault *fault)
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
    strcpy(tokens->storeid, progress.chain.header.storeid);
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

static struct token *find(const struct tokens *tokens, const char *id)
{
    struct token wanted = {.id = index_find(&tokens->index, id)};

    if (!wanted.id)
        return NULL;
    wanted.serial = serial_of(wanted.id);
    return bsearch(&wanted, tokens->list, tokens->count, sizeof(wanted), by_serial);
}

const struct token *tokens_find(const struct tokens *tokens, const char *id)
{
    return find(tokens, id);
}

/* Of several successors the newest counts: the list is sorted by serial. */
static void find_successors(struct tokens *tokens)
{
    for (size_t i = 0; i < tokens->count; i++) {
        struct line line;
        struct token *old;

        line_split_accepted(&line, tokens->list[i].id);
        if (line.column[COLUMN_PREV].length != ID_LENGTH)
            continue;
        old = find(tokens, line.column[COLUMN_PREV].at);
        if (old)
            old->successor = &tokens->list[i];
    }
}

enum status tokens_read_lines(struct tokens *tokens, const struct session *session)
{
    enum status status;
    struct storefile storefile;
    struct fault fault;
    struct stat store;
    int fd;

    memset(tokens, 0, sizeof(*tokens));
    fd = session_open_store(&storefile, session, &store, &status);
    if (fd < 0)
        return status;
    stall_watch(&storefile);
    if (!read_proved(tokens, fd, &store, session, &fault))
        status = session_unproved(&storefile, &fault);
    close(fd);
    stall_over();
    if (status != STATUS_DONE)
        return status;
    tokens->list = must_have(calloc(tokens->index.count + 1, sizeof(*tokens->list)));
    index_each(&tokens->index, add, tokens);
    qsort(tokens->list, tokens->count, sizeof(*tokens->list), by_serial);
    find_successors(tokens);
    return STATUS_DONE;
}

enum status tokens_read(struct tokens *tokens, const struct session *session)
{
    enum status status = tokens_read_lines(tokens, session);
    struct use *uses;

    if (status != STATUS_DONE)
        return status;
    uses = must_have(calloc(tokens->count + 1, sizeof(*uses)));
    for (size_t i = 0; i < tokens->count; i++)
        uses[i].serial = tokens->list[i].serial;
    tokens->tracked_since = used_read(session, tokens->storeid, uses, tokens->count);
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

/* Add what is not in the line. */
static void complete(const struct token *token, struct record *record)
{
    used_show(record, token->used);
    record->successor = token->successor ? token->successor->serial : 0;
}

bool token_record(const struct token *token, struct record *record)
{
    struct line line;

    line_split_accepted(&line, token->id);
    if (!record_parse(record, &line))
        return false;
    complete(token, record);
    return true;
}

void token_record_shown(const struct token *token, struct record *record)
{
    const struct span *column;
    struct line line;

    line_split_accepted(&line, token->id);
    column = line.column;
    memcpy(record->id, token->id, ID_LENGTH);
    record->id[ID_LENGTH] = '\0';
    record->op = column[COLUMN_OP].at[0];
    record->serial = token->serial;
    time_parse(column[COLUMN_CREATED], &record->created);
    time_parse(column[COLUMN_EXPIRES], &record->expires);
    time_parse(column[COLUMN_REVOKED], &record->revoked);
    time_parse(column[COLUMN_TIME], &record->time);
    record->by = column[COLUMN_BY];
    record->scopes = column[COLUMN_SCOPES];
    record->nets = column[COLUMN_NETS];
    record->user = column[COLUMN_USER];
    record->label = column[COLUMN_LABEL];
    record->reason = column[COLUMN_REASON];
    record->prev = column[COLUMN_PREV];
    record->ext = column[COLUMN_EXT];
    complete(token, record);
}

/* The number of a token's line, which stands before the id in the same chunk. */
static uint64_t number_of(const struct index *index, const char *id)
{
    const char *end = id - 1, *start = end;
    uint64_t n;

    for (unsigned i = 0; i < index->chunk_count; i++) {
        const char *bytes = index->chunks[i].bytes;

        if (id <= bytes || id >= bytes + index->chunks[i].size)
            continue;
        while (start > bytes && start[-1] >= '0' && start[-1] <= '9')
            start--;
    }
    return decimal_parse((struct span){start, (size_t)(end - start)}, &n) ? n : 0;
}

bool record_active(const struct record *record, int64_t now)
{
    return record->revoked == TIME_NEVER && (record->expires == TIME_NEVER || now < record->expires);
}

bool token_half_rotated(const struct tokens *tokens, const struct token *token, int64_t now)
{
    struct record record;

    return token->successor && number_of(&tokens->index, token->id) < token->successor->serial &&
           token_record(token, &record) && record_active(&record, now);
}
