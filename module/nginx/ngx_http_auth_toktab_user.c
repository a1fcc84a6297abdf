/*
 * ngx_http_auth_toktab_user.c - keeps tokens out of $remote_user.
 *
 * Some clients send a token as the user name of Basic authentication, and nginx's default access log shows
 * user names. So nginx is made to believe that such a request has no user name, before anything asks: in the
 * first phase, for auth_basic, whose error messages name the user; and in front of $remote_user, for requests
 * that nginx refuses and logs without running any phase.
 */
#include "ngx_http_auth_toktab_module.h"

static ngx_http_get_variable_pt get_remote_user;

static ngx_uint_t is_base62(u_char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/*
 * Is there anything like [a-z][a-z0-9]{1,15}_[0-9A-Za-z]{61}, the shape of a token, in a text? It counts
 * whatever stands around it and whatever its checksum, because a token with a typing error still tells too
 * much.
 */
static ngx_uint_t has_token(const ngx_str_t *text)
{
    enum { BODY = 61 };
    size_t i, body;

    for (i = 2; i < text->len; i++) {
        if (text->data[i] != '_' || !is_base62(text->data[i - 1]) || !is_base62(text->data[i - 2]))
            continue;
        for (body = 0; body < BODY && i + 1 + body < text->len; body++) {
            if (!is_base62(text->data[i + 1 + body]))
                break;
        }
        if (body == BODY)
            return 1;
    }
    return 0;
}

/*
 * What nginx decodes to find the user name also holds the password, so it is wiped. nginx decodes again when
 * it is asked for the user, unless it remembers that there is none.
 */
static void hide_token(ngx_http_request_t *r)
{
    ngx_str_t *user = &r->headers_in.user, *password = &r->headers_in.passwd;
    const ngx_table_elt_t *header = r->headers_in.authorization;
    ngx_uint_t hidden;

    if (header == NULL || header->value.len < 6 || ngx_tolower(header->value.data[1]) != 'a')
        return; /* not Basic: Bearer should cost nothing here */
    if (user->data != NULL || ngx_http_auth_basic_user(r) != NGX_OK)
        return;
    hidden = has_token(user);
    ngx_explicit_memzero(user->data, (size_t)(password->data + password->len - user->data));
    user->len = 0;
    user->data = hidden ? (u_char *)"" : NULL;
    ngx_str_null(password);
}

ngx_int_t ngx_http_auth_toktab_post_read(ngx_http_request_t *r)
{
    hide_token(r);
    return NGX_DECLINED;
}

static ngx_int_t remote_user(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    hide_token(r);
    if (ngx_http_auth_toktab_user_may_be_key(r)) {
        v->not_found = 1;
        return NGX_OK;
    }
    return get_remote_user(r, v, data);
}

/* nginx lets no module define the variable again, but looks its handlers up only after this. */
void ngx_http_auth_toktab_guard_remote_user(ngx_conf_t *cf)
{
    static const ngx_str_t name = ngx_string("remote_user");
    ngx_http_core_main_conf_t *cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    ngx_hash_key_t *key = cmcf->variables_keys->keys.elts;
    ngx_http_variable_t *variable;
    ngx_uint_t i;

    for (i = 0; i < cmcf->variables_keys->keys.nelts; i++) {
        if (key[i].key.len != name.len || ngx_memcmp(key[i].key.data, name.data, name.len) != 0)
            continue;
        variable = key[i].value;
        get_remote_user = variable->get_handler;
        variable->get_handler = remote_user;
        return;
    }
}
