/*
 * ngx_http_auth_toktab_module.h - what the files of the nginx adapter share.
 *
 *   ngx_http_auth_toktab_module.c     the directives and the configuration
 *   ngx_http_auth_toktab_table.c      the library's table
 *   ngx_http_auth_toktab_doors.c      finds what looks protected and is not
 *   ngx_http_auth_toktab_request.c    the credentials of a request, and its context
 *   ngx_http_auth_toktab_access.c     the question to the library, and the answer for nginx
 *   ngx_http_auth_toktab_answer.c     auth_toktab_answer: the answer for other servers
 *   ngx_http_auth_toktab_challenge.c  the WWW-Authenticate headers
 *   ngx_http_auth_toktab_variables.c  $toktab_...
 *   ngx_http_auth_toktab_user.c       keeps tokens out of $remote_user
 *   ngx_http_auth_toktab_metrics.c    counters for Prometheus
 *
 * The adapter knows HTTP and nginx. Only the library knows what a token is, and whether it is valid.
 */
#ifndef NGX_HTTP_AUTH_TOKTAB_MODULE_H
#define NGX_HTTP_AUTH_TOKTAB_MODULE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <toktab.h>

/* auth_toktab_basic */
enum {
    NGX_HTTP_AUTH_TOKTAB_BASIC_OFF,
    NGX_HTTP_AUTH_TOKTAB_BASIC_ON,
    NGX_HTTP_AUTH_TOKTAB_BASIC_ONLY, /* the Basic challenge stands alone */
};

/* Where a directive is, for errors that are found only after nginx has parsed everything. */
typedef struct {
    ngx_str_t file;
    ngx_uint_t line; /* 0: no such directive */
} ngx_http_auth_toktab_place_t;

/* A place for the counters of a domain. */
typedef struct ngx_http_auth_toktab_slot_s ngx_http_auth_toktab_slot_t;

/* A domain whose tokens some location requires. Each worker has its own copy, but shares the slot. */
typedef struct {
    ngx_str_t name;     /* ends with a NUL */
    ngx_uint_t foreign; /* keys of other systems are admitted: nobody can tell one by its look */
    ngx_http_auth_toktab_slot_t *slot; /* NULL: nothing is counted */
    ngx_atomic_uint_t use;             /* of the slot, when this domain got it */
    ngx_atomic_uint_t looked;          /* when metrics last asked for the state of the store, */
    ngx_atomic_uint_t good; /* and found it good, in seconds of the monotonic clock + 1; 0: never */
} ngx_http_auth_toktab_domain_t;

/* The directives that say how a token is checked, but do not require one. */
enum ngx_http_auth_toktab_detail {
    DETAIL_SCOPE,
    DETAIL_REALM,
    DETAIL_TOKEN,
    DETAIL_BASIC,
    DETAIL_ANSWER, /* is not inherited */
    DETAILS,
};

/* One of them in the configuration. */
typedef struct {
    ngx_str_t name;
    ngx_http_auth_toktab_place_t place;
    unsigned in_location : 1; /* or in limit_except */
    unsigned used : 1;        /* by a block in which auth_toktab is in force */
} ngx_http_auth_toktab_detail_t;

typedef struct {
    struct toktab *table; /* NULL: no location requires a token */
    ngx_str_t config;     /* data is NULL: the system's configuration */
    ngx_http_auth_toktab_place_t config_place;
    ngx_http_auth_toktab_place_t first_demand;
    ngx_array_t domains;  /* of ngx_http_auth_toktab_domain_t */
    ngx_flag_t quiet;     /* keep the library's messages out of the log */
    ngx_array_t *details; /* of ngx_http_auth_toktab_detail_t * */
} ngx_http_auth_toktab_main_conf_t;

typedef struct {
    ngx_flag_t demands; /* the server or one of its locations requires a token */
} ngx_http_auth_toktab_srv_conf_t;

enum ngx_http_auth_toktab_form { ANSWER_NONE, ANSWER_EMPTY, ANSWER_JSON };

/* The texts end with a NUL; data is NULL if the directive is absent. */
typedef struct {
    ngx_str_t domain; /* empty: off */
    ngx_http_auth_toktab_place_t domain_place;
    ngx_uint_t domain_number; /* in the domains of the main configuration, if a token is required */
    ngx_uint_t foreign;       /* of that domain */
    ngx_str_t scopes;         /* "read,write" */
    ngx_str_t realm;
    ngx_int_t token_variable;              /* index of the variable, or NGX_CONF_UNSET */
    ngx_str_t token_header;                /* "x_api_key" for $http_x_api_key; empty for other variables */
    ngx_uint_t basic;                      /* NGX_HTTP_AUTH_TOKTAB_BASIC_... */
    enum ngx_http_auth_toktab_form answer; /* auth_toktab_answer of this location */
    ngx_http_auth_toktab_detail_t *details[DETAILS]; /* NULL: absent */
    unsigned open_noticed : 1;                       /* this worker has warned of it */

    /* Made from the fields above if a token is required. */
    ngx_str_t basic_challenge;  /* empty: not offered */
    ngx_str_t bearer_challenge; /* likewise */
    ngx_str_t scope_error;      /* the attributes of the challenge for a missing scope */
} ngx_http_auth_toktab_loc_conf_t;

/* A question to the library and its answer. */
typedef struct {
    ngx_str_t domain; /* data is NULL: there was no question */
    ngx_str_t demanded_scopes;
    ngx_str_t credentials; /* in nginx's own memory, never copied */
    const struct sockaddr *client;
    int64_t asked; /* nanoseconds of the monotonic clock, before the library was asked */

    /* NGX_OK: the library was asked; or why not, as ngx_http_auth_toktab_find_credentials() returned it. */
    ngx_int_t unasked;
    enum toktab_verdict verdict;
    enum toktab_reason reason;

    /* For the variables; data is NULL: nothing to show, or not yet kept. */
    ngx_str_t id;
    ngx_str_t label;
    ngx_str_t user;
    ngx_str_t scopes;
    uint64_t serial; /* 0: none */
    int64_t expires;
} ngx_http_auth_toktab_answer_t;

/* The context of a request; it survives internal redirects. */
typedef struct {
    ngx_http_auth_toktab_answer_t last;
    enum toktab_reason logged; /* the reason of the last denial in the log; TOKTAB_REASON_NONE: none */
    unsigned settled : 1;      /* the access phase has run for this location */
    unsigned checked : 1;      /* or for another, before an internal redirect */
    unsigned foreign : 1;      /* the domain that was asked last admits keys of other systems */
    unsigned passed : 1;       /* the access phase let the request through: this module, or another one */

    /* The status of the refusal; 0: not refused, or another module admitted the request. */
    ngx_uint_t refusal;
    ngx_str_t challenges[2]; /* in the order of the answer; empty: none */
    ngx_uint_t counted;      /* what was counted last, by domain; 0: nothing */
} ngx_http_auth_toktab_ctx_t;

/* What the client presented. */
typedef struct {
    ngx_str_t text; /* a token, or base64 for Basic; points into the request */
    ngx_uint_t basic;
} ngx_http_auth_toktab_credentials_t;

/* nginx finds the module by ngx_modules alone, and the files of the adapter call each other directly. */
#pragma GCC visibility push(hidden)

extern ngx_module_t ngx_http_auth_toktab_module;

/* Open the table, if a location requires a token (init_main_conf). */
char *ngx_http_auth_toktab_open_table(ngx_conf_t *cf, void *conf);

/* Does the configuration have the domain and the scopes of a location? */
char *ngx_http_auth_toktab_check_demand(ngx_conf_t *cf, ngx_http_auth_toktab_loc_conf_t *conf);

/* Log which of the stores that are used cannot be read: by this process, or by a worker (init_process). */
void ngx_http_auth_toktab_look_at_stores(ngx_conf_t *cf);
ngx_int_t ngx_http_auth_toktab_init_process(ngx_cycle_t *cycle);

/* Note where the directive is that nginx has just read. */
void ngx_http_auth_toktab_note_place(ngx_conf_t *cf, ngx_http_auth_toktab_place_t *place);

/* Note a directive, for the functions below. */
char *ngx_http_auth_toktab_note_detail(ngx_conf_t *cf, const ngx_command_t *cmd,
                                       ngx_http_auth_toktab_loc_conf_t *conf,
                                       enum ngx_http_auth_toktab_detail number);

/*
 * Inherit the notes of prev. Fails, and says so, if the location has a detail without auth_toktab.
 * conf->domain must have been merged.
 */
char *ngx_http_auth_toktab_merge_details(ngx_conf_t *cf, const ngx_http_auth_toktab_loc_conf_t *prev,
                                         ngx_http_auth_toktab_loc_conf_t *conf);

/* Warn of details above the locations that none of these uses. */
void ngx_http_auth_toktab_warn_unused(ngx_conf_t *cf);

/* Warn of an answer that was given without a check, once for each location and worker. In the log phase this
 * is done for main requests. */
void ngx_http_auth_toktab_notice(ngx_http_request_t *r);
ngx_int_t ngx_http_auth_toktab_log(ngx_http_request_t *r);

/*
 * Get the context of a request; NULL: none yet. Make it; NULL: out of memory. After an internal redirect of a
 * main request the context made is the one before, no longer settled. A subrequest has a context only where
 * auth_toktab_answer checks its token.
 */
ngx_http_auth_toktab_ctx_t *ngx_http_auth_toktab_get_ctx(ngx_http_request_t *r);
ngx_http_auth_toktab_ctx_t *ngx_http_auth_toktab_make_ctx(ngx_http_request_t *r);

/*
 * Returns NGX_OK; NGX_DECLINED: no credentials; NGX_HTTP_BAD_REQUEST: more than one, and the module
 * must not guess which one counts; or NGX_HTTP_INTERNAL_SERVER_ERROR. nginx itself refuses a second
 * Authorization header before it knows the location.
 */
ngx_int_t ngx_http_auth_toktab_find_credentials(ngx_http_request_t *r,
                                                const ngx_http_auth_toktab_loc_conf_t *conf,
                                                ngx_http_auth_toktab_credentials_t *found);

/* How long an answer holds, in nanoseconds: as long as a look of the library at the store. */
#define NGX_HTTP_AUTH_TOKTAB_ANSWER_HOLDS 1000000

/*
 * Ask the library about a request, unless it has answered the same question at most `holds` nanoseconds ago.
 * ctx->last is the answer. Returns NGX_OK, or what ngx_http_auth_toktab_find_credentials() returns for a
 * request that there is nothing to ask about.
 */
ngx_int_t ngx_http_auth_toktab_ask(ngx_http_request_t *r, ngx_http_auth_toktab_ctx_t *ctx, int64_t holds);

/* Where the library puts its next answer: only one is kept in full. */
struct toktab_result *ngx_http_auth_toktab_new_result(void);

/* That answer is this request's. NGX_ERROR: out of memory. */
ngx_int_t ngx_http_auth_toktab_take_identity(ngx_http_request_t *r, ngx_http_auth_toktab_answer_t *last);

/* Copy the texts of an answer into it, before it is asked for them. NGX_ERROR: out of memory, and it has
 * none. */
ngx_int_t ngx_http_auth_toktab_keep(ngx_http_auth_toktab_answer_t *last);

/* The answer is about to be freed. */
void ngx_http_auth_toktab_forget(const ngx_http_auth_toktab_answer_t *last);

/* The reason of an answer, as $toktab_reason has it: a constant string. */
const char *ngx_http_auth_toktab_reason(const ngx_http_auth_toktab_answer_t *last);

/* Check a request: NGX_OK, or the status that refuses it. ctx->last is the answer. */
ngx_int_t ngx_http_auth_toktab_check(ngx_http_request_t *r, ngx_http_auth_toktab_ctx_t *ctx);

/* The phase handlers. ngx_http_auth_toktab_access() returns NGX_DECLINED where no token is required. */
ngx_int_t ngx_http_auth_toktab_post_read(ngx_http_request_t *r);
ngx_int_t ngx_http_auth_toktab_access(ngx_http_request_t *r);
ngx_int_t ngx_http_auth_toktab_precontent(ngx_http_request_t *r);

/* Returns how many headers nginx would find as $http_NAME. */
ngx_uint_t ngx_http_auth_toktab_count_headers(ngx_http_request_t *r, const ngx_str_t *name);

/* Make the texts of the challenges in conf; NGX_ERROR: out of memory. */
ngx_int_t ngx_http_auth_toktab_make_challenges(ngx_pool_t *pool, ngx_http_auth_toktab_loc_conf_t *conf);

/*
 * Refuse a request with a status that has a challenge (400, 401, 403). The header filter adds the
 * challenge if the answer stays a refusal. error: the attributes after the realm; NULL: none.
 *
 * Returns the status, or NGX_HTTP_INTERNAL_SERVER_ERROR: out of memory.
 */
ngx_int_t ngx_http_auth_toktab_refuse(ngx_http_request_t *r, ngx_http_auth_toktab_ctx_t *ctx,
                                      ngx_int_t status, const ngx_str_t *error);

void ngx_http_auth_toktab_init_filter(void);

/* The access phase with auth_toktab_answer: ngx_http_auth_toktab_access(), and the refusal as JSON. */
ngx_int_t ngx_http_auth_toktab_answer_access(ngx_http_request_t *r);

/* auth_toktab_answer, and its part in merging the configuration of a location. */
char *ngx_http_auth_toktab_set_answer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_auth_toktab_merge_answer(ngx_conf_t *cf, const ngx_http_auth_toktab_loc_conf_t *prev,
                                        ngx_http_auth_toktab_loc_conf_t *conf);

ngx_int_t ngx_http_auth_toktab_add_variables(ngx_conf_t *cf);

/* May the Basic user name be a key of another system? Such a key cannot be told from a name by its look, so
 * it may, wherever a domain admits them, until the request is admitted. */
ngx_uint_t ngx_http_auth_toktab_user_may_be_key(ngx_http_request_t *r);

/* Write a time in seconds since the epoch as RFC 3339 has it, in UTC. Returns the end of the text. */
#define NGX_HTTP_AUTH_TOKTAB_TIME_SIZE (NGX_INT64_LEN + sizeof("-01-31T12:00:00Z"))
u_char *ngx_http_auth_toktab_put_time(u_char *p, int64_t time);

/* Put a handler in front of $remote_user's own. Call it before nginx looks up the handlers of variables. */
void ngx_http_auth_toktab_guard_remote_user(ngx_conf_t *cf);

/* The directive auth_toktab_metrics. */
char *ngx_http_auth_toktab_set_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Count the answer in ctx. However often a request gets the same one, it counts once. */
void ngx_http_auth_toktab_count(ngx_http_request_t *r, const ngx_http_auth_toktab_loc_conf_t *conf,
                                ngx_http_auth_toktab_ctx_t *ctx);

#pragma GCC visibility pop

#endif
