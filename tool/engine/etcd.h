/*
 * Asks etcd by the JSON of its gateway, one node after the other.
 *
 * A login is slow on purpose, so there is one for each life of a token: only the answer that a token is not
 * valid leads to the next. Or if no node answers to a token that never worked here: one that is newer than a
 * backup from which etcd was restored makes it wait for ever. A request that timed out may still be carried
 * out: whoever changes something must be able to ask the same again.
 */
#ifndef ETCD_H
#define ETCD_H

#include <jansson.h>
#include <stdint.h>

#include "engine/settings.h"

/* KEY_SIZE: a key or a URL: a setting, and what we put behind it. */
enum { TOKEN_SIZE = 1024, KEY_SIZE = VALUE_MAX + 128 };

struct etcd {
    const struct settings *settings;
    void *curl;             /* of libcurl, which etcd.c alone knows */
    size_t node;            /* the one that is asked */
    char token[TOKEN_SIZE]; /* "": none */
    bool proved;            /* etcd has answered */
    bool open;              /* etcd has its users switched off */
    bool guesses;           /* no node answers: is that the token's fault? */
    struct fault why;       /* of the last failure */
};

enum outcome {
    ETCD_ANSWERED,
    ETCD_REFUSED,     /* it will not do it: why */
    ETCD_UNREACHABLE, /* no node could be asked: nothing was done */
    ETCD_SILENT,      /* no node has answered: it may be done */
};

bool etcd_begin(struct etcd *etcd, const struct settings *settings);
void etcd_end(struct etcd *etcd);

/* POST a body, which is freed, until that moment of the monotonic clock, or a fraction of a second later.
 * *answer: the caller frees it. */
enum outcome etcd_ask(struct etcd *etcd, const char *path, json_t *body, int64_t until, json_t **answer);

/* ---- what requests are made of; each new object is the caller's ---- */

json_t *etcd_bytes(const char *bytes, size_t length);
json_t *etcd_get(const char *key);

/* Keys from this one on and before `end`, in order. */
json_t *etcd_range(const char *key, const char *end, unsigned most, bool keys_only);

/* The value of a kv of an answer, with a NUL, in memory that the caller frees. NULL with errno: it is none
 * (EINVAL), or there is no memory (ENOMEM). */
char *etcd_value(const json_t *kv, const char *member, size_t *length);

/* The kvs of response i of a transaction; NULL: none. */
const json_t *etcd_kvs(const json_t *answer, size_t i);

#endif
