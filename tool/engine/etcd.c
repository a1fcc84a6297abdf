#include "engine/etcd.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "clock.h"
#include "engine/ticket.h"

enum {
    TIMEOUT = 700,        /* milliseconds for a request; then the next node is asked */
    TIMEOUT_LEAST = 100,  /* for one that begins at the last moment */
    LOGIN_TIMEOUT = 3000, /* a login is slow on purpose, and is carried out even if nobody waits for it */
    GUESS_TIMEOUT = 1000, /* for a login because no node answers, which may be a leader's fault */
    LOGIN_JITTER = 250,   /* milliseconds at most before a login: all hosts may want one at once */
    PAUSE = 50,           /* milliseconds between two rounds in which no node could be asked */
    ANSWER_MAX = 32 * 1024 * 1024,
};

/* What a gRPC code of etcd's means here. */
enum { CODE_INVALID = 3, CODE_DENIED = 7, CODE_PRECONDITION = 9, CODE_UNAUTHENTICATED = 16 };

static size_t collect(char *bytes, size_t size, size_t count, void *context)
{
    FILE *stream = context;

    return ftell(stream) > ANSWER_MAX ? 0 : fwrite(bytes, size, count, stream);
}

bool etcd_begin(struct etcd *etcd, const struct settings *settings)
{
    unsigned char random = 0;
    CURL *curl;

    if (getrandom(&random, 1, 0) < 0)
        random = 0;
    *etcd = (struct etcd){.settings = settings, .node = random % settings->node_count};
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(curl = curl_easy_init()))
        return fault_set(&etcd->why, "libcurl cannot be started");
    etcd->curl = curl;
    if (settings->user)
        ticket_read(settings->token_file, etcd->token, sizeof(etcd->token));
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L); /* a name server that is silent must not hold us up */
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)TIMEOUT);
    if (settings->ca) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, settings->ca);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); /* else all of the system's count too */
    }
    if (settings->certificate)
        curl_easy_setopt(curl, CURLOPT_SSLCERT, settings->certificate);
    if (settings->key)
        curl_easy_setopt(curl, CURLOPT_SSLKEY, settings->key);
    return true;
}

void etcd_end(struct etcd *etcd)
{
    explicit_bzero(etcd->token, sizeof(etcd->token));
    curl_easy_cleanup(etcd->curl);
    curl_global_cleanup();
}

/* ---- one request to one node ---- */

/* *code: of gRPC, 0 if all is well, -1 if there is none. */
static enum outcome read_answer(struct etcd *etcd, const char *text, long http, json_t **answer, int *code)
{
    json_error_t error;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    const char *message;

    *code = http == 200 && object ? 0 : -1;
    if (*code == 0) {
        *answer = object;
        return ETCD_ANSWERED;
    }
    if (object) {
        message = json_string_value(json_object_get(object, "message"));
        *code = (int)json_integer_value(json_object_get(object, "code"));
        fault_set(&etcd->why, "etcd: %.120s", message ? message : "an error without a message");
        json_decref(object);
        return ETCD_REFUSED;
    }
    if (strstr(text, "CommonName")) {
        fault_set(&etcd->why, "the client certificate has a CN, which etcd's gateway refuses: make one whose "
                              "subject has none");
        *code = CODE_DENIED;
        return ETCD_REFUSED;
    }
    fault_set(&etcd->why, "%s: no answer of etcd (HTTP status %ld)", etcd->settings->nodes[etcd->node], http);
    return ETCD_SILENT;
}

/* Milliseconds that a request may take. */
static long time_for(int64_t until, long most)
{
    int64_t left = (until - clock_now()) / MILLISECOND;

    return left >= most ? most : left > TIMEOUT_LEAST ? (long)left : TIMEOUT_LEAST;
}

static enum outcome without_memory(struct etcd *etcd)
{
    fault_set(&etcd->why, "out of memory");
    return ETCD_UNREACHABLE;
}

static enum outcome post(struct etcd *etcd, const char *path, const char *body, long timeout, json_t **answer,
                         int *code)
{
    char url[KEY_SIZE], header[TOKEN_SIZE + 32], error[CURL_ERROR_SIZE] = "", *text = NULL;
    struct curl_slist *headers = NULL;
    CURL *curl = etcd->curl;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    enum outcome outcome;
    long http = 0;
    CURLcode result;
    bool ready;

    *code = -1;
    if (!stream)
        return without_memory(etcd);
    snprintf(url, sizeof(url), "%s%s", etcd->settings->nodes[etcd->node], path);
    snprintf(header, sizeof(header), "Authorization: %s", etcd->token); /* raw: "Bearer" is refused */
    if (etcd->token[0] != '\0')
        headers = curl_slist_append(headers, header);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, stream);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    ready = (headers || etcd->token[0] == '\0') && curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK;
    result = ready ? curl_easy_perform(curl) : CURLE_OUT_OF_MEMORY;
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    fclose(stream);
    if (!ready) {
        outcome = without_memory(etcd);
    } else if (result == CURLE_OK && text) {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
        outcome = read_answer(etcd, text, http, answer, code);
    } else {
        curl_off_t began = 0;

        /* before it can send, nothing can be done there */
        curl_easy_getinfo(curl, CURLINFO_PRETRANSFER_TIME_T, &began);
        outcome = began == 0 ? ETCD_UNREACHABLE : ETCD_SILENT;
        fault_set(&etcd->why, "%s: %.150s", etcd->settings->nodes[etcd->node],
                  error[0] != '\0' ? error : curl_easy_strerror(result));
    }
    curl_slist_free_all(headers);
    explicit_bzero(header, sizeof(header));
    if (text)
        explicit_bzero(text, size); /* it may be the answer to a login */
    free(text);
    return outcome;
}

/* ---- login ---- */

static void pause_for(unsigned milliseconds)
{
    struct timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = (long)(milliseconds % 1000) * 1000000};

    nanosleep(&time, NULL);
}

static enum outcome log_in(struct etcd *etcd, int64_t until, int *code)
{
    char password[PASSWORD_SIZE], *body;
    json_t *object, *answer = NULL;
    enum outcome outcome;
    const char *token;

    *code = -1;
    if (!settings_password(etcd->settings, password, &etcd->why))
        return ETCD_REFUSED;
    object = json_pack("{s:s, s:s}", "name", etcd->settings->user, "password", password);
    explicit_bzero(password, sizeof(password));
    body = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (!body)
        return without_memory(etcd);
    outcome = post(etcd, "/v3/auth/authenticate", body,
                   time_for(until, etcd->guesses ? GUESS_TIMEOUT : LOGIN_TIMEOUT), &answer, code);
    explicit_bzero(body, strlen(body));
    free(body);
    if (outcome == ETCD_REFUSED && *code == CODE_PRECONDITION) { /* authentication is not enabled */
        etcd->open = true;
        return ETCD_ANSWERED;
    }
    token = outcome == ETCD_ANSWERED ? json_string_value(json_object_get(answer, "token")) : NULL;
    if (token && strlen(token) < sizeof(etcd->token)) {
        strcpy(etcd->token, token);
        ticket_keep(etcd->settings->token_file, token);
    } else if (outcome == ETCD_ANSWERED) {
        fault_set(&etcd->why, "etcd's answer to the login has no token, or one of more than %zu bytes",
                  sizeof(etcd->token) - 1);
        outcome = ETCD_REFUSED;
    }
    json_decref(answer);
    return outcome;
}

/* A token that is no good: another program of this host may have a new one by now. */
static void renew(struct etcd *etcd)
{
    unsigned char random = 0;
    char old[TOKEN_SIZE];

    if (getrandom(&random, 1, 0) == 1)
        pause_for(random * (unsigned)LOGIN_JITTER / UCHAR_MAX);
    strcpy(old, etcd->token);
    ticket_read(etcd->settings->token_file, etcd->token, sizeof(etcd->token));
    if (strcmp(old, etcd->token) == 0)
        etcd->token[0] = '\0';
    etcd->open = false;
    explicit_bzero(old, sizeof(old));
}

/* Does this refusal mean that another login may help? */
static bool wants_login(const struct etcd *etcd, int code)
{
    if (!etcd->settings->user)
        return false;
    return code == CODE_UNAUTHENTICATED ||
           (code == CODE_INVALID &&
            (strstr(etcd->why.text, "user name is empty") || strstr(etcd->why.text, "auth store is old")));
}

/* Codes that say that this node, at this moment, cannot: no leader, too many requests, time-outs. What it was
 * asked may be done all the same. */
static bool is_passing(int code)
{
    enum {
        CODE_CANCELLED = 1,
        CODE_UNKNOWN = 2,
        CODE_DEADLINE = 4,
        CODE_INTERNAL = 13,
        CODE_UNAVAILABLE = 14
    };

    return code == CODE_CANCELLED || code == CODE_UNKNOWN || code == CODE_DEADLINE || code == CODE_INTERNAL ||
           code == CODE_UNAVAILABLE;
}

/* A node, and the token for it if one is wanted. */
static enum outcome try_node(struct etcd *etcd, const char *path, const char *body, int64_t until,
                             json_t **answer)
{
    enum outcome outcome;
    int code;

    for (int round = 0; round < 3; round++) {
        if (etcd->settings->user && etcd->token[0] == '\0' && !etcd->open) {
            outcome = log_in(etcd, until, &code);
            if (outcome == ETCD_SILENT || (outcome == ETCD_REFUSED && is_passing(code)))
                outcome = ETCD_UNREACHABLE; /* the request itself was not sent */
            if (outcome != ETCD_ANSWERED)
                return outcome;
        }
        outcome = post(etcd, path, body, time_for(until, TIMEOUT), answer, &code);
        if (outcome != ETCD_REFUSED || !wants_login(etcd, code))
            break;
        renew(etcd);
    }
    return outcome == ETCD_REFUSED && is_passing(code) ? ETCD_SILENT : outcome;
}

enum outcome etcd_ask(struct etcd *etcd, const char *path, json_t *body, int64_t until, json_t **answer)
{
    char *text = json_dumps(body, JSON_COMPACT);
    enum outcome outcome = ETCD_UNREACHABLE;
    bool silent = false;

    *answer = NULL;
    json_decref(body);
    if (!text)
        return without_memory(etcd);
    for (size_t tries = 1;; tries++) {
        outcome = try_node(etcd, path, text, until, answer);
        silent |= outcome == ETCD_SILENT;
        if (outcome == ETCD_ANSWERED || outcome == ETCD_REFUSED || clock_now() >= until)
            break;
        etcd->node = (etcd->node + 1) % etcd->settings->node_count;
        if (tries % etcd->settings->node_count != 0)
            continue;
        if (silent && !etcd->proved && etcd->token[0] != '\0') {
            renew(etcd);
            etcd->guesses = true;
        }
        pause_for(PAUSE);
    }
    if (outcome == ETCD_ANSWERED) {
        etcd->proved = true;
        etcd->guesses = false;
    }
    free(text);
    return silent && outcome != ETCD_ANSWERED ? ETCD_SILENT : outcome;
}

/* ---- what requests are made of ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

json_t *etcd_bytes(const char *bytes, size_t length)
{
    const unsigned char *at = (const unsigned char *)bytes;
    char *text = malloc((length + 2) / 3 * 4 + 1), *to = text;
    json_t *string;

    if (!text)
        return NULL;
    for (size_t i = 0; i < length; i += 3) {
        unsigned bits = (unsigned)at[i] << 16 | (i + 1 < length ? (unsigned)at[i + 1] << 8 : 0) |
                        (i + 2 < length ? at[i + 2] : 0);

        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = i + 1 < length ? digits[bits >> 6 & 63] : '=';
        *to++ = i + 2 < length ? digits[bits & 63] : '=';
    }
    string = json_stringn(text, (size_t)(to - text));
    free(text);
    return string;
}

json_t *etcd_get(const char *key)
{
    return json_pack("{s:{s:o}}", "request_range", "key", etcd_bytes(key, strlen(key)));
}

json_t *etcd_range(const char *key, const char *end, unsigned most, bool keys_only)
{
    return json_pack("{s:o, s:o, s:i, s:b}", "key", etcd_bytes(key, strlen(key)), "range_end",
                     etcd_bytes(end, strlen(end)), "limit", (int)most, "keys_only", keys_only);
}

char *etcd_value(const json_t *kv, const char *member, size_t *length)
{
    const char *text = json_string_value(json_object_get(kv, member)), *digit;
    unsigned bits = 0, count = 0;
    char *bytes;

    *length = 0;
    errno = EINVAL;
    bytes = text ? malloc(strlen(text) / 4 * 3 + 4) : NULL;
    if (!bytes)
        return NULL;
    for (; *text != '\0' && *text != '='; text++) {
        digit = strchr(digits, *text);
        if (!digit) {
            free(bytes);
            return NULL;
        }
        bits = bits << 6 | (unsigned)(digit - digits);
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes[(*length)++] = (char)(bits >> count & 0xff);
        }
    }
    bytes[*length] = '\0';
    return bytes;
}

const json_t *etcd_kvs(const json_t *answer, size_t i)
{
    const json_t *response = json_array_get(json_object_get(answer, "responses"), i);

    return json_object_get(json_object_get(response, "response_range"), "kvs");
}
