/*
 * ngx_http_auth_toktab_answer.c - auth_toktab_answer: tells other servers whether a request is admitted.
 *
 * The location has no content of its own: nginx's auth_request, or another proxy, asks it with the client's
 * request. nginx runs no access phase for the subrequests of auth_request, so here the content handler checks
 * their token.
 */
#include "ngx_http_auth_toktab_module.h"

/* ---- JSON ---- */

static u_char *put(u_char *p, const char *text)
{
    return ngx_cpymem(p, text, ngx_strlen(text));
}

static u_char *put_string(u_char *p, const char *name, const ngx_str_t *value)
{
    p = put(p, name);
    if (value->len == 0)
        return put(p, "null");
    *p++ = '"';
    p = (u_char *)ngx_escape_json(p, value->data, value->len);
    *p++ = '"';
    return p;
}

/* "read,write" as an array; a scope has no character that JSON escapes, but the store may be anybody's. */
static u_char *put_scopes(u_char *p, const ngx_str_t *scopes)
{
    u_char *start = scopes->data, *end = scopes->data + scopes->len, *comma;
    ngx_str_t scope;

    p = put(p, ",\"scopes\":[");
    while (start < end) {
        comma = ngx_strlchr(start, end, ',');
        scope.data = start;
        scope.len = (size_t)((comma == NULL ? end : comma) - start);
        p = put_string(p, start == scopes->data ? "" : ",", &scope);
        start += scope.len + 1;
    }
    return put(p, "]");
}

/* Whom the request was admitted for: nobody where another module admitted it ("satisfy any"). */
static u_char *put_identity(u_char *p, const ngx_http_auth_toktab_answer_t *last)
{
    static const ngx_http_auth_toktab_answer_t nobody = {.expires = TOKTAB_NEVER};

    if (last->verdict != TOKTAB_ALLOW)
        last = &nobody;
    p = put_string(p, ",\"id\":", &last->id);
    p = last->serial == 0 ? put(p, ",\"serial\":null") : ngx_sprintf(p, ",\"serial\":%uL", last->serial);
    p = put_string(p, ",\"label\":", &last->label);
    p = put_string(p, ",\"user\":", &last->user);
    p = put_scopes(p, &last->scopes);
    p = put(p, ",\"expires\":");
    if (last->expires == TOKTAB_NEVER)
        return put(p, "null");
    *p++ = '"';
    p = ngx_http_auth_toktab_put_time(p, last->expires);
    *p++ = '"';
    return p;
}

static ngx_int_t make_json(ngx_http_request_t *r, const ngx_http_auth_toktab_answer_t *last,
                           ngx_uint_t is_admitted, ngx_str_t *json)
{
    const ngx_http_auth_toktab_loc_conf_t *conf =
        ngx_http_get_module_loc_conf(r, ngx_http_auth_toktab_module);
    ngx_str_t reason;
    u_char *p;

    /* a byte of a text takes at most six, and so does a comma between scopes */
    p = ngx_pnalloc(r->pool, 256 + NGX_INT64_LEN + NGX_HTTP_AUTH_TOKTAB_TIME_SIZE +
                                 6 * (conf->domain.len + last->id.len + last->label.len + last->user.len +
                                      last->scopes.len));
    if (p == NULL)
        return NGX_ERROR;
    json->data = p;
    p = put_string(
        p, is_admitted ? "{\"active\":true,\"domain\":" : "{\"active\":false,\"domain\":", &conf->domain);
    if (is_admitted) {
        p = put_identity(p, last);
    } else {
        reason.data = (u_char *)ngx_http_auth_toktab_reason(last);
        reason.len = ngx_strlen(reason.data);
        p = put_string(p, ",\"reason\":", &reason);
    }
    p = put(p, "}\n");
    json->len = (size_t)(p - json->data);
    return NGX_OK;
}

/* ---- the answer ---- */

static ngx_int_t respond(ngx_http_request_t *r, ngx_int_t status, const ngx_str_t *body)
{
    static ngx_str_t json = ngx_string("application/json");
    ngx_http_complex_value_t value = {.value = *body};

    return ngx_http_send_response(r, (ngx_uint_t)status, &json, &value);
}

/* status: what refuses the request, whatever error_page led here; NGX_OK: it is admitted. */
static ngx_int_t send_json(ngx_http_request_t *r, ngx_http_auth_toktab_ctx_t *ctx, ngx_int_t status)
{
    ngx_str_t json;

    if (ngx_http_auth_toktab_keep(&ctx->last) != NGX_OK ||
        make_json(r, &ctx->last, status == NGX_OK, &json) != NGX_OK)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    if (status == NGX_OK)
        return respond(r, NGX_HTTP_OK, &json);
    r->err_status = (ngx_uint_t)status;
    return respond(r, status, &json);
}

static ngx_int_t answer_handler(ngx_http_request_t *r)
{
    static const ngx_str_t nothing = ngx_null_string;
    const ngx_http_auth_toktab_loc_conf_t *conf =
        ngx_http_get_module_loc_conf(r, ngx_http_auth_toktab_module);
    ngx_http_auth_toktab_ctx_t *ctx = ngx_http_auth_toktab_make_ctx(r);
    ngx_int_t rc = NGX_OK;

    if (ctx == NULL || conf->domain.len == 0)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    if (!ctx->settled)
        rc = ngx_http_auth_toktab_check(r, ctx);
    if (conf->answer == ANSWER_JSON && rc != NGX_HTTP_INTERNAL_SERVER_ERROR)
        return send_json(r, ctx, rc);
    return rc == NGX_OK ? respond(r, NGX_HTTP_NO_CONTENT, &nothing) : rc;
}

/* Under "satisfy any" another module may still admit the request. */
ngx_int_t ngx_http_auth_toktab_answer_access(ngx_http_request_t *r)
{
    ngx_int_t rc = ngx_http_auth_toktab_access(r);
    const ngx_http_auth_toktab_loc_conf_t *conf;
    const ngx_http_core_loc_conf_t *clcf;

    if (rc < NGX_HTTP_SPECIAL_RESPONSE || rc == NGX_HTTP_INTERNAL_SERVER_ERROR)
        return rc;
    conf = ngx_http_get_module_loc_conf(r, ngx_http_auth_toktab_module);
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    if (conf->answer != ANSWER_JSON || clcf->satisfy == NGX_HTTP_SATISFY_ANY)
        return rc;
    ngx_http_finalize_request(r, send_json(r, ngx_http_auth_toktab_get_ctx(r), rc));
    return NGX_DONE;
}

/* ---- the directive ---- */

char *ngx_http_auth_toktab_set_answer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_auth_toktab_loc_conf_t *lcf = conf;
    ngx_http_core_loc_conf_t *clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    ngx_str_t *value = cf->args->elts;

    if (lcf->answer != ANSWER_NONE)
        return "is duplicate";
    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "json") != 0)
        return "takes \"json\" or nothing";
    if (clcf->handler != NULL)
        return "is not the only content of the location";
    lcf->answer = cf->args->nelts == 2 ? ANSWER_JSON : ANSWER_EMPTY;
    clcf->handler = answer_handler;
    return ngx_http_auth_toktab_note_detail(cf, cmd, lcf, DETAIL_ANSWER);
}

/*
 * "limit_except" and "if" have the content of their location, other locations inside do not. An error_page,
 * perhaps inherited, could make 200 of the refusal, and who asks would admit the request.
 */
char *ngx_http_auth_toktab_merge_answer(ngx_conf_t *cf, const ngx_http_auth_toktab_loc_conf_t *prev,
                                        ngx_http_auth_toktab_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t *clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->answer != ANSWER_NONE && clcf->handler != answer_handler) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "toktab: \"auth_toktab_answer\" is not the only content of location \"%V\"",
                      &clcf->name);
        return NGX_CONF_ERROR;
    }
    if (prev->answer != ANSWER_NONE && clcf->noname && clcf->handler == NULL) {
        conf->answer = prev->answer;
        clcf->handler = answer_handler;
    }
    if (conf->answer != ANSWER_NONE)
        clcf->error_pages = NULL;
    return NGX_CONF_OK;
}
