/*
 * ngx_http_auth_toktab_variables.c - $toktab_id and its kin, for logs and upstreams. None of them
 * holds anything of the token.
 */
#include "ngx_http_auth_toktab_module.h"

/* A subrequest shows what its main request has. data is where in the context the text is. */
static ngx_int_t get_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_auth_toktab_ctx_t *ctx = ngx_http_auth_toktab_get_ctx(r->main);
    const ngx_str_t *text = ctx == NULL ? NULL : (const ngx_str_t *)((const u_char *)ctx + data);

    if (text == NULL || text->data == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->len = text->len & 0xfffffff;
    v->data = text->data;
    return NGX_OK;
}

/* Not cacheable: what is asked for before the access phase must not be what a log shows after it. */
#define VARIABLE(name, field)                                                                        \
    {ngx_string(name),         NULL, get_variable, offsetof(ngx_http_auth_toktab_ctx_t, last.field), \
     NGX_HTTP_VAR_NOCACHEABLE, 0}

static ngx_http_variable_t variables[] = {
    VARIABLE("toktab_id", id),
    VARIABLE("toktab_serial", serial),
    VARIABLE("toktab_label", label),
    VARIABLE("toktab_user", user),
    VARIABLE("toktab_scopes", scopes),
    VARIABLE("toktab_domain", domain),
    VARIABLE("toktab_reason", reason_name),
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
