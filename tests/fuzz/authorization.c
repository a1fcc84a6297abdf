/*
 * What a request presents to nginx: Authorization with Bearer and Basic, and a header of its own. nginx is
 * played here, as far as the module needs it. Whatever a client sends, the library is asked about exactly the
 * text that stands there, of two credentials about none, and what was decoded is wiped.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "ngx_http_auth_toktab_module.h"
#include "text.h"
#include "token.h"

enum { HEADERS_MOST = 8, ALLOCATIONS = 16, CONTEXT_ALLOCATIONS = 2 };

ngx_module_t ngx_http_auth_toktab_module, ngx_http_core_module = {.ctx_index = 1};

/* ---- nginx ---- */

static struct {
    unsigned char *at;
    size_t size;
} allocated[ALLOCATIONS];
static size_t allocations;

void *ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    void *memory = calloc(1, size > 0 ? size : 1);

    (void)pool;
    if (!memory || allocations == ALLOCATIONS)
        abort();
    allocated[allocations].at = memory;
    allocated[allocations++].size = size;
    return memory;
}

void *ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return ngx_pcalloc(pool, size);
}

ngx_pool_cleanup_t *ngx_pool_cleanup_add(ngx_pool_t *pool, size_t size)
{
    ngx_pool_cleanup_t *cleanup = ngx_pcalloc(pool, sizeof(*cleanup));

    cleanup->data = ngx_pcalloc(pool, size);
    cleanup->next = pool->cleanup;
    pool->cleanup = cleanup;
    return cleanup;
}

ngx_int_t ngx_strncasecmp(u_char *a, u_char *b, size_t length)
{
    return strncasecmp((char *)a, (char *)b, length);
}

void ngx_explicit_memzero(void *memory, size_t size)
{
    explicit_bzero(memory, size);
}

void ngx_cdecl ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t error, const char *format, ...)
{
    (void)level, (void)log, (void)error, (void)format;
}

/* As nginx does it: up to the first '=', whatever follows. */
ngx_int_t ngx_decode_base64(ngx_str_t *plain, ngx_str_t *encoded)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    u_char *to = plain->data;
    size_t length = 0;
    uint32_t bits = 0;

    for (; length < encoded->len && encoded->data[length] != '='; length++)
        if (encoded->data[length] == '\0' || !strchr(digits, encoded->data[length]))
            return NGX_ERROR;
    if (length % 4 == 1)
        return NGX_ERROR;
    for (size_t i = 0; i < length; i++) {
        bits = bits << 6 | (uint32_t)(strchr(digits, encoded->data[i]) - digits);
        if (i % 4 > 0)
            *to++ = (u_char)(bits >> (6 - i % 4 * 2));
    }
    plain->len = (size_t)(to - plain->data);
    return NGX_OK;
}

/* The user name and the password of Basic. */
ngx_int_t ngx_http_auth_basic_user(ngx_http_request_t *r)
{
    ngx_str_t encoded = r->headers_in.authorization->value, plain;
    u_char *colon;

    r->headers_in.user.data = (u_char *)"";
    if (encoded.len < 6 || strncasecmp((char *)encoded.data, "Basic ", 6) != 0)
        return NGX_DECLINED;
    for (encoded.data += 6, encoded.len -= 6; encoded.len > 0 && *encoded.data == ' '; encoded.len--)
        encoded.data++;
    plain.data = ngx_pnalloc(r->pool, ngx_base64_decoded_length(encoded.len) + 1);
    if (ngx_decode_base64(&plain, &encoded) != NGX_OK)
        return NGX_DECLINED;
    colon = memchr(plain.data, ':', plain.len);
    if (!colon || colon == plain.data)
        return NGX_DECLINED;
    r->headers_in.user = (ngx_str_t){(size_t)(colon - plain.data), plain.data};
    r->headers_in.passwd = (ngx_str_t){(size_t)(plain.data + plain.len - colon - 1), colon + 1};
    return NGX_OK;
}

/* Would nginx find it as $http_x_key? */
static bool is_own(const ngx_table_elt_t *header)
{
    const char *name = (const char *)header->key.data;

    return header->key.len == 5 && strncasecmp(name, "x", 1) == 0 && (name[1] == '-' || name[1] == '_') &&
           strncasecmp(name + 2, "key", 3) == 0;
}

ngx_http_variable_value_t *ngx_http_get_flushed_variable(ngx_http_request_t *r, ngx_uint_t index)
{
    static ngx_http_variable_value_t value;
    const ngx_table_elt_t *headers = r->headers_in.headers.part.elts;

    (void)index;
    value = (ngx_http_variable_value_t){.not_found = 1};
    for (ngx_uint_t i = r->headers_in.headers.part.nelts; i-- > 0;)
        if (is_own(&headers[i]))
            value = (ngx_http_variable_value_t){.len = (unsigned)headers[i].value.len & 0xfffffff,
                                                .data = headers[i].value.data};
    return &value;
}

/* ---- the rest of the module, and the library ---- */

static struct toktab_result result;
static char asked[1 << 14]; /* of the library */
static ssize_t asked_length;

enum toktab_verdict toktab_verify(struct toktab *table, const char *token, size_t length,
                                  const struct toktab_request *request, struct toktab_result *answer)
{
    (void)table, (void)request;
    assert(length < sizeof(asked) && asked_length < 0);
    memcpy(asked, token, length);
    asked_length = (ssize_t)length;
    return answer->verdict = TOKTAB_DENY;
}

const char *toktab_reason_name(enum toktab_reason reason)
{
    (void)reason;
    return "malformed";
}

struct toktab_result *ngx_http_auth_toktab_new_result(void)
{
    return &result;
}

ngx_int_t ngx_http_auth_toktab_take_identity(ngx_http_request_t *r, ngx_http_auth_toktab_answer_t *last)
{
    (void)r, (void)last;
    return NGX_OK;
}

ngx_int_t ngx_http_auth_toktab_keep(ngx_http_auth_toktab_answer_t *last)
{
    (void)last;
    return NGX_OK;
}

void ngx_http_auth_toktab_forget(const ngx_http_auth_toktab_answer_t *last)
{
    (void)last;
}

void ngx_http_auth_toktab_count(ngx_http_request_t *r, const ngx_http_auth_toktab_loc_conf_t *conf,
                                ngx_http_auth_toktab_ctx_t *ctx)
{
    (void)r, (void)conf, (void)ctx;
}

ngx_uint_t ngx_http_auth_toktab_user_may_be_key(ngx_http_request_t *r)
{
    (void)r;
    return 0;
}

ngx_int_t ngx_http_auth_toktab_refuse(ngx_http_request_t *r, ngx_http_auth_toktab_ctx_t *ctx,
                                      ngx_int_t status, const ngx_str_t *error)
{
    (void)r, (void)ctx, (void)error;
    return status;
}

/* ---- what must come out ---- */

static struct span trimmed(struct span text)
{
    while (text.length > 0 && (*text.at == ' ' || *text.at == '\t'))
        text.at++, text.length--;
    while (text.length > 0 && (text.at[text.length - 1] == ' ' || text.at[text.length - 1] == '\t'))
        text.length--;
    return text;
}

/* What follows a scheme; at is NULL where it is another. */
static struct span behind_scheme(struct span header, const char *scheme)
{
    size_t length = strlen(scheme), spaces = 0;

    if (header.length < length || strncasecmp(header.at, scheme, length) != 0)
        return (struct span){NULL, 0};
    while (length + spaces < header.length && header.at[length + spaces] == ' ')
        spaces++;
    if (spaces == 0 && header.length > length)
        return (struct span){NULL, 0};
    return (struct span){header.at + length + spaces, header.length - length - spaces};
}

static void assert_asked(struct span text)
{
    assert(asked_length == (ssize_t)text.length && memcmp(asked, text.at, text.length) == 0);
}

static void assert_asked_password(struct span encoded)
{
    char *plain = malloc(encoded.length + 1), *colon = NULL;
    ngx_str_t to = {0, (u_char *)plain}, from = {encoded.length, (u_char *)encoded.at};

    if (ngx_decode_base64(&to, &from) == NGX_OK)
        colon = memchr(plain, ':', to.len);
    assert_asked(colon ? (struct span){colon + 1, (size_t)(plain + to.len - colon - 1)} : span_of(""));
    free(plain);
}

static struct span span_of_value(const ngx_table_elt_t *header)
{
    return trimmed((struct span){(char *)header->value.data, header->value.len});
}

static void check_credentials(ngx_int_t status, const ngx_http_request_t *r,
                              const ngx_http_auth_toktab_loc_conf_t *conf)
{
    const ngx_list_part_t *part = &r->headers_in.headers.part;
    const ngx_table_elt_t *headers = part->elts;
    struct span header =
        r->headers_in.authorization ? span_of_value(r->headers_in.authorization) : span_of("");
    struct span bearer = behind_scheme(header, "Bearer"), basic = behind_scheme(header, "Basic");
    struct span own = span_of("");
    bool may_own = conf->token_variable != NGX_CONF_UNSET;
    bool has_basic = conf->basic != NGX_HTTP_AUTH_TOKTAB_BASIC_OFF && basic.at;
    unsigned owns = 0;

    for (ngx_uint_t i = 0; may_own && i < part->nelts; i++)
        if (is_own(&headers[i]) && owns++ == 0)
            own = span_of_value(&headers[i]);
    assert(status ==
           (owns > 1 || (own.length > 0 && has_basic) ? NGX_HTTP_BAD_REQUEST : NGX_HTTP_UNAUTHORIZED));
    if (status == NGX_HTTP_BAD_REQUEST)
        assert(asked_length < 0);
    else if (own.length > 0)
        assert_asked(own);
    else if (!may_own && bearer.at)
        assert_asked(bearer);
    else if (has_basic)
        assert_asked_password(basic);
    else
        assert(asked_length < 0);
}

static void assert_wiped(size_t from)
{
    for (size_t i = from; i < allocations; i++)
        for (size_t j = 0; j < allocated[i].size; j++)
            assert(allocated[i].at[j] == 0);
}

/* Is there a token in a user name? */
static bool holds_token(const ngx_str_t *user)
{
    const char *id;

    for (size_t i = 0; i + TOKEN_BODY < user->len; i++)
        for (size_t prefix = PREFIX_MIN; user->data[i] == '_' && prefix <= PREFIX_MAX && prefix <= i;
             prefix++)
            if (token_shape_valid((char *)user->data + i - prefix, prefix + 1 + TOKEN_BODY, &id))
                return true;
    return false;
}

/* A user name that is a token is none, and what was decoded to see that is wiped. */
static void check_user(ngx_http_request_t *r)
{
    bool is_basic = ngx_http_auth_basic_user(r) == NGX_OK, holds = holds_token(&r->headers_in.user);
    size_t before = allocations;

    r->headers_in.user = r->headers_in.passwd = (ngx_str_t){0, NULL};
    assert(ngx_http_auth_toktab_post_read(r) == NGX_DECLINED);
    assert(r->headers_in.user.len == 0 && r->headers_in.passwd.len == 0);
    assert(!holds || r->headers_in.user.data);
    if (is_basic)
        assert_wiped(before);
}

/* ---- a request ---- */

/* A header in memory of its own. */
static ngx_table_elt_t new_header(const char *name, size_t name_length, const char *value, size_t length)
{
    char *text = malloc(name_length + 1), *copy = malloc(length > 0 ? length : 1);

    memcpy(text, name, name_length);
    memcpy(copy, value, length);
    return (ngx_table_elt_t){.key = {name_length, (u_char *)text}, .value = {length, (u_char *)copy}};
}

/* The first two bytes choose the location; the first line is Authorization, and each other a header
 * NAME:VALUE. */
static size_t make_headers(ngx_table_elt_t headers[HEADERS_MOST], const char *text, size_t size)
{
    const char *end = text + size, *lf, *colon;
    size_t count = 0;

    for (; count < HEADERS_MOST; text = lf + 1) {
        lf = size > 0 ? memchr(text, '\n', (size_t)(end - text)) : NULL;
        lf = lf ? lf : end;
        colon = count > 0 ? memchr(text, ':', (size_t)(lf - text)) : NULL;
        if (count == 0)
            headers[count++] = new_header("Authorization", 13, text, (size_t)(lf - text));
        else if (colon)
            headers[count++] = new_header(text, (size_t)(colon - text), colon + 1, (size_t)(lf - colon - 1));
        if (lf == end)
            break;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned kind = take_number(&data, &size, 12);
    bool own = kind / 3 % 2;
    ngx_http_auth_toktab_main_conf_t main_conf = {.table = NULL};
    ngx_http_auth_toktab_loc_conf_t conf = {
        .domain = ngx_string("default"), .basic = kind % 3, .token_variable = own ? 0 : NGX_CONF_UNSET};
    ngx_table_elt_t headers[HEADERS_MOST];
    void *main_confs[] = {&main_conf}, *loc_confs[] = {&conf}, *contexts[] = {NULL};
    ngx_log_t log = {.log_level = NGX_LOG_DEBUG};
    ngx_connection_t connection = {.log = &log};
    ngx_pool_t pool = {.cleanup = NULL};
    ngx_http_request_t r = {.pool = &pool,
                            .connection = &connection,
                            .main_conf = main_confs,
                            .loc_conf = loc_confs,
                            .ctx = contexts};
    size_t count = make_headers(headers, (const char *)data, size);

    if (own)
        ngx_str_set(&conf.token_header, "x_key");
    r.main = &r;
    r.headers_in.headers.part = (ngx_list_part_t){.elts = headers, .nelts = count};
    r.headers_in.authorization = kind < 6 ? &headers[0] : NULL;
    asked_length = -1;
    check_credentials(ngx_http_auth_toktab_access(&r), &r, &conf);
    assert_wiped(CONTEXT_ALLOCATIONS);
    if (r.headers_in.authorization)
        check_user(&r);
    while (allocations > 0)
        free(allocated[--allocations].at);
    while (count > 0) {
        free(headers[--count].key.data);
        free(headers[count].value.data);
    }
    return 0;
}
