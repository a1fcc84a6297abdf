/* engine-etcd append: one more line, if the log still ends where the caller says. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "engine/keys.h"
#include "line.h"

enum {
    PATIENCE = 4000,     /* milliseconds; whoever waits does so for six seconds */
    TOLD_MOST = 100,     /* lines of others that a conflict tells of */
    STEP = 1000,         /* old keys deleted at once, so that appends by others do not wait */
    KEPT = 1000,         /* lines before a P line that stay, for hosts that have not read them yet */
    STEP_PATIENCE = 5000 /* milliseconds for one step */
};

struct appending {
    struct etcd *etcd;
    const char *domain;
    const char *head; /* "": nothing may be there */
    const char *line; /* with its LF */
    size_t length;
    struct place after;                                             /* the HEAD with the line */
    char head_key[KEY_SIZE], line_key[KEY_SIZE], end_key[KEY_SIZE]; /* end: of the epoch */
};

static json_t *absent(const char *key)
{
    return json_pack("{s:o, s:s, s:s, s:s}", "key", etcd_bytes(key, strlen(key)), "target", "CREATE",
                     "result", "EQUAL", "create_revision", "0");
}

static json_t *put(const char *key, const char *value, size_t length)
{
    return json_pack("{s:{s:o, s:o}}", "request_put", "key", etcd_bytes(key, strlen(key)), "value",
                     etcd_bytes(value, length));
}

/* If the head is what the caller says and the line's place is free, put both; else tell what is there. */
static json_t *request(const struct appending *appending)
{
    const struct place *after = &appending->after;
    char head[HEAD_TEXT_SIZE];
    json_t *same;

    snprintf(head, sizeof(head), "%" PRIu64 ":%" PRIu64 ":%s", after->epoch, after->n, after->chain);
    same = appending->head[0] == '\0'
               ? absent(appending->head_key)
               : json_pack("{s:o, s:s, s:s, s:o}", "key",
                           etcd_bytes(appending->head_key, strlen(appending->head_key)), "target", "VALUE",
                           "result", "EQUAL", "value", etcd_bytes(appending->head, strlen(appending->head)));
    return json_pack("{s:[o, o], s:[o, o], s:[{s:o}, o]}", "compare", same, absent(appending->line_key),
                     "success", put(appending->line_key, appending->line, appending->length),
                     put(appending->head_key, head, strlen(head)), "failure", "request_range",
                     etcd_range(appending->line_key, appending->end_key, TOLD_MOST, false),
                     etcd_get(appending->head_key));
}

/* There is no line in the place of ours, but the head is not what the caller says. */
static void say_why(const struct appending *appending, const json_t *answer)
{
    struct place head, expected;
    size_t length;
    char *text = etcd_value(json_array_get(etcd_kvs(answer, 1), 0), "value", &length);

    if (!text && errno == ENOMEM)
        puts("unavailable out of memory");
    else if (!text || !place_parse(&head, text, length))
        puts("unavailable behind: etcd holds nothing of this domain: it is new, or was emptied: run `toktab "
             "promote` on the host with the highest HEAD");
    else if (!place_parse(&expected, appending->head, strlen(appending->head)))
        puts("unavailable held: etcd holds a store of this domain already: run `toktab follow --once`, which "
             "fetches it");
    else if (head.epoch < expected.epoch)
        printf("unavailable fenced: etcd has the older epoch %" PRIu64 ", this host %" PRIu64
               ", as it was mended: run `toktab promote` here\n",
               head.epoch, expected.epoch);
    else if (head.epoch > expected.epoch)
        printf("unavailable fenced: etcd has epoch %" PRIu64 ", this host %" PRIu64
               ": fetch the file from another host\n",
               head.epoch, expected.epoch);
    else if (head.n < expected.n)
        printf("unavailable behind: etcd ends at n=%" PRIu64 ", this host has %" PRIu64
               ": an old copy was put back there: run `toktab promote` on the host with the highest HEAD\n",
               head.n, expected.n);
    else if (head.n > expected.n)
        puts("unavailable gap: etcd no longer holds the lines that this host needs: fetch the file from "
             "another host");
    else
        puts("unavailable fork: etcd holds another line where this host's log ends");
    free(text);
}

/* The line of a kv, if it is that of the number; the caller frees it. NULL with errno: it is another, or
 * there is no memory (ENOMEM). */
static char *line_of(const struct appending *appending, const json_t *kv, uint64_t n, size_t *length)
{
    char *line = etcd_value(kv, "value", length);
    struct place place;

    if (line && *length > 0 && line[*length - 1] == '\n' &&
        place_of_line(&place, line, *length, appending->after.epoch) && place.n == n)
        return line;
    free(line);
    return NULL;
}

/* The compare has failed: tell which lines are there. The first may be ours, by an earlier request. */
static void say_conflict(const struct appending *appending, const json_t *answer)
{
    const json_t *kvs = etcd_kvs(answer, 0);
    size_t length, next_length;
    uint64_t n = appending->after.n;
    char *line = line_of(appending, json_array_get(kvs, 0), n, &length), *next;

    if (!line && errno == ENOMEM)
        puts("unknown");
    else if (line && length == appending->length && memcmp(line, appending->line, length) == 0)
        puts("done");
    else if (!line || is_header(line, length) != is_header(appending->line, appending->length))
        say_why(appending, answer);
    else
        for (size_t i = 1; line; i++) {
            next = line_of(appending, json_array_get(kvs, i), n + i, &next_length);
            printf("%s %.*s", next ? "more" : "conflict", (int)length, line);
            free(line);
            line = next;
            length = next_length;
        }
    free(line);
}

/* Delete all keys from one on and before another, in steps. It is no loss if it fails: the next P line is
 * followed by the same. */
static void delete_keys(struct etcd *etcd, const char *from, const char *end)
{
    for (;;) {
        int64_t until = clock_now() + STEP_PATIENCE * MILLISECOND;
        char *last = NULL;
        json_t *answer, *body;
        size_t count, length = 0;

        if (etcd_ask(etcd, "/v3/kv/range", etcd_range(from, end, STEP, true), until, &answer) !=
            ETCD_ANSWERED)
            return;
        count = json_array_size(json_object_get(answer, "kvs"));
        if (count > 0)
            last = etcd_value(json_array_get(json_object_get(answer, "kvs"), count - 1), "key", &length);
        json_decref(answer);
        if (!last)
            return;
        /* up to and with the last: its NUL makes the next key */
        body = json_pack("{s:o, s:o}", "key", etcd_bytes(from, strlen(from)), "range_end",
                         etcd_bytes(last, length + 1));
        free(last);
        if (etcd_ask(etcd, "/v3/kv/deleterange", body, until, &answer) != ETCD_ANSWERED)
            return;
        json_decref(answer);
        if (count < STEP)
            return;
    }
}

/* What a compaction has left behind, and older epochs. */
static void delete_old(const struct appending *appending)
{
    const struct settings *settings = appending->etcd->settings;
    const struct place *after = &appending->after;
    char from[KEY_SIZE], end[KEY_SIZE];

    if (after->n <= KEPT)
        return;
    key_of_line(from, settings, appending->domain, 0, 0);
    key_of_line(end, settings, appending->domain, after->epoch, after->n - KEPT);
    delete_keys(appending->etcd, from, end);
}

static bool is_point(const char *line)
{
    const char *id = strchr(line, '|'), *op = id ? strchr(id + 1, '|') : NULL;

    return op && op[1] == 'P' && op[2] == '|';
}

/* Ask for the head, which takes a majority of etcd's nodes. A change is sent only after that: else nobody
 * could tell, where there is no majority, whether the change will be made once there is. False after saying
 * so. */
static bool has_majority(const struct appending *appending, int64_t until)
{
    struct etcd *etcd = appending->etcd;
    const char *key = appending->head_key;
    json_t *answer, *body = json_pack("{s:o, s:b}", "key", etcd_bytes(key, strlen(key)), "keys_only", true);
    enum outcome outcome = etcd_ask(etcd, "/v3/kv/range", body, until, &answer);

    json_decref(answer);
    if (outcome != ETCD_ANSWERED)
        printf("unavailable %s%s\n",
               outcome == ETCD_REFUSED ? "" : "no majority of etcd answers: ", etcd->why.text);
    return outcome == ETCD_ANSWERED;
}

static bool append(struct appending *appending)
{
    struct etcd *etcd = appending->etcd;
    int64_t until = clock_now() + PATIENCE * MILLISECOND;
    bool done = false;
    json_t *answer;

    if (!etcd->proved && !has_majority(appending, until))
        return fflush(stdout) == 0;
    switch (etcd_ask(etcd, "/v3/kv/txn", request(appending), until, &answer)) {
    case ETCD_ANSWERED:
        done = json_is_true(json_object_get(answer, "succeeded"));
        if (done)
            puts("done");
        else
            say_conflict(appending, answer);
        json_decref(answer);
        break;
    case ETCD_SILENT:
        puts("unknown");
        break;
    case ETCD_REFUSED:
    case ETCD_UNREACHABLE:
    default:
        printf("unavailable %s\n", etcd->why.text);
        break;
    }
    if (fflush(stdout) != 0)
        return false;
    if (done && is_point(appending->line))
        delete_old(appending);
    return true;
}

int append_run(struct etcd *etcd, const char *domain)
{
    struct appending appending = {.etcd = etcd, .domain = domain};
    char head[HEAD_TEXT_SIZE], line[LINE_SIZE_MAX + 1];
    struct place before = {0};
    size_t length;

    key_of_head(appending.head_key, etcd->settings, domain);
    while (read_line(head, sizeof(head), &length)) {
        bool has_head = length > 0;

        if (has_head && !place_parse(&before, head, length))
            break;
        if (!read_line(line, sizeof(line) - 1, &length))
            break;
        line[length++] = '\n';
        line[length] = '\0';
        if (!place_of_line(&appending.after, line, length, before.epoch) ||
            (!has_head && !is_header(line, length)))
            break;
        key_of_line(appending.line_key, etcd->settings, domain, appending.after.epoch, appending.after.n);
        key_of_line(appending.end_key, etcd->settings, domain, appending.after.epoch + 1, 0);
        appending.head = head;
        appending.line = line;
        appending.length = length;
        if (!append(&appending))
            return 1;
    }
    if (length == 0)
        return 0;
    fprintf(stderr, "engine-etcd: standard input: not a HEAD and a line\n");
    return 2;
}
