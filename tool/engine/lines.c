/* engine-etcd lines: what comes after a HEAD. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "engine/keys.h"

enum {
    PAGE = 1000,
    PATIENCE = 3000, /* milliseconds without an answer, after which we say so and end */
    BEAT = 800,      /* milliseconds between two HEADs */
};

struct follower {
    struct etcd *etcd;
    const char *domain;
    bool has;        /* it has a store, which ends here: */
    struct place at; /* epoch: of the keys that are read */
    struct place head;
    int64_t beat; /* when the HEAD was said */
};

enum polled {
    POLLED_ALL,
    POLLED_MORE, /* there is another page */
    POLLED_OVER,
};

static enum polled say_reason(const char *reason, const char *text)
{
    printf("!%s %s\n", reason, text);
    return POLLED_OVER;
}

/* The head, and from our own last line on, which proves that the log is ours. */
static json_t *request(const struct follower *follower)
{
    const struct settings *settings = follower->etcd->settings;
    char head[KEY_SIZE], from[KEY_SIZE], end[KEY_SIZE];

    key_of_head(head, settings, follower->domain);
    key_of_line(from, settings, follower->domain, follower->at.epoch, follower->at.n);
    key_of_line(end, settings, follower->domain, follower->at.epoch + 1, 0);
    return json_pack("{s:[o, {s:o}]}", "success", etcd_get(head), "request_range",
                     etcd_range(from, end, PAGE, false));
}

/* False with errno: there is none, or no memory (ENOMEM). */
static bool read_head(struct place *head, const json_t *answer)
{
    size_t length;
    char *text = etcd_value(json_array_get(etcd_kvs(answer, 0), 0), "value", &length);
    bool good = text && place_parse(head, text, length);

    free(text);
    return good;
}

/* The next line, which etcd is to have: print it, unless it is our own last one. */
static enum polled take_line(struct follower *follower, const json_t *kv, bool own)
{
    struct place *at = &follower->at, place;
    size_t length;
    char *line = etcd_value(kv, "value", &length);
    enum polled polled = POLLED_ALL;

    if (!line || !place_of_line(&place, line, length, at->epoch))
        polled =
            say_reason("unavailable",
                       !line && errno == ENOMEM ? "out of memory" : "etcd holds what is no line of a store");
    else if (own && follower->has && !place_same(&place, at))
        polled = place.n == at->n ? say_reason("fork", "") : say_reason("gap", "");
    else if (!own && place.n != at->n + 1)
        polled = say_reason("gap", "");
    else if (own && !follower->has && (place.n != 0 || !is_header(line, length)))
        polled = say_reason("gap", "etcd no longer holds the start of the log");
    else if (!own || !follower->has)
        fwrite(line, 1, length, stdout);
    if (polled == POLLED_ALL) {
        *at = place;
        follower->has = true;
    }
    free(line);
    return polled;
}

static enum polled take_page(struct follower *follower, const json_t *kvs)
{
    size_t count = json_array_size(kvs);

    if (count == 0)
        return follower->head.n < follower->at.n ? POLLED_ALL : say_reason("gap", "");
    for (size_t i = 0; i < count; i++)
        if (take_line(follower, json_array_get(kvs, i), i == 0) == POLLED_OVER)
            return POLLED_OVER;
    return count == PAGE ? POLLED_MORE : POLLED_ALL;
}

static void say_head(struct follower *follower)
{
    const struct place *head = &follower->head;

    printf("=%" PRIu64 ":%" PRIu64 ":%s\n", head->epoch, head->n, head->chain);
    follower->beat = clock_now();
}

static enum polled take_answer(struct follower *follower, const json_t *answer)
{
    uint64_t before = follower->at.n;
    bool had = follower->has;
    enum polled polled;

    if (!read_head(&follower->head, answer)) {
        if (errno == ENOMEM)
            return say_reason("unavailable", "out of memory");
        return follower->has ? say_reason("behind", "etcd holds nothing of this domain")
                             : say_reason("unavailable", "etcd holds nothing of this domain yet");
    }
    if (!follower->has && follower->at.epoch != follower->head.epoch) {
        follower->at.epoch = follower->head.epoch; /* ask again, for that one */
        return POLLED_MORE;
    }
    polled =
        follower->at.epoch == follower->head.epoch ? take_page(follower, etcd_kvs(answer, 1)) : POLLED_ALL;
    if (polled == POLLED_ALL && (follower->at.n != before || follower->has != had ||
                                 clock_now() - follower->beat > BEAT * MILLISECOND))
        say_head(follower);
    return polled;
}

static enum polled poll_once(struct follower *follower)
{
    json_t *answer;
    enum polled polled = POLLED_OVER;

    switch (etcd_ask(follower->etcd, "/v3/kv/txn", request(follower), clock_now() + PATIENCE * MILLISECOND,
                     &answer)) {
    case ETCD_ANSWERED:
        polled = take_answer(follower, answer);
        json_decref(answer);
        break;
    case ETCD_REFUSED:
        say_reason("denied", follower->etcd->why.text);
        break;
    case ETCD_UNREACHABLE:
    case ETCD_SILENT:
    default:
        say_reason("unavailable", follower->etcd->why.text);
        break;
    }
    return fflush(stdout) == 0 ? polled : POLLED_OVER;
}

/* Until then, or the end of our input or of our reader, even if it is late. False: such an end. */
static bool wait_until(int64_t until)
{
    struct pollfd ends[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = STDOUT_FILENO}};
    int64_t left;
    char byte;

    do {
        left = until - clock_now();
        if (poll(ends, 2, left > 0 ? (int)(left / MILLISECOND) + 1 : 0) > 0 &&
            (ends[1].revents != 0 || read(STDIN_FILENO, &byte, 1) <= 0))
            return false;
    } while (left > 0);
    return true;
}

int lines_run(struct etcd *etcd, const char *domain)
{
    struct follower follower = {.etcd = etcd, .domain = domain};
    char text[HEAD_TEXT_SIZE];
    enum polled polled;
    int64_t begun;
    size_t length;

    if (!read_line(text, sizeof(text), &length))
        return 2;
    follower.has = length > 0;
    if (follower.has && !place_parse(&follower.at, text, length)) {
        fprintf(stderr, "engine-etcd: standard input: not a HEAD\n");
        return 2;
    }
    do {
        begun = clock_now();
        polled = poll_once(&follower);
    } while (polled == POLLED_MORE ||
             (polled == POLLED_ALL && wait_until(begun + etcd->settings->interval * MILLISECOND)));
    return polled == POLLED_OVER ? 1 : 0;
}
