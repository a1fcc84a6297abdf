/*
 * ngx_http_auth_toktab_module.c - the directives and the configuration.
 */
#include "ngx_http_auth_toktab_module.h"

/* ---- directives ---- */

static char *set_domain(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_auth_toktab_loc_conf_t *lcf = conf;
    ngx_http_auth_toktab_main_conf_t *mcf;
    ngx_http_auth_toktab_srv_conf_t *scf;
    ngx_str_t *value = cf->args->elts;

    if (lcf->domain.data != NULL)
        return "is duplicate";
    if (value[1].len == 0)
        return "needs a domain name or \"off\"";

    ngx_http_auth_toktab_note_place(cf, &lcf->domain_place);
    if (ngx_strcmp(value[1].data, "off") == 0) {
        ngx_str_set(&lcf->domain, "");
        return NGX_CONF_OK;
    }
    lcf->domain = value[1];

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_auth_toktab_module);
    if (mcf->first_demand.line == 0)
        mcf->first_demand = lcf->domain_place;
    scf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_auth_toktab_module);
    scf->demands = 1;
    return NGX_CONF_OK;
}

/* The library takes scopes as one list, separated by commas. */
static char *set_scopes(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_auth_toktab_loc_conf_t *lcf = conf;
    ngx_str_t *value = cf->args->elts;
    ngx_uint_t i;
    size_t size = 0;
    u_char *p;

    if (lcf->scopes.data != NULL)
        return "is duplicate";
    for (i = 1; i < cf->args->nelts; i++) {
        if (value[i].len == 0 || ngx_strchr(value[i].data, ',') != NULL)
            return "needs scopes separated by spaces, without commas";
        size += value[i].len + 1;
    }

    p = ngx_pnalloc(cf->pool, size);
    if (p == NULL)
        return NGX_CONF_ERROR;
    lcf->scopes.data = p;
    lcf->scopes.len = size - 1;
    for (i = 1; i < cf->args->nelts; i++) {
        p = ngx_cpymem(p, value[i].data, value[i].len);
        *p++ = ',';
    }
    lcf->scopes.data[lcf->scopes.len] = '\0';
    return ngx_http_auth_toktab_note_detail(cf, cmd, lcf, DETAIL_SCOPE);
}

static char *set_realm(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_auth_toktab_loc_conf_t *lcf = conf;
    ngx_str_t *value = cf->args->elts;
    size_t i;

    if (lcf->realm.data != NULL)
        return "is duplicate";
    for (i = 0; i < value[1].len; i++) {
        /* A header must not contain these, but nginx.conf can: it has "\n" and the like. */
        if (value[1].data[i] < 0x20 || value[1].data[i] == 0x7f)
            return "contains a control character";
    }
    lcf->realm = value[1];
    return ngx_http_auth_toktab_note_detail(cf, cmd, lcf, DETAIL_REALM);
}

static char *set_token(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_auth_toktab_loc_conf_t *lcf = conf;
    ngx_str_t name = ((ngx_str_t *)cf->args->elts)[1];

    if (lcf->token_variable != NGX_CONF_UNSET)
        return "is duplicate";
    if (name.len < 2 || name.data[0] != '$')
        return "needs a variable, such as $http_x_api_key";
    name.data++;
    name.len--;
    lcf->token_variable = ngx_http_get_variable_index(cf, &name);
    if (lcf->token_variable == NGX_ERROR)
        return NGX_CONF_ERROR;

    if (name.len > sizeof("http_") - 1 && ngx_strncasecmp(name.data, (u_char *)"http_", 5) == 0) {
        name.data += 5;
        name.len -= 5;
        lcf->token_header = name;
    }
    return ngx_http_auth_toktab_note_detail(cf, cmd, lcf, DETAIL_TOKEN);
}

static char *set_basic(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *rc = ngx_conf_set_enum_slot(cf, cmd, conf);

    return rc == NGX_CONF_OK ? ngx_http_auth_toktab_note_detail(cf, cmd, conf, DETAIL_BASIC) : rc;
}

static char *set_config(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_auth_toktab_main_conf_t *mcf = conf;
    ngx_str_t *value = cf->args->elts;

    if (mcf->config.data != NULL)
        return "is duplicate";
    mcf->config = value[1];
    ngx_http_auth_toktab_note_place(cf, &mcf->config_place);
    return ngx_conf_full_name(cf->cycle, &mcf->config, 1) == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}

static ngx_conf_enum_t basic_values[] = {
    {ngx_string("off"), NGX_HTTP_AUTH_TOKTAB_BASIC_OFF},
    {ngx_string("on"), NGX_HTTP_AUTH_TOKTAB_BASIC_ON},
    {ngx_string("only"), NGX_HTTP_AUTH_TOKTAB_BASIC_ONLY},
    {ngx_null_string, 0},
};

#define ANYWHERE (NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_HTTP_LMT_CONF)

static ngx_command_t commands[] = {
    {ngx_string("auth_toktab"), ANYWHERE | NGX_CONF_TAKE1, set_domain, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL},
    {ngx_string("auth_toktab_scope"), ANYWHERE | NGX_CONF_1MORE, set_scopes, NGX_HTTP_LOC_CONF_OFFSET, 0,
     NULL},
    {ngx_string("auth_toktab_realm"), ANYWHERE | NGX_CONF_TAKE1, set_realm, NGX_HTTP_LOC_CONF_OFFSET, 0,
     NULL},
    {ngx_string("auth_toktab_token"), ANYWHERE | NGX_CONF_TAKE1, set_token, NGX_HTTP_LOC_CONF_OFFSET, 0,
     NULL},
    {ngx_string("auth_toktab_basic"), ANYWHERE | NGX_CONF_TAKE1, set_basic, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(ngx_http_auth_toktab_loc_conf_t, basic), basic_values},
    {ngx_string("auth_toktab_answer"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS | NGX_CONF_TAKE1,
     ngx_http_auth_toktab_set_answer, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL},
    {ngx_string("auth_toktab_metrics"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS, ngx_http_auth_toktab_set_metrics,
     NGX_HTTP_LOC_CONF_OFFSET, 0, NULL},
    {ngx_string("auth_toktab_config"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, set_config,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL},
    ngx_null_command,
};

/* ---- configuration ---- */

static void *create_main_conf(ngx_conf_t *cf)
{
    ngx_http_auth_toktab_main_conf_t *mcf = ngx_pcalloc(cf->pool, sizeof(*mcf));

    if (mcf == NULL ||
        ngx_array_init(&mcf->domains, cf->pool, 4, sizeof(ngx_http_auth_toktab_domain_t)) != NGX_OK)
        return NULL;
    return mcf;
}

static void *create_srv_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_auth_toktab_srv_conf_t));
}

static char *merge_srv_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_auth_toktab_srv_conf_t *prev = parent;
    ngx_http_auth_toktab_srv_conf_t *conf = child;

    if (prev->demands)
        conf->demands = 1;
    return NGX_CONF_OK;
}

static void *create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_auth_toktab_loc_conf_t *conf = ngx_pcalloc(cf->pool, sizeof(*conf));

    if (conf != NULL) {
        conf->token_variable = NGX_CONF_UNSET;
        conf->basic = NGX_CONF_UNSET_UINT;
    }
    return conf;
}

static char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_auth_toktab_loc_conf_t *prev = parent;
    ngx_http_auth_toktab_loc_conf_t *conf = child;

    if (conf->domain.data == NULL) {
        conf->domain = prev->domain;
        conf->domain_place = prev->domain_place;
    }
    if (conf->scopes.data == NULL)
        conf->scopes = prev->scopes;
    if (conf->realm.data == NULL)
        conf->realm = prev->realm;
    if (conf->token_variable == NGX_CONF_UNSET) {
        conf->token_variable = prev->token_variable;
        conf->token_header = prev->token_header;
    }
    ngx_conf_merge_uint_value(conf->basic, prev->basic, NGX_HTTP_AUTH_TOKTAB_BASIC_OFF);
    if (ngx_http_auth_toktab_merge_answer(cf, prev, conf) != NGX_CONF_OK ||
        ngx_http_auth_toktab_merge_details(cf, prev, conf) != NGX_CONF_OK)
        return NGX_CONF_ERROR;

    if (conf->domain.len == 0)
        return NGX_CONF_OK;
    if (ngx_http_auth_toktab_make_challenges(cf->pool, conf) != NGX_OK)
        return NGX_CONF_ERROR;
    return ngx_http_auth_toktab_check_demand(cf, conf);
}

static ngx_int_t add_handler(ngx_conf_t *cf, ngx_uint_t phase, ngx_http_handler_pt handler)
{
    ngx_http_core_main_conf_t *cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    ngx_http_handler_pt *h = ngx_array_push(&cmcf->phases[phase].handlers);

    if (h == NULL)
        return NGX_ERROR;
    *h = handler;
    return NGX_OK;
}

static ngx_int_t install(ngx_conf_t *cf)
{
    ngx_http_auth_toktab_main_conf_t *mcf =
        ngx_http_conf_get_module_main_conf(cf, ngx_http_auth_toktab_module);

    ngx_http_auth_toktab_warn_unused(cf);
    if (mcf->table == NULL)
        return NGX_OK;
    ngx_http_auth_toktab_guard_remote_user(cf);
    if (add_handler(cf, NGX_HTTP_POST_READ_PHASE, ngx_http_auth_toktab_post_read) != NGX_OK ||
        add_handler(cf, NGX_HTTP_ACCESS_PHASE, ngx_http_auth_toktab_answer_access) != NGX_OK ||
        add_handler(cf, NGX_HTTP_PRECONTENT_PHASE, ngx_http_auth_toktab_precontent) != NGX_OK ||
        add_handler(cf, NGX_HTTP_LOG_PHASE, ngx_http_auth_toktab_log) != NGX_OK)
        return NGX_ERROR;
    ngx_http_auth_toktab_init_filter();
    ngx_http_auth_toktab_look_at_stores(cf);
    return NGX_OK;
}

static ngx_http_module_t context = {
    .preconfiguration = ngx_http_auth_toktab_add_variables,
    .postconfiguration = install,
    .create_main_conf = create_main_conf,
    .init_main_conf = ngx_http_auth_toktab_open_table,
    .create_srv_conf = create_srv_conf,
    .merge_srv_conf = merge_srv_conf,
    .create_loc_conf = create_loc_conf,
    .merge_loc_conf = merge_loc_conf,
};

ngx_module_t ngx_http_auth_toktab_module = {
    NGX_MODULE_V1,
    &context,                          /* module context */
    commands,                          /* module directives */
    NGX_HTTP_MODULE,                   /* module type */
    NULL,                              /* init master */
    NULL,                              /* init module */
    ngx_http_auth_toktab_init_process, /* init process */
    NULL,                              /* init thread */
    NULL,                              /* exit thread */
    NULL,                              /* exit process */
    NULL,                              /* exit master */
    NGX_MODULE_V1_PADDING,
};
