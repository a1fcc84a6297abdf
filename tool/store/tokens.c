#include "store/tokens.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"
#include "store/lines.h"
#include "store/token_table.h"
#include "store/used.h"
#include "terminal/stall.h"

static bool take_line(struct tokens *tokens, struct progress *progress, const char *text, size_t length,
                      const char **wrong)
{
    struct chain *chain = &progress->chain;
    bool in_snapshot = chain->bytes_left > 0;
    size_t count = tokens->count;
    struct line line;

    *wrong = chain_line(chain, &line, text, length);
    if (*wrong)
        return false;
    token_table_take(tokens, &line, line.n);
    if (in_snapshot && tokens->count == count)
        *wrong = "this id is in the snapshot twice";
    return !*wrong;
}

/* Take whole lines up to size, as long as they are good. False with fault: the snapshot is damaged. Of what
 * follows it load_lines() can tell, for there a bad line leaves progress as it was. */
static bool take_lines(struct tokens *tokens, const struct loading *loading, uint64_t size)
{
    struct progress *progress = loading->progress;
    const char *text, *wrong = NULL;
    struct lines lines;
    bool in_snapshot = true;
    size_t length;

    lines_make(&lines, loading->fd, progress->offset);
    while (!wrong && progress->offset < size && lines_next(&lines, &text, &length) == LINES_LINE) {
        const char *bar = memchr(text, '|', length);

        if (bar && text + length - bar > ID_LENGTH)
            token_table_prefetch(tokens, bar + 1); /* the memory arrives while the line is hashed */
        in_snapshot = progress->chain.bytes_left > 0;
        if (take_line(tokens, progress, text, length, &wrong)) {
            progress->offset = lines.offset;
            progress->lines++;
        }
    }
    lines_free(&lines);
    return !wrong || !in_snapshot ||
           fault_set(loading->fault, "line %" PRIu64 " (byte %" PRIu64 "): %s", progress->lines + 1,
                     progress->offset, wrong);
}

/* The number of a line that load_lines() took, which stands before the id in the same chunk. */
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

/* For index_each(). */
static void take_rest(void *context, const char *id)
{
    struct tokens *tokens = context;
    struct line line;

    line_split_accepted(&line, id);
    token_table_take(tokens, &line, number_of(&tokens->rest, id));
}

static bool read_proved(struct tokens *tokens, int fd, const struct stat *store,
                        const struct session *session, bool brief, struct fault *fault)
{
    struct progress progress = {0};
    const struct loading loading = {
        .progress = &progress, .fd = fd, .index = &tokens->rest, .grow = true, .fault = fault};
    uint64_t size = (uint64_t)store->st_size;
    const char *wrong;

    if (!load_header(&progress, fd, session->domain->name, fault))
        return false;
    token_table_make(tokens, (size_t)size / 200, brief);
    /* a last line without an LF, and whatever else is unusual, load_lines() judges */
    if (!take_lines(tokens, &loading, size) || !load_lines(&loading, size))
        return false;
    index_each(&tokens->rest, take_rest, tokens);
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

const struct token *tokens_find(const struct tokens *tokens, const char *id)
{
    return token_table_find(tokens, id);
}

/* The last of its texts, which has this length. */
static const char *prev_of(const struct token *token)
{
    const char *text = token->id + ID_LENGTH;

    for (size_t i = 0; i + 1 < TOKEN_TEXTS; i++)
        text += token->length[i] + 1;
    return text;
}

/* Of several successors the newest counts: the list is sorted by serial. */
static void find_successors(struct tokens *tokens)
{
    for (size_t i = 0; i < tokens->count; i++) {
        const struct token *token = &tokens->list[i];
        struct token *old = NULL;

        if (token->length[COLUMN_PREV - TOKEN_TEXT] == ID_LENGTH)
            old = token_table_find(tokens, prev_of(token));
        if (old)
            old->successor = token;
    }
}

static enum status read_lines(struct tokens *tokens, const struct session *session, bool brief)
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
    if (!read_proved(tokens, fd, &store, session, brief, &fault))
        status = session_unproved(&storefile, &fault);
    close(fd);
    stall_over();
    if (status != STATUS_DONE)
        return status;
    token_table_sort(tokens);
    find_successors(tokens);
    return STATUS_DONE;
}

enum status tokens_read_lines(struct tokens *tokens, const struct session *session)
{
    return read_lines(tokens, session, true);
}

enum status tokens_read(struct tokens *tokens, const struct session *session, bool brief)
{
    enum status status = read_lines(tokens, session, brief);
    struct use *uses;

    if (status != STATUS_DONE)
        return status;
    if (!session->domain->track_usage)
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
    token_table_free(tokens);
}

bool token_record(const struct token *token, struct record *record)
{
    const char *text = token->id + ID_LENGTH;
    struct span texts[TOKEN_TEXTS];

    if (token->invalid)
        return false;
    for (size_t i = 0; i < TOKEN_TEXTS; i++) {
        texts[i] = (struct span){text, token->length[i]};
        text += token->length[i] + 1;
    }
    *record = (struct record){
        .serial = token->serial,
        .created = token->created,
        .expires = token->expires,
        .revoked = token->revoked,
        .successor = token->successor ? token->successor->serial : 0,
        .by = texts[COLUMN_BY - TOKEN_TEXT],
        .scopes = texts[COLUMN_SCOPES - TOKEN_TEXT],
        .nets = texts[COLUMN_NETS - TOKEN_TEXT],
        .user = texts[COLUMN_USER - TOKEN_TEXT],
        .label = texts[COLUMN_LABEL - TOKEN_TEXT],
        .reason = texts[COLUMN_REASON - TOKEN_TEXT],
        .prev = texts[COLUMN_PREV - TOKEN_TEXT],
    };
    memcpy(record->id, token->id, ID_LENGTH);
    if (!token->brief)
        memcpy(record->hash, token->id - HASH_SIZE, HASH_SIZE);
    if (token->used > 0)
        used_show(record, token->used);
    return true;
}

bool record_active(const struct record *record, int64_t now)
{
    return record->revoked == TIME_NEVER && (record->expires == TIME_NEVER || now < record->expires);
}

bool token_half_rotated(const struct token *token, int64_t now)
{
    struct record record;

    return token->successor && token->n < token->successor->serial && token_record(token, &record) &&
           record_active(&record, now);
}
