/*
 * ngx_http_auth_toktab_access.c - asks the library about a request, and answers for nginx.
 *
 * MUST admit a request on TOKTAB_ALLOW alone: whatever else the library says, now or in a later
 * version, refuses it. MUST NOT keep, log or show the token.
 *
 * The library may have answered already: a variable was read before the access phase (limit_req_zone), or
 * nginx has redirected the request internally ("/" to "/index.html"), cleared the module's context and runs
 * the access phase again. So the module finds its answer through the request's pool. The access phase uses it
 * if the question is the same and the answer at most a millisecond old: limit_req may have held the request
 * for seconds since. Then a request that begins after a revocation was acknowledged is refused, as
 * module/lib/reader.h proves: its first question comes after that, and so do all others.
 */
#include "ngx_http_auth_toktab_module.h"

#include <time.h>

/* ---- the verdict ---- */

static ngx_uint_t same(const ngx_str_t *a, const ngx_str_t *b)
{
    return a->len == b->len && (a->len == 0 || ngx_memcmp(a->data, b->data, a->len) == 0);
}

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Is this the last question again? The same credentials are the same bytes of memory. */
static ngx_uint_t is_answered(const ngx_http_auth_toktab_answer_t *last, ngx_http_request_t *r,
                              const ngx_http_auth_toktab_loc_conf_t *conf,
                              const ngx_http_auth_toktab_credentials_t *found)
{
    return last->credentials.data == found->text.data && last->credentials.len == found->text.len &&
           last->client == r->connection->sockaddr && same(&last->domain, &conf->domain) &&
           same(&last->demanded_scopes, &conf->scopes);
}

/*
 * The token is the password of "user:password" in base64; anything else is a malformed token. The user name
 * is ignored: a client can write any name.
 */
static ngx_int_t verify_basic(ngx_http_request_t *r, struct toktab *table, ngx_str_t *encoded,
                              const struct toktab_request *request, struct toktab_result *result)
{
    size_t size = ngx_base64_decoded_length(encoded->len);
    ngx_str_t plain = {0, ngx_pnalloc(r->pool, size)};
    u_char *password = NULL;

    if (plain.data == NULL)
        return NGX_ERROR;
    if (ngx_decode_base64(&plain, encoded) == NGX_OK)
        password = ngx_strlchr(plain.data, plain.data + plain.len, ':');
    if (password == NULL)
        toktab_verify(table, "", 0, request, result);
    else
        toktab_verify(table, (char *)password + 1, (size_t)(plain.data + plain.len - password - 1), request,
                      result);
    ngx_explicit_memzero(plain.data, size);
    return NGX_OK;
}

static void clear_answer(ngx_http_auth_toktab_answer_t *last)
{
    ngx_http_auth_toktab_forget(last);
    *last = (ngx_http_auth_toktab_answer_t){0};
}

static ngx_int_t verify(ngx_http_request_t *r, const ngx_http_auth_toktab_loc_conf_t *conf,
                        ngx_http_auth_toktab_credentials_t *found, ngx_http_auth_toktab_answer_t *last)
{
    ngx_http_auth_toktab_main_conf_t *mcf = ngx_http_get_module_main_conf(r, ngx_http_auth_toktab_module);
    struct toktab_request request = {
        .size = sizeof(request),
        .domain = (const char *)conf->domain.data,
        .scopes = (const char *)conf->scopes.data,
        .client = r->connection->sockaddr,
    };
    struct toktab_result *result;

    clear_answer(last);
    result = ngx_http_auth_toktab_new_result();
    if (!found->basic)
        toktab_verify(mcf->table, (const char *)found->text.data, found->text.len, &request, result);
    else if (verify_basic(r, mcf->table, &found->text, &request, result) != NGX_OK)
        return NGX_ERROR;

    last->verdict = result->verdict;
    last->reason = result->reason;
    if (ngx_http_auth_toktab_take_identity(r, last) != NGX_OK)
        return NGX_ERROR;
    last->domain = conf->domain;
    last->demanded_scopes = conf->scopes;
    last->client = r->connection->sockaddr;
    last->credentials = found->text;
    return NGX_OK;
}

ngx_int_t ngx_http_auth_toktab_ask(ngx_http_request_t *r, ngx_http_auth_toktab_ctx_t *ctx, int64_t holds)
{
    const ngx_http_auth_toktab_loc_conf_t *conf =
        ngx_http_get_module_loc_conf(r, ngx_http_auth_toktab_module);
    ngx_http_auth_toktab_credentials_t found;
    int64_t began = now();
    ngx_int_t rc = ngx_http_auth_toktab_find_credentials(r, conf, &found);

    if (rc == NGX_OK) {
        ngx_uint_t again = is_answered(&ctx->last, r, conf, &found);

        if (again && began - ctx->last.asked <= holds)
            return NGX_OK;
        if (!again)
            ctx->logged = TOKTAB_REASON_NONE;
        if (verify(r, conf, &found, &ctx->last) != NGX_OK)
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        ctx->last.asked = began;
    } else if (rc != NGX_HTTP_INTERNAL_SERVER_ERROR) {
        clear_answer(&ctx->last);
        ctx->last.domain = conf->domain;
        ctx->last.unasked = rc;
    }
    return rc;
}

const char *ngx_http_auth_toktab_reason(const ngx_http_auth_toktab_answer_t *last)
{
    if (last->unasked == NGX_OK)
        return toktab_reason_name(last->reason);
    return last->unasked == NGX_DECLINED ? "missing" : "repeated";
}

/* Once for each question. Log the id, never what the client sent: that may be a token. */
static void log_refusal(ngx_http_request_t *r, ngx_http_auth_toktab_ctx_t *ctx)
{
    const ngx_http_auth_toktab_answer_t *last = &ctx->last;
    ngx_log_t *log = r->connection->log;

    if (last->reason == ctx->logged)
        return;
    ctx->logged = last->reason;
    if (last->verdict == TOKTAB_DENY)
        (void)ngx_http_auth_toktab_keep(&ctx->last);
    if (last->verdict == TOKTAB_ERROR) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "toktab: cannot check tokens: %s, domain: \"%V\"",
                      last->reason == TOKTAB_REASON_STORE ? "the store is in trouble"
                                                          : "the request is wrong",
                      &last->domain);
    } else if (last->verdict != TOKTAB_ALLOW) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "toktab: token denied: %s, domain: \"%V\", id: \"%V\"",
                      toktab_reason_name(last->reason), &last->domain, &last->id);
    }
}

/* ---- nginx's answer ---- */

#define INVALID_TOKEN(description) \
    ngx_string("error=\"invalid_token\", error_description=\"" description "\"")

/*
 * RFC 6750, section 3.1. A token that is not valid from this network or for this user is
 * "invalid_token" and 401 too: this code includes "invalid for other reasons", the only other code
 * for a well-formed request is about scopes, and the client needs another token.
 */
static const ngx_str_t *invalid_token(enum toktab_reason reason)
{
    static const ngx_str_t malformed = INVALID_TOKEN("The token is malformed");
    static const ngx_str_t unknown = INVALID_TOKEN("The token is unknown");
    static const ngx_str_t revoked = INVALID_TOKEN("The token was revoked");
    static const ngx_str_t expired = INVALID_TOKEN("The token has expired");
    static const ngx_str_t network = INVALID_TOKEN("The token is not valid from this address");
    static const ngx_str_t other = INVALID_TOKEN("The token is not valid");

    switch (reason) {
    case TOKTAB_REASON_MALFORMED:
        return &malformed;
    case TOKTAB_REASON_UNKNOWN:
        return &unknown;
    case TOKTAB_REASON_REVOKED:
        return &revoked;
    case TOKTAB_REASON_EXPIRED:
        return &expired;
    case TOKTAB_REASON_NETWORK:
        return &network;
    case TOKTAB_REASON_USER:
    case TOKTAB_REASON_UNSUPPORTED:
    case TOKTAB_REASON_SCOPE: /* no denial with a 401 has this reason or those below */
    case TOKTAB_REASON_NONE:
    case TOKTAB_REASON_STORE:
    case TOKTAB_REASON_REQUEST:
        break;
    }
    return &other;
}

static ngx_int_t answer(ngx_http_request_t *r, const ngx_http_auth_toktab_loc_conf_t *conf,
                        ngx_http_auth_toktab_ctx_t *ctx)
{
    switch (ctx->last.verdict) {
    case TOKTAB_ALLOW:
        return NGX_OK;
    case TOKTAB_DENY:
        if (ctx->last.reason == TOKTAB_REASON_SCOPE)
            return ngx_http_auth_toktab_refuse(r, ctx, NGX_HTTP_FORBIDDEN, &conf->scope_error);
        return ngx_http_auth_toktab_refuse(r, ctx, NGX_HTTP_UNAUTHORIZED, invalid_token(ctx->last.reason));
    case TOKTAB_ERROR:
        break;
    }
    return NGX_HTTP_SERVICE_UNAVAILABLE; /* also for verdicts of later versions */
}

/* The request has no token, or more than one. */
static ngx_int_t refuse_unasked(ngx_http_request_t *r, const ngx_http_auth_toktab_loc_conf_t *conf,
                                ngx_http_auth_toktab_ctx_t *ctx, ngx_int_t rc)
{
    static const ngx_str_t repeated =
        ngx_string("error=\"invalid_request\", error_description=\"More than one token\"");

    /* auth_request turns other statuses than 401 and 403 into 500 */
    if (rc == NGX_HTTP_BAD_REQUEST)
        return ngx_http_auth_toktab_refuse(
            r, ctx, conf->answer == ANSWER_NONE ? NGX_HTTP_BAD_REQUEST : NGX_HTTP_UNAUTHORIZED, &repeated);
    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "toktab: no token presented, domain: \"%V\"",
                  &conf->domain);
    return ngx_http_auth_toktab_refuse(r, ctx, NGX_HTTP_UNAUTHORIZED, NULL);
}

ngx_int_t ngx_http_auth_toktab_check(ngx_http_request_t *r, ngx_http_auth_toktab_ctx_t *ctx)
{
    const ngx_http_auth_toktab_loc_conf_t *conf =
        ngx_http_get_module_loc_conf(r, ngx_http_auth_toktab_module);
    ngx_int_t rc;

    ctx->settled = 1;
    ctx->checked = 1;
    ctx->foreign = conf->foreign != 0;
    ctx->passed = 0;
    rc = ngx_http_auth_toktab_ask(r, ctx, NGX_HTTP_AUTH_TOKTAB_ANSWER_HOLDS);
    if (rc == NGX_HTTP_INTERNAL_SERVER_ERROR)
        return rc;
    ngx_http_auth_toktab_count(r, conf, ctx);
    if (rc != NGX_OK)
        return refuse_unasked(r, conf, ctx, rc);
    log_refusal(r, ctx);
    return answer(r, conf, ctx);
}

ngx_int_t ngx_http_auth_toktab_access(ngx_http_request_t *r)
{
    const ngx_http_auth_toktab_loc_conf_t *conf =
        ngx_http_get_module_loc_conf(r, ngx_http_auth_toktab_module);
    ngx_http_auth_toktab_ctx_t *ctx;

    if (conf->domain.len == 0)
        return NGX_DECLINED;
    ctx = ngx_http_auth_toktab_make_ctx(r);
    return ctx == NULL ? NGX_HTTP_INTERNAL_SERVER_ERROR : ngx_http_auth_toktab_check(r, ctx);
}

/*
 * Under "satisfy any" a request that this module refused gets here if another module admits it: then
 * it is no longer refused. A refused request whose error_page is served gets here too, and stays
 * refused.
 */
ngx_int_t ngx_http_auth_toktab_precontent(ngx_http_request_t *r)
{
    ngx_http_auth_toktab_ctx_t *ctx = ngx_http_auth_toktab_get_ctx(r);

    if (r == r->main && ctx != NULL && r->err_status != ctx->refusal)
        ctx->refusal = 0;
    if (r == r->main && ctx != NULL && r->err_status == 0)
        ctx->passed = 1;
    return NGX_DECLINED;
}
