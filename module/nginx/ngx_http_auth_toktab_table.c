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
    struct toktab_options options = {.size = sizeof(options), .log = log_message};
    char error[NGX_MAX_CONF_ERRSTR];
    ngx_pool_cleanup_t *cleanup;

    if (mcf->first_demand.line == 0)
        return NGX_CONF_OK;

    cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    if (cleanup == NULL)
        return NGX_CONF_ERROR;
    options.config = (const char *)mcf->config.data;
    mcf->table = toktab_open(&options, error, sizeof(error));
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
    ngx_uint_t i;

    for (i = 0; i < mcf->domains.nelts; i++) {
        if (ngx_strcmp(domain[i].name.data, conf->domain.data) == 0)
            break;
    }
    conf->domain_number = i;
    if (i < mcf->domains.nelts)
        return NGX_CONF_OK;
    domain = ngx_array_push(&mcf->domains);
    if (domain == NULL)
        return NGX_CONF_ERROR;
    ngx_memzero(domain, sizeof(*domain));
    domain->name = conf->domain;
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
    if (rc == 0) {
        place = &conf->scopes_place;
        request.scopes = (const char *)conf->scopes.data;
        rc = toktab_check_request(mcf->table, &request, error, sizeof(error));
    }
    if (rc != 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "toktab: %s, in %V:%ui", error, &place->file, place->line);
        return NGX_CONF_ERROR;
    }
    return note_domain(mcf, conf);
}
