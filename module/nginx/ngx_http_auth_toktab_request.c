/*
 * ngx_http_auth_toktab_request.c - finds the credentials of a request, and keeps its context.
 */
#include "ngx_http_auth_toktab_module.h"

/* ---- the context ---- */

/* The end of a context. It also marks the context: an internal redirect clears nginx's pointer to it, but not
 * the pool's list of clean-ups. */
static void context_end(void *data)
{
    const ngx_http_auth_toktab_ctx_t *ctx = data;

    ngx_http_auth_toktab_forget(&ctx->last);
}

ngx_http_auth_toktab_ctx_t *ngx_http_auth_toktab_get_ctx(ngx_http_request_t *r)
{
    ngx_http_auth_toktab_ctx_t *ctx = ngx_http_get_module_ctx(r, ngx_http_auth_toktab_module);
    ngx_pool_cleanup_t *cleanup;

    if (ctx != NULL || r != r->main || !(r->internal || r->filter_finalize))
        return ctx;
    for (cleanup = r->pool->cleanup; cleanup != NULL; cleanup = cleanup->next) {
        if (cleanup->handler == context_end)
            return cleanup->data;
    }
    return NULL;
}

ngx_http_auth_toktab_ctx_t *ngx_http_auth_toktab_make_ctx(ngx_http_request_t *r)
{
    ngx_http_auth_toktab_ctx_t *ctx = ngx_http_get_module_ctx(r, ngx_http_auth_toktab_module);
    ngx_pool_cleanup_t *cleanup;

    if (ctx != NULL)
        return ctx;
    ctx = ngx_http_auth_toktab_get_ctx(r);
    if (ctx != NULL) {
        ctx->settled = 0; /* after the redirect, the access phase runs again */
    } else if (r != r->main) {
        ctx = ngx_pcalloc(r->pool, sizeof(*ctx)); /* not for the pool's list, which is the main request's */
        if (ctx == NULL)
            return NULL;
    } else {
        cleanup = ngx_pool_cleanup_add(r->pool, sizeof(*ctx));
        if (cleanup == NULL)
            return NULL;
        cleanup->handler = context_end;
        ctx = cleanup->data;
        ngx_memzero(ctx, sizeof(*ctx));
    }
    ngx_http_set_ctx(r, ctx, ngx_http_auth_toktab_module);
    return ctx;
}

/* ---- what the client presented ---- */

/* Optional white space around a value (RFC 9110, section 5.5): nginx itself removes only spaces. */
static void trim(ngx_str_t *value)
{
    while (value->len != 0 && (value->data[0] == ' ' || value->data[0] == '\t')) {
        value->data++;
        value->len--;
    }
    while (value->len != 0 && (value->data[value->len - 1] == ' ' || value->data[value->len - 1] == '\t'))
        value->len--;
}

/* Does the value have this scheme, in upper or lower case? rest: what follows the scheme. */
static ngx_inline ngx_uint_t has_scheme(const ngx_str_t *value, const char *scheme, size_t length,
                                        ngx_str_t *rest)
{
    if (value->len < length)
        return 0;
    if (ngx_memcmp(value->data, scheme, length) != 0 && /* the usual spelling, compared fast */
        ngx_strncasecmp(value->data, (u_char *)scheme, length) != 0)
        return 0;
    rest->data = value->data + length;
    rest->len = value->len - length;
    if (rest->len != 0 && *rest->data != ' ')
        return 0;
    while (rest->len != 0 && *rest->data == ' ') {
        rest->data++;
        rest->len--;
    }
    return 1;
}

static ngx_int_t from_variable(ngx_http_request_t *r, const ngx_http_auth_toktab_loc_conf_t *conf,
                               ngx_http_auth_toktab_credentials_t *found)
{
    ngx_http_variable_value_t *value;

    /* nginx itself takes the first of two headers (before 1.23) or joins them. */
    if (conf->token_header.len != 0 && ngx_http_auth_toktab_count_headers(r, &conf->token_header) > 1)
        return NGX_HTTP_BAD_REQUEST;

    value = ngx_http_get_flushed_variable(r, (ngx_uint_t)conf->token_variable);
    if (value == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    if (value->not_found)
        return NGX_DECLINED;
    found->text.data = value->data;
    found->text.len = value->len;
    trim(&found->text);
    return found->text.len == 0 ? NGX_DECLINED : NGX_OK;
}

ngx_int_t ngx_http_auth_toktab_find_credentials(ngx_http_request_t *r,
                                                const ngx_http_auth_toktab_loc_conf_t *conf,
                                                ngx_http_auth_toktab_credentials_t *found)
{
    ngx_str_t authorization = ngx_null_string;
    ngx_int_t rc = NGX_DECLINED;
    ngx_str_t basic;

    if (r->headers_in.authorization != NULL)
        authorization = r->headers_in.authorization->value;
    trim(&authorization);
    found->basic = 0;
    if (conf->token_variable != NGX_CONF_UNSET)
        rc = from_variable(r, conf, found);
    else if (has_scheme(&authorization, "Bearer", 6, &found->text))
        return NGX_OK;

    if (conf->basic && has_scheme(&authorization, "Basic", 5, &basic)) {
        if (rc != NGX_DECLINED)
            return NGX_HTTP_BAD_REQUEST;
        found->text = basic;
        found->basic = 1;
        return NGX_OK;
    }
    return rc;
}

ngx_uint_t ngx_http_auth_toktab_count_headers(ngx_http_request_t *r, const ngx_str_t *name)
{
    ngx_list_part_t *part;
    ngx_table_elt_t *header;
    ngx_uint_t i, count = 0;
    size_t n;
    u_char c;

    for (part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        header = part->elts;
        for (i = 0; i < part->nelts; i++) {
            if (header[i].key.len != name->len)
                continue;
            for (n = 0; n < name->len; n++) {
                c = (u_char)ngx_tolower(header[i].key.data[n]);
                if ((c == '-' ? '_' : c) != ngx_tolower(name->data[n]))
                    break;
            }
            count += n == name->len;
        }
    }
    return count;
}
