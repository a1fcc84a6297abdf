/*
 * ngx_http_auth_toktab_doors.c - finds what looks protected and is not.
 *
 * In the configuration: a directive that says how a token is checked, where no token is required. When an
 * answer was given: a protected location that answered without a check, because "return" answers before the
 * access phase, or because nginx runs none for subrequests.
 */
#include "ngx_http_auth_toktab_module.h"

/* ---- directives without auth_toktab ---- */

void ngx_http_auth_toktab_note_place(ngx_conf_t *cf, ngx_http_auth_toktab_place_t *place)
{
    place->file = cf->conf_file->file.name;
    place->line = cf->conf_file->line;
}

char *ngx_http_auth_toktab_note_detail(ngx_conf_t *cf, const ngx_command_t *cmd,
                                       ngx_http_auth_toktab_loc_conf_t *conf,
                                       enum ngx_http_auth_toktab_detail number)
{
    ngx_http_auth_toktab_main_conf_t *mcf =
        ngx_http_conf_get_module_main_conf(cf, ngx_http_auth_toktab_module);
    ngx_http_auth_toktab_detail_t *detail = ngx_pcalloc(cf->pool, sizeof(*detail)), **listed;

    if (mcf->details == NULL)
        mcf->details = ngx_array_create(cf->pool, 8, sizeof(ngx_http_auth_toktab_detail_t *));
    listed = mcf->details == NULL ? NULL : ngx_array_push(mcf->details);
    if (detail == NULL || listed == NULL)
        return NGX_CONF_ERROR;
    detail->name = cmd->name;
    ngx_http_auth_toktab_note_place(cf, &detail->place);
    detail->in_location = (cf->cmd_type & (NGX_HTTP_LOC_CONF | NGX_HTTP_LMT_CONF)) != 0;
    conf->details[number] = *listed = detail;
    return NGX_CONF_OK;
}

char *ngx_http_auth_toktab_merge_details(ngx_conf_t *cf, const ngx_http_auth_toktab_loc_conf_t *prev,
                                         ngx_http_auth_toktab_loc_conf_t *conf)
{
    ngx_http_auth_toktab_detail_t *detail;
    ngx_uint_t i;

    for (i = 0; i < DETAILS; i++) {
        detail = conf->details[i];
        if (detail != NULL && detail->in_location && conf->domain.len == 0) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "toktab: \"%V\" requires no token: add \"auth_toktab DOMAIN\", in %V:%ui",
                          &detail->name, &detail->place.file, detail->place.line);
            return NGX_CONF_ERROR;
        }
        if (detail == NULL && i != DETAIL_ANSWER)
            detail = conf->details[i] = prev->details[i];
        if (detail != NULL && conf->domain.len != 0)
            detail->used = 1;
    }
    return NGX_CONF_OK;
}

void ngx_http_auth_toktab_warn_unused(ngx_conf_t *cf)
{
    const ngx_http_auth_toktab_main_conf_t *mcf =
        ngx_http_conf_get_module_main_conf(cf, ngx_http_auth_toktab_module);
    ngx_http_auth_toktab_detail_t **details;
    ngx_uint_t i;

    if (mcf->details == NULL)
        return;
    details = mcf->details->elts;
    for (i = 0; i < mcf->details->nelts; i++) {
        if (!details[i]->used)
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "toktab: \"%V\" has no effect: no location that inherits it has \"auth_toktab\", "
                          "in %V:%ui",
                          &details[i]->name, &details[i]->place.file, details[i]->place.line);
    }
}

/* ---- answers without a check ---- */

/* For a subrequest of a protected request, that one's check counts. */
static ngx_uint_t is_checked(ngx_http_request_t *r)
{
    const ngx_http_auth_toktab_ctx_t *ctx = ngx_http_auth_toktab_get_ctx(r);
    const ngx_http_auth_toktab_loc_conf_t *conf;

    if (ctx != NULL && ctx->checked)
        return 1;
    conf = ngx_http_get_module_loc_conf(r->main, ngx_http_auth_toktab_module);
    return r != r->main && (conf->domain.len != 0 || is_checked(r->main));
}

/* Under "satisfy any" and with "limit_except" an answer without a token may be meant. */
void ngx_http_auth_toktab_notice(ngx_http_request_t *r)
{
    ngx_http_auth_toktab_loc_conf_t *conf = ngx_http_get_module_loc_conf(r, ngx_http_auth_toktab_module);
    ngx_http_core_loc_conf_t *clcf;
    ngx_http_core_srv_conf_t *cscf;
    ngx_uint_t status;

    if (conf->domain.len == 0 || is_checked(r) || conf->open_noticed)
        return;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);
    status = r->err_status != 0 ? r->err_status : r->headers_out.status;
    if (status < NGX_HTTP_OK || status >= NGX_HTTP_SPECIAL_RESPONSE ||
        clcf->satisfy == NGX_HTTP_SATISFY_ANY || clcf->lmt_excpt || clcf->limit_except != 0)
        return;
    conf->open_noticed = 1;
    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "toktab: %s \"%V\" requires a token, but answered %ui without a check: %s",
                  clcf->name.len != 0 ? "location" : "server",
                  clcf->name.len != 0 ? &clcf->name : &cscf->server_name, status,
                  r == r->main ? "\"return\" and the like answer before the check"
                               : "nginx makes no access check for subrequests, so use auth_toktab_answer");
}

ngx_int_t ngx_http_auth_toktab_log(ngx_http_request_t *r)
{
    if (r == r->main)
        ngx_http_auth_toktab_notice(r);
    return NGX_OK;
}
