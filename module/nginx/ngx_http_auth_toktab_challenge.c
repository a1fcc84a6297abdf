/*
 * ngx_http_auth_toktab_challenge.c - the WWW-Authenticate headers (RFC 6750, RFC 9110).
 *
 * The access phase only keeps the challenges; a header filter adds them when nginx sends the answer,
 * if the answer is still a refusal. If the access phase added the headers itself, they would stay on
 * the 200 of a request that another module admits under "satisfy any": auth_basic overwrites the
 * pointer by which nginx removes them.
 */
#include "ngx_http_auth_toktab_module.h"

static ngx_http_output_header_filter_pt next_header_filter;

/* ---- texts ---- */

/* PREFIX="VALUE", with quotes and backslashes in the value escaped. */
static ngx_int_t make_parameter(ngx_pool_t *pool, ngx_str_t *text, const char *prefix, const ngx_str_t *value)
{
    u_char *p = ngx_pnalloc(pool, ngx_strlen(prefix) + sizeof("=\"\"") + 2 * value->len);
    size_t i;

    if (p == NULL)
        return NGX_ERROR;
    text->data = p;
    p = ngx_cpymem(p, prefix, ngx_strlen(prefix));
    *p++ = '=';
    *p++ = '"';
    for (i = 0; i < value->len; i++) {
        if (value->data[i] == '"' || value->data[i] == '\\')
            *p++ = '\\';
        *p++ = value->data[i];
    }
    *p++ = '"';
    text->len = (size_t)(p - text->data);
    return NGX_OK;
}

/* The library separates scopes by commas, RFC 6750 by spaces. */
static ngx_int_t make_scope_error(ngx_pool_t *pool, ngx_str_t *text, const ngx_str_t *scopes)
{
    static const char prefix[] = "error=\"insufficient_scope\", scope";
    size_t i;

    if (make_parameter(pool, text, prefix, scopes) != NGX_OK)
        return NGX_ERROR;
    for (i = sizeof(prefix); i < text->len; i++) {
        if (text->data[i] == ',')
            text->data[i] = ' ';
    }
    return NGX_OK;
}

ngx_int_t ngx_http_auth_toktab_make_challenges(ngx_pool_t *pool, ngx_http_auth_toktab_loc_conf_t *conf)
{
    const ngx_str_t *realm = conf->realm.data != NULL ? &conf->realm : &conf->domain;

    if (conf->basic != NGX_HTTP_AUTH_TOKTAB_BASIC_OFF &&
        make_parameter(pool, &conf->basic_challenge, "Basic realm", realm) != NGX_OK)
        return NGX_ERROR;
    if (conf->basic != NGX_HTTP_AUTH_TOKTAB_BASIC_ONLY &&
        make_parameter(pool, &conf->bearer_challenge, "Bearer realm", realm) != NGX_OK)
        return NGX_ERROR;
    return make_scope_error(pool, &conf->scope_error, &conf->scopes);
}

ngx_int_t ngx_http_auth_toktab_refuse(ngx_http_request_t *r, ngx_http_auth_toktab_ctx_t *ctx,
                                      ngx_int_t status, const ngx_str_t *error)
{
    const ngx_http_auth_toktab_loc_conf_t *conf =
        ngx_http_get_module_loc_conf(r, ngx_http_auth_toktab_module);
    ngx_str_t *basic = &ctx->challenges[0], *bearer = &ctx->challenges[1];

    ngx_str_null(basic);
    if (status == NGX_HTTP_UNAUTHORIZED)
        *basic = conf->basic_challenge;
    *bearer = conf->bearer_challenge;
    if (error != NULL && bearer->len != 0) {
        bearer->data = ngx_pnalloc(r->pool, conf->bearer_challenge.len + 2 + error->len);
        if (bearer->data == NULL)
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        bearer->len =
            (size_t)(ngx_sprintf(bearer->data, "%V, %V", &conf->bearer_challenge, error) - bearer->data);
    }
    ctx->refusal = (ngx_uint_t)status;
    return status;
}

/* ---- the filter ---- */

/* auth_request finds the challenges of its subrequest here, and copies them: before 1.23 only one. */
static void hand_to_auth_request(ngx_http_request_t *r, ngx_table_elt_t *header)
{
    ngx_table_elt_t **place = &r->headers_out.www_authenticate;

#if (nginx_version >= 1023000)
    while (*place != NULL)
        place = &(*place)->next;
#else
    if (*place != NULL)
        return;
#endif
    *place = header;
}

static ngx_int_t add_challenge(ngx_http_request_t *r, const ngx_str_t *value)
{
    ngx_table_elt_t *header;

    if (value->len == 0)
        return NGX_OK;
    header = ngx_list_push(&r->headers_out.headers);
    if (header == NULL)
        return NGX_ERROR;
    ngx_memzero(header, sizeof(*header));
    header->hash = 1;
    ngx_str_set(&header->key, "WWW-Authenticate");
    header->value = *value;
    if (r != r->main)
        hand_to_auth_request(r, header);
    return NGX_OK;
}

/*
 * nginx refuses a second Authorization header while it reads the headers, before it knows the
 * location or its realm. The challenge is still due if the server accepts tokens at all.
 */
static ngx_uint_t is_repeated_authorization(ngx_http_request_t *r)
{
    static const ngx_str_t authorization = ngx_string("authorization");
    const ngx_http_auth_toktab_srv_conf_t *scf = ngx_http_get_module_srv_conf(r, ngx_http_auth_toktab_module);

    return scf->demands && ngx_http_auth_toktab_count_headers(r, &authorization) > 1;
}

/*
 * After the refusal, the status may have changed. A 401 from another module is still a refusal, and
 * the client still needs the challenge.
 */
static ngx_int_t add_challenges(ngx_http_request_t *r)
{
    static const ngx_str_t repeated = ngx_string("Bearer error=\"invalid_request\"");
    const ngx_http_auth_toktab_ctx_t *ctx = ngx_http_auth_toktab_get_ctx(r);
    ngx_uint_t status = r->headers_out.status;

    if (ctx == NULL || ctx->refusal == 0)
        return status == NGX_HTTP_BAD_REQUEST && is_repeated_authorization(r) ? add_challenge(r, &repeated)
                                                                              : NGX_OK;
    if (status != ctx->refusal && status != NGX_HTTP_UNAUTHORIZED)
        return NGX_OK;
    if (add_challenge(r, &ctx->challenges[0]) != NGX_OK)
        return NGX_ERROR;
    return add_challenge(r, &ctx->challenges[1]);
}

static ngx_int_t header_filter(ngx_http_request_t *r)
{
    if (r->headers_out.status >= NGX_HTTP_BAD_REQUEST && add_challenges(r) != NGX_OK)
        return NGX_ERROR;
    if (r != r->main)
        ngx_http_auth_toktab_notice(r); /* they have no log phase */
    return next_header_filter(r);
}

void ngx_http_auth_toktab_init_filter(void)
{
    next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = header_filter;
}
