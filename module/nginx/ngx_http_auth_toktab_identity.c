/*
 * ngx_http_auth_toktab_identity.c - whose the token of a request is: texts that most requests never ask for.
 */
#include "ngx_http_auth_toktab_module.h"

/*
 * The latest answer in full: it is too large to keep for each request, and to copy its texts costs as much as
 * half of the hash. So a request gets a copy only when a variable asks for it, or when the next request asks
 * the library before this one ends.
 */
static struct {
    struct toktab_result result;
    ngx_http_auth_toktab_answer_t *of; /* NULL: the texts are copied, or nobody needs them */
    ngx_pool_t *pool;                  /* of that request */
} latest;

static u_char *keep_text(ngx_str_t *kept, u_char *p, const char *text, size_t len)
{
    kept->data = p;
    kept->len = len;
    return ngx_cpymem(p, text, len);
}

ngx_int_t ngx_http_auth_toktab_keep(ngx_http_auth_toktab_answer_t *last)
{
    const struct toktab_result *result = &latest.result;
    size_t id, label, user, scopes;
    u_char *p;

    if (latest.of != last)
        return NGX_OK;
    latest.of = NULL;
    id = ngx_strlen(result->id);
    label = ngx_strlen(result->label);
    user = ngx_strlen(result->user);
    scopes = ngx_strlen(result->scopes);
    p = ngx_pnalloc(latest.pool, id + label + user + scopes);
    if (p == NULL)
        return NGX_ERROR;
    p = keep_text(&last->id, p, result->id, id);
    p = keep_text(&last->label, p, result->label, label);
    p = keep_text(&last->user, p, result->user, user);
    keep_text(&last->scopes, p, result->scopes, scopes);
    return NGX_OK;
}

void ngx_http_auth_toktab_forget(const ngx_http_auth_toktab_answer_t *last)
{
    if (latest.of == last)
        latest.of = NULL;
}

/* The request of the latest answer goes on, and needs its texts: without memory for them it has no identity
 * any more. */
struct toktab_result *ngx_http_auth_toktab_new_result(void)
{
    struct toktab_result *result = &latest.result;

    if (latest.of != NULL)
        (void)ngx_http_auth_toktab_keep(latest.of);
    result->size = sizeof(*result);
    result->verdict = TOKTAB_ERROR; /* another version of the library may fill nothing in */
    result->reason = TOKTAB_REASON_REQUEST;
    result->id[0] = '\0';
    return result;
}

/* A subrequest's copy is made at once: nobody says when its context goes. */
ngx_int_t ngx_http_auth_toktab_take_identity(ngx_http_request_t *r, ngx_http_auth_toktab_answer_t *last)
{
    if (latest.result.id[0] == '\0')
        return NGX_OK;
    last->serial = latest.result.serial;
    last->expires = latest.result.expires;
    latest.of = last;
    latest.pool = r->pool;
    return r == r->main ? NGX_OK : ngx_http_auth_toktab_keep(last);
}
