/*
 * ngx_http_auth_toktab_module.h - what the files of the nginx adapter share.
 *
 *   ngx_http_auth_toktab_module.c     the directives, and opening the table
 *   ngx_http_auth_toktab_request.c    what a request presented, and what is known of it
 *   ngx_http_auth_toktab_access.c     from a request to a verdict to nginx's answer
 *   ngx_http_auth_toktab_challenge.c  the WWW-Authenticate headers
 *   ngx_http_auth_toktab_variables.c  $toktab_...
 *
 * The adapter knows HTTP and nginx. What a token is, and whether it is good, only the library knows.
 */
#ifndef NGX_HTTP_AUTH_TOKTAB_MODULE_H
#define NGX_HTTP_AUTH_TOKTAB_MODULE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <toktab.h>

/* Where a directive stood, for what can only be found wrong when everything was parsed. */
typedef struct {
    ngx_str_t file;
    ngx_uint_t line; /* 0: there is no such directive */
} ngx_http_auth_toktab_place_t;

typedef struct {
    struct toktab *table; /* NULL where no location demands a token */
    ngx_str_t config;     /* data is NULL: the system's */
    ngx_http_auth_toktab_place_t config_place;
    ngx_http_auth_toktab_place_t first_demand;
} ngx_http_auth_toktab_main_conf_t;

typedef struct {
    ngx_flag_t demands; /* the server, or a location of it, demands a token */
} ngx_http_auth_toktab_srv_conf_t;

/* The texts end with a NUL; their data is NULL where there is no such directive. */
typedef struct {
    ngx_str_t domain; /* empty: off */
    ngx_http_auth_toktab_place_t domain_place;
    ngx_str_t scopes; /* "read,write" */
    ngx_http_auth_toktab_place_t scopes_place;
    ngx_str_t realm;
    ngx_int_t token_variable; /* its index, or NGX_CONF_UNSET */
    ngx_str_t token_header;   /* "x_api_key" if that variable is $http_x_api_key, else empty */
    ngx_flag_t basic;

    /* Made of the above, where a token is demanded. */
    ngx_str_t bearer_challenge;
    ngx_str_t basic_challenge; /* empty: is not offered */
    ngx_str_t scope_error;     /* the attributes that tell of a missing scope */
} ngx_http_auth_toktab_loc_conf_t;

/* A question to the library and its answer. */
typedef struct {
    ngx_str_t
        credentials; /* data is NULL: nothing was asked. They stay where nginx has them: no copy is kept */
    ngx_str_t domain;
    ngx_str_t demanded_scopes;
    const struct sockaddr *client;

    enum toktab_verdict verdict;
    enum toktab_reason reason;

    /* For the variables; data is NULL where there is nothing to show. */
    ngx_str_t id;
    ngx_str_t label;
    ngx_str_t user;
    ngx_str_t scopes;
    uint64_t serial; /* 0: none */
} ngx_http_auth_toktab_answer_t;

/* What is known of a request; it outlives internal redirects. */
typedef struct {
    ngx_http_auth_toktab_answer_t last;

    /* How the request was refused; 0: it was not, or somebody else admitted it. */
    ngx_uint_t refusal;
    ngx_str_t challenges[2]; /* empty: none */
} ngx_http_auth_toktab_ctx_t;

/* What the client presented. */
typedef struct {
    ngx_str_t text; /* a token, or for Basic what is to be decoded; points into the request */
    ngx_uint_t basic;
} ngx_http_auth_toktab_credentials_t;

extern ngx_module_t ngx_http_auth_toktab_module;

/* What is known of a main request; NULL: nothing. The other makes it known; NULL: no memory. */
ngx_http_auth_toktab_ctx_t *ngx_http_auth_toktab_get_ctx(ngx_http_request_t *r);
ngx_http_auth_toktab_ctx_t *ngx_http_auth_toktab_make_ctx(ngx_http_request_t *r);

/*
 * Returns NGX_OK; NGX_DECLINED: it presented nothing; NGX_HTTP_BAD_REQUEST: more than one thing, and
 * there must be no guessing which one counts; NGX_HTTP_INTERNAL_SERVER_ERROR. nginx itself refuses
 * a second Authorization header, before any location is known.
 */
ngx_int_t ngx_http_auth_toktab_find_credentials(ngx_http_request_t *r,
                                                const ngx_http_auth_toktab_loc_conf_t *conf,
                                                ngx_http_auth_toktab_credentials_t *found);

/* The phase handlers. */
ngx_int_t ngx_http_auth_toktab_access(ngx_http_request_t *r);
ngx_int_t ngx_http_auth_toktab_precontent(ngx_http_request_t *r);

/* The number of headers that nginx calls $http_NAME. */
ngx_uint_t ngx_http_auth_toktab_count_headers(ngx_http_request_t *r, const ngx_str_t *name);

/* Make what conf holds of challenges; NGX_ERROR: no memory. */
ngx_int_t ngx_http_auth_toktab_make_challenges(ngx_pool_t *pool, ngx_http_auth_toktab_loc_conf_t *conf);

/*
 * Refuse a request with a status that comes with a challenge (400, 401, 403), which the header
 * filter adds if that stays the answer. error holds the attributes behind the realm; NULL: none.
 *
 * Returns the status; or NGX_HTTP_INTERNAL_SERVER_ERROR: no memory.
 */
ngx_int_t ngx_http_auth_toktab_refuse(ngx_http_request_t *r, ngx_http_auth_toktab_ctx_t *ctx,
                                      ngx_int_t status, const ngx_str_t *error);

void ngx_http_auth_toktab_init_filter(void);

ngx_int_t ngx_http_auth_toktab_add_variables(ngx_conf_t *cf);

#endif
