/*
 * ngx_http_auth_toktab_variables.c - $toktab_id and the other variables, for logs and upstream
 * servers. None of them contains any part of the token's secret.
 */
#include "ngx_http_auth_toktab_module.h"

static ngx_int_t show(ngx_http_variable_value_t *v, u_char *data, size_t len)
{
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->len = len & 0xfffffff;
    v->data = data;
    return NGX_OK;
}

static ngx_int_t show_nothing(ngx_http_variable_value_t *v)
{
    v->not_found = 1;
    return NGX_OK;
}

/*
 * Is the access phase still to come? Not if the request is about to be answered without it: then there is a
 * status already.
 */
static ngx_uint_t is_early(ngx_http_request_t *r)
{
    const ngx_http_auth_toktab_loc_conf_t *conf =
        ngx_http_get_module_loc_conf(r, ngx_http_auth_toktab_module);
    const ngx_http_auth_toktab_ctx_t *ctx = ngx_http_get_module_ctx(r, ngx_http_auth_toktab_module);

    return conf->domain.len != 0 && r->headers_out.status == 0 && (ctx == NULL || !ctx->settled);
}

/*
 * The answer for a request; NULL: there is none. A subrequest has that of its main request, unless
 * auth_toktab_answer checks it (auth_request_set reads the variables of a subrequest). Before the access
 * phase the library is asked now, so that limit_req and map know the token. Until the access phase asks for
 * itself, the age of that answer does not matter.
 */
static const ngx_http_auth_toktab_answer_t *answer_to(ngx_http_request_t *r)
{
    const ngx_http_auth_toktab_loc_conf_t *conf =
        ngx_http_get_module_loc_conf(r, ngx_http_auth_toktab_module);
    ngx_http_auth_toktab_ctx_t *ctx;

    if (conf->answer == ANSWER_NONE)
        r = r->main;
    if (!is_early(r)) {
        ctx = ngx_http_auth_toktab_get_ctx(r);
    } else if ((ctx = ngx_http_auth_toktab_make_ctx(r)) != NULL) {
        ctx->settled = 1; /* the variable with the token may be made of these */
        ngx_http_auth_toktab_ask(r, ctx, INT64_MAX);
        ctx->settled = 0;
    }
    if (ctx == NULL || ctx->last.domain.data == NULL || ngx_http_auth_toktab_keep(&ctx->last) != NGX_OK)
        return NULL;
    return &ctx->last;
}

ngx_uint_t ngx_http_auth_toktab_user_may_be_key(ngx_http_request_t *r)
{
    const ngx_http_auth_toktab_loc_conf_t *conf =
        ngx_http_get_module_loc_conf(r->main, ngx_http_auth_toktab_module);
    const ngx_http_auth_toktab_answer_t *last;
    const ngx_http_auth_toktab_ctx_t *ctx;

    if (conf->foreign && is_early(r->main)) {
        last = answer_to(r->main);
        return last == NULL || last->verdict != TOKTAB_ALLOW;
    }
    ctx = ngx_http_auth_toktab_get_ctx(r->main);
    return ctx == NULL ? conf->foreign : (conf->foreign || ctx->foreign) && !ctx->passed;
}

/*
 * The answer for a request, if it may tell who it is. A refused token is named before the access phase, for
 * limits, and once the header is sent, for logs. In between "satisfy any" or an error_page may still have
 * somebody serve the request, who must not take it for the owner's.
 */
static const ngx_http_auth_toktab_answer_t *identity_of(ngx_http_request_t *r)
{
    const ngx_http_auth_toktab_loc_conf_t *conf =
        ngx_http_get_module_loc_conf(r, ngx_http_auth_toktab_module);
    const ngx_http_auth_toktab_answer_t *last = answer_to(r);

    if (last == NULL || last->id.data == NULL)
        return NULL;
    if (last->verdict == TOKTAB_ALLOW || (r == r->main && r->header_sent) ||
        is_early(conf->answer == ANSWER_NONE ? r->main : r))
        return last;
    return NULL;
}

static ngx_int_t get_domain(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    const ngx_http_auth_toktab_answer_t *last = answer_to(r);

    return last == NULL ? show_nothing(v) : show(v, last->domain.data, last->domain.len);
}

/* data: the offset of the text in the answer */
static ngx_int_t get_text(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    const ngx_http_auth_toktab_answer_t *last = identity_of(r);
    const ngx_str_t *text = last == NULL ? NULL : (const ngx_str_t *)((const u_char *)last + data);

    return text == NULL ? show_nothing(v) : show(v, text->data, text->len);
}

static ngx_int_t get_serial(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    const ngx_http_auth_toktab_answer_t *last = identity_of(r);
    u_char *text;

    if (last == NULL || last->serial == 0)
        return show_nothing(v);
    text = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (text == NULL)
        return NGX_ERROR;
    return show(v, text, (size_t)(ngx_sprintf(text, "%uL", last->serial) - text));
}

/* As the tool shows times. Empty for a token that does not expire. */
static ngx_int_t get_expires(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    const ngx_http_auth_toktab_answer_t *last = identity_of(r);
    u_char *text;

    if (last == NULL || last->expires == TOKTAB_NEVER)
        return show_nothing(v);
    text = ngx_pnalloc(r->pool, NGX_HTTP_AUTH_TOKTAB_TIME_SIZE);
    if (text == NULL)
        return NGX_ERROR;
    return show(v, text, (size_t)(ngx_http_auth_toktab_put_time(text, last->expires) - text));
}

static ngx_int_t get_reason(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    const ngx_http_auth_toktab_answer_t *last = answer_to(r);
    const char *name;

    if (last == NULL)
        return show_nothing(v);
    name = ngx_http_auth_toktab_reason(last);
    return show(v, (u_char *)name, ngx_strlen(name));
}

u_char *ngx_http_auth_toktab_put_time(u_char *p, int64_t time)
{
    ngx_tm_t tm;

    ngx_gmtime((time_t)time, &tm);
    return ngx_sprintf(p, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                       tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec);
}

/* Not cacheable: a value read before the access phase must not appear in the log after it. */
#define VARIABLE(name, ...) {ngx_string(name), NULL, __VA_ARGS__, NGX_HTTP_VAR_NOCACHEABLE, 0}
#define TEXT(field) get_text, offsetof(ngx_http_auth_toktab_answer_t, field)

static ngx_http_variable_t variables[] = {
    VARIABLE("toktab_id", TEXT(id)),
    VARIABLE("toktab_serial", get_serial, 0),
    VARIABLE("toktab_label", TEXT(label)),
    VARIABLE("toktab_user", TEXT(user)),
    VARIABLE("toktab_scopes", TEXT(scopes)),
    VARIABLE("toktab_domain", get_domain, 0),
    VARIABLE("toktab_reason", get_reason, 0),
    VARIABLE("toktab_expires", get_expires, 0),
    ngx_http_null_variable,
};

ngx_int_t ngx_http_auth_toktab_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t *v, *var;

    for (v = variables; v->name.len != 0; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL)
            return NGX_ERROR;
        var->get_handler = v->get_handler;
        var->data = v->data;
    }
    return NGX_OK;
}
