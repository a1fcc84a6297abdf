/*
 * ngx_http_auth_toktab_table.c - the library's table: opens it, and checks what locations demand of it.
 *
 * The master opens the table once, when it reads the configuration, and the workers inherit it. A
 * reload opens a new table, and so reads toktab.conf again; changes of tokens need no reload.
 */
#include "ngx_http_auth_toktab_module.h"

#include <syslog.h>

/* The main error log gets the library's messages, at the level they have in syslog. */
static void log_message(void *log_context, int priority, const char *message)
{
    static const ngx_uint_t levels[] = {
        [LOG_EMERG] = NGX_LOG_EMERG, [LOG_ALERT] = NGX_LOG_ALERT,  [LOG_CRIT] = NGX_LOG_CRIT,
        [LOG_ERR] = NGX_LOG_ERR,     [LOG_WARNING] = NGX_LOG_WARN, [LOG_NOTICE] = NGX_LOG_NOTICE,
        [LOG_INFO] = NGX_LOG_INFO,   [LOG_DEBUG] = NGX_LOG_DEBUG,
    };

    const ngx_http_auth_toktab_main_conf_t *mcf = log_context;

    if (!mcf->quiet)
        ngx_log_error(levels[LOG_PRI(priority)], ngx_cycle->log, 0, "toktab: %s", message);
}

static void close_table(void *table)
{
    toktab_close(table);
}

char *ngx_http_auth_toktab_open_table(ngx_conf_t *cf, void *conf)
{
    ngx_http_auth_toktab_main_conf_t *mcf = conf;
    ngx_http_auth_toktab_place_t *place = mcf->config.data ? &mcf->config_place : &mcf->first_demand;
    struct toktab_options options = {.size = sizeof(options), .log = log_message, .log_context = mcf};
    char error[NGX_MAX_CONF_ERRSTR];
    ngx_pool_cleanup_t *cleanup;

    if (mcf->first_demand.line == 0)
        return NGX_CONF_OK;

    cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    if (cleanup == NULL)
        return NGX_CONF_ERROR;
    options.config = (const char *)mcf->config.data;
    mcf->quiet = 1; /* which of the domains are used is not known yet */
    mcf->table = toktab_open(&options, error, sizeof(error));
    mcf->quiet = 0;
    if (mcf->table == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "toktab: %s, in %V:%ui", error, &place->file, place->line);
        return NGX_CONF_ERROR;
    }
    cleanup->handler = close_table;
    cleanup->data = mcf->table;
    return NGX_CONF_OK;
}

/* Enter the domain of a location into the list of domains that are required somewhere. */
static char *note_domain(ngx_http_auth_toktab_main_conf_t *mcf, ngx_http_auth_toktab_loc_conf_t *conf)
{
    ngx_http_auth_toktab_domain_t *domain = mcf->domains.elts;
    struct toktab_status status = {.size = sizeof(status)};
    ngx_uint_t i;

    for (i = 0; i < mcf->domains.nelts; i++) {
        if (ngx_strcmp(domain[i].name.data, conf->domain.data) == 0)
            break;
    }
    conf->domain_number = i;
    if (i < mcf->domains.nelts) {
        conf->foreign = domain[i].foreign;
        return NGX_CONF_OK;
    }
    domain = ngx_array_push(&mcf->domains);
    if (domain == NULL)
        return NGX_CONF_ERROR;
    ngx_memzero(domain, sizeof(*domain));
    domain->name = conf->domain;
    mcf->quiet = 1;
    domain->foreign =
        toktab_status(mcf->table, (const char *)domain->name.data, &status) != 0 || status.foreign;
    mcf->quiet = 0;
    conf->foreign = domain->foreign;
    return NGX_CONF_OK;
}

char *ngx_http_auth_toktab_check_demand(ngx_conf_t *cf, ngx_http_auth_toktab_loc_conf_t *conf)
{
    ngx_http_auth_toktab_main_conf_t *mcf =
        ngx_http_conf_get_module_main_conf(cf, ngx_http_auth_toktab_module);
    ngx_http_auth_toktab_place_t *place = &conf->domain_place;
    struct toktab_request request = {.size = sizeof(request), .domain = (const char *)conf->domain.data};
    char error[NGX_MAX_CONF_ERRSTR];
    int rc;

    rc = toktab_check_request(mcf->table, &request, error, sizeof(error));
    if (rc == 0 && conf->details[DETAIL_SCOPE] != NULL) {
        place = &conf->details[DETAIL_SCOPE]->place;
        request.scopes = (const char *)conf->scopes.data;
        rc = toktab_check_request(mcf->table, &request, error, sizeof(error));
    }
    if (rc != 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "toktab: %s, in %V:%ui", error, &place->file, place->line);
        return NGX_CONF_ERROR;
    }
    return note_domain(mcf, conf);
}

/* ---- the stores ---- */

/* who: what a message begins with */
static void look_at_stores(ngx_http_auth_toktab_main_conf_t *mcf, ngx_log_t *log, const char *who)
{
    const ngx_http_auth_toktab_domain_t *domain = mcf->domains.elts;
    struct toktab_status status;
    ngx_uint_t i;

    mcf->quiet = 1;
    for (i = 0; i < mcf->domains.nelts; i++) {
        status.size = sizeof(status);
        if (toktab_status(mcf->table, (const char *)domain[i].name.data, &status) == 0 && !status.good)
            ngx_log_error(NGX_LOG_ALERT, log, 0, "toktab: %s%s", who, status.why);
    }
    mcf->quiet = 0;
}

void ngx_http_auth_toktab_look_at_stores(ngx_conf_t *cf)
{
    ngx_http_auth_toktab_main_conf_t *mcf =
        ngx_http_conf_get_module_main_conf(cf, ngx_http_auth_toktab_module);

    if (mcf->table != NULL)
        look_at_stores(mcf, cf->log, "");
}

/*
 * The master could read the stores, perhaps as root, but the workers' user must. nginx knows its name: a name
 * service that does not answer would hold each worker.
 */
ngx_int_t ngx_http_auth_toktab_init_process(ngx_cycle_t *cycle)
{
    ngx_http_auth_toktab_main_conf_t *mcf =
        ngx_http_cycle_get_module_main_conf(cycle, ngx_http_auth_toktab_module);
    const ngx_core_conf_t *core = (ngx_core_conf_t *)ngx_get_conf(cycle->conf_ctx, ngx_core_module);
    u_char who[256], *end;

    if (mcf == NULL || mcf->table == NULL ||
        (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE))
        return NGX_OK;
    if (core->user == geteuid())
        end = ngx_snprintf(who, sizeof(who) - 1, "a worker of user \"%s\": ", core->username);
    else
        end = ngx_snprintf(who, sizeof(who) - 1, "a worker of uid %ui: ", (ngx_uint_t)geteuid());
    *end = '\0';
    look_at_stores(mcf, cycle->log, (const char *)who);
    return NGX_OK;
}
