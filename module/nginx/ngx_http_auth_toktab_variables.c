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

/* The answer for a request; NULL: no question was asked. A subrequest has that of its main request. */
static const ngx_http_auth_toktab_answer_t *answer_to(ngx_http_request_t *r)
{
    ngx_http_auth_toktab_ctx_t *ctx = ngx_http_auth_toktab_get_ctx(r->main);

    return ctx == NULL || ctx->last.credentials.data == NULL ? NULL : &ctx->last;
}

/* data: the offset of the text in the answer */
static ngx_int_t get_text(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    const ngx_http_auth_toktab_answer_t *last = answer_to(r);
    const ngx_str_t *text = last == NULL ? NULL : (const ngx_str_t *)((const u_char *)last + data);

    return text == NULL || text->data == NULL ? show_nothing(v) : show(v, text->data, text->len);
}

static ngx_int_t get_serial(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    const ngx_http_auth_toktab_answer_t *last = answer_to(r);
    u_char *text;

    if (last == NULL || last->serial == 0)
        return show_nothing(v);
    text = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (text == NULL)
        return NGX_ERROR;
    return show(v, text, (size_t)(ngx_sprintf(text, "%uL", last->serial) - text));
}

static ngx_int_t get_reason(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    const ngx_http_auth_toktab_answer_t *last = answer_to(r);
    const char *name;

    if (last == NULL)
        return show_nothing(v);
    name = toktab_reason_name(last->reason);
    return show(v, (u_char *)name, ngx_strlen(name));
}

/* Not cacheable: a value read before the access phase must not appear in the log after it. */
#define VARIABLE(name, ...) {ngx_string(name), NULL, __VA_ARGS__, NGX_HTTP_VAR_NOCACHEABLE, 0}
#define TEXT(field) get_text, offsetof(ngx_http_auth_toktab_answer_t, field)

static ngx_http_variable_t variables[] = {
    VARIABLE("toktab_id", TEXT(id)),          VARIABLE("toktab_serial", get_serial, 0),
    VARIABLE("toktab_label", TEXT(label)),    VARIABLE("toktab_user", TEXT(user)),
    VARIABLE("toktab_scopes", TEXT(scopes)),  VARIABLE("toktab_domain", TEXT(domain)),
    VARIABLE("toktab_reason", get_reason, 0), ngx_http_null_variable,
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
