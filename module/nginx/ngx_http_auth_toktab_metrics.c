/*
 * ngx_http_auth_toktab_metrics.c - auth_toktab_metrics: counters of all workers, in Prometheus' text format,
 * version 0.0.4.
 *
 * The counters lie in a zone of shared memory that a reload keeps; only the master gives a domain its place
 * there, while it reads a configuration. A worker only adds to numbers, atomically and without a lock, so it
 * may be killed at any moment. A domain that a reload leaves out keeps its place, and its counters, until the
 * place is needed for another one. nginx gives a new binary (USR2) a new zone, so its counters start at zero.
 */
#include "ngx_http_auth_toktab_module.h"

#include <time.h>

enum { ZONE_SIZE = 65536, DOMAIN_SIZE = 64 };

/* What happens to a request; each has a counter for each domain. */
enum {
    MISSING = TOKTAB_REASON_REQUEST + 1, /* those before are the library's reasons */
    REPEATED,
    OTHER_DENIAL, /* reasons of later versions */
    OTHER_ERROR,
    OUTCOMES
};

static const struct {
    const char *verdict;
    const char *reason; /* NULL: the library has a name */
} outcomes[OUTCOMES] = {
    [TOKTAB_REASON_NONE] = {"allow", NULL},
    [TOKTAB_REASON_MALFORMED] = {"deny", NULL},
    [TOKTAB_REASON_UNKNOWN] = {"deny", NULL},
    [TOKTAB_REASON_REVOKED] = {"deny", NULL},
    [TOKTAB_REASON_EXPIRED] = {"deny", NULL},
    [TOKTAB_REASON_SCOPE] = {"deny", NULL},
    [TOKTAB_REASON_NETWORK] = {"deny", NULL},
    [TOKTAB_REASON_USER] = {"deny", NULL},
    [TOKTAB_REASON_UNSUPPORTED] = {"deny", NULL},
    [TOKTAB_REASON_STORE] = {"error", NULL},
    [TOKTAB_REASON_REQUEST] = {"error", NULL},
    [MISSING] = {"deny", "missing"},
    [REPEATED] = {"deny", "repeated"},
    [OTHER_DENIAL] = {"deny", "other"},
    [OTHER_ERROR] = {"error", "other"},
};

/* The place of a domain. */
struct ngx_http_auth_toktab_slot_s {
    ngx_atomic_t use;  /* counts the domains that had this place */
    ngx_uint_t reload; /* the last one that wanted it; 0: none yet. Only the master reads it and the name */
    u_char name[DOMAIN_SIZE];
    ngx_atomic_t good; /* second of the monotonic clock + 1 at which some worker knew the store to be good */
    ngx_atomic_t counts[OUTCOMES];
};

typedef ngx_http_auth_toktab_slot_t slot_t;
typedef ngx_http_auth_toktab_domain_t domain_t;

typedef struct {
    ngx_uint_t reloads;
    ngx_uint_t size;
    slot_t slots[];
} table_t;

/* ---- places, given by the master ---- */

static table_t *get_table(ngx_shm_zone_t *zone)
{
    ngx_slab_pool_t *pool = (ngx_slab_pool_t *)zone->shm.addr;
    size_t size = pool->pfree * ngx_pagesize;
    table_t *table = pool->data;

    if (table == NULL && size != 0) {
        table = ngx_slab_calloc(pool, size);
        if (table != NULL)
            table->size = (size - sizeof(table_t)) / sizeof(slot_t);
        pool->data = table;
    }
    return table;
}

static void keep(table_t *table, domain_t *domain, slot_t *slot)
{
    slot->reload = table->reloads;
    domain->slot = slot;
    domain->use = slot->use;
}

static void find_slot(table_t *table, domain_t *domain)
{
    ngx_uint_t i;

    for (i = 0; i < table->size; i++) {
        if (ngx_strcmp(table->slots[i].name, domain->name.data) == 0) {
            keep(table, domain, &table->slots[i]);
            return;
        }
    }
}

/* The place that was left longest ago, if ever it had a domain. Workers that still count for that one see
 * that the place is another's now. */
static void take_slot(table_t *table, domain_t *domain)
{
    slot_t *slot = table->slots;
    ngx_uint_t i;

    for (i = 1; i < table->size; i++) {
        if (table->slots[i].reload < slot->reload)
            slot = &table->slots[i];
    }
    if (slot->reload == table->reloads || domain->name.len >= DOMAIN_SIZE)
        return;
    (void)ngx_atomic_fetch_add(&slot->use, 1);
    ngx_memcpy(slot->name, domain->name.data, domain->name.len + 1);
    slot->good = 0;
    ngx_memzero((void *)slot->counts, sizeof(slot->counts));
    keep(table, domain, slot);
}

/* before: the configuration in use, which goes on if this one fails, and so keeps its places */
static ngx_int_t init_zone(ngx_shm_zone_t *zone, void *before)
{
    ngx_http_auth_toktab_main_conf_t *mcf = zone->data, *previous = before;
    domain_t *domain = mcf->domains.elts, *old = previous == NULL ? NULL : previous->domains.elts;
    table_t *table = get_table(zone);
    ngx_uint_t i, left_out = 0;

    if (table == NULL)
        return NGX_ERROR;
    table->reloads++;
    for (i = 0; old != NULL && i < previous->domains.nelts; i++) {
        if (old[i].slot != NULL)
            old[i].slot->reload = table->reloads;
    }
    for (i = 0; i < mcf->domains.nelts; i++)
        find_slot(table, &domain[i]);
    for (i = 0; i < mcf->domains.nelts; i++) {
        if (domain[i].slot == NULL)
            take_slot(table, &domain[i]);
        left_out += domain[i].slot == NULL;
    }
    if (left_out != 0)
        ngx_log_error(NGX_LOG_WARN, zone->shm.log, 0,
                      "toktab: auth_toktab_metrics has room for %ui domains: %ui more are not counted",
                      mcf->domains.nelts - left_out, left_out);
    return NGX_OK;
}

/* ---- counting ---- */

static ngx_atomic_uint_t now(void)
{
    struct timespec clock = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &clock);
    return (ngx_atomic_uint_t)clock.tv_sec + 1;
}

static slot_t *slot_of(const domain_t *domain)
{
    return domain->slot != NULL && domain->slot->use == domain->use ? domain->slot : NULL;
}

/* Look at a store, and tell the other workers when it was last known to be good. */
static void look(ngx_http_auth_toktab_main_conf_t *mcf, domain_t *domain, struct toktab_status *status)
{
    slot_t *slot = slot_of(domain);
    ngx_atomic_uint_t good, known;

    domain->looked = now();
    ngx_memzero(status, sizeof(*status));
    status->size = sizeof(*status);
    status->last_good = status->last_contact = -1;
    if (toktab_status(mcf->table, (const char *)domain->name.data, status) != 0 || status->last_good < 0)
        return;
    good = domain->looked - (ngx_atomic_uint_t)status->last_good;
    if (domain->good < good)
        domain->good = good;
    if (slot == NULL)
        return;
    do {
        known = slot->good;
    } while (known < good && !ngx_atomic_cmp_set(&slot->good, known, good));
}

static ngx_uint_t outcome_of(const ngx_http_auth_toktab_answer_t *last)
{
    if (last->unasked == NGX_DECLINED)
        return MISSING;
    if (last->unasked != NGX_OK)
        return REPEATED;
    if (last->verdict == TOKTAB_ALLOW)
        return TOKTAB_REASON_NONE;
    if (last->reason > TOKTAB_REASON_NONE && last->reason <= TOKTAB_REASON_REQUEST)
        return last->reason;
    return last->verdict == TOKTAB_DENY ? OTHER_DENIAL : OTHER_ERROR;
}

/* An internal redirect runs the access phase again, which is no other request. */
void ngx_http_auth_toktab_count(ngx_http_request_t *r, const ngx_http_auth_toktab_loc_conf_t *conf,
                                ngx_http_auth_toktab_ctx_t *ctx)
{
    ngx_http_auth_toktab_main_conf_t *mcf = ngx_http_get_module_main_conf(r, ngx_http_auth_toktab_module);
    domain_t *domain = (domain_t *)mcf->domains.elts + conf->domain_number;
    slot_t *slot = slot_of(domain);
    struct toktab_status status;
    ngx_uint_t outcome, what;

    if (slot == NULL)
        return;
    outcome = outcome_of(&ctx->last);
    what = conf->domain_number * OUTCOMES + outcome + 1;
    if (ctx->counted == what)
        return;
    ctx->counted = what;
    (void)ngx_atomic_fetch_add(&slot->counts[outcome], 1);
    if (domain->looked != now()) /* once a second */
        look(mcf, domain, &status);
}

/* ---- the page ---- */

/* No line is longer than this, but for the name of the domain in it. */
#define LINE_SIZE 128

static const struct {
    const char *name, *type, *help;
} families[] = {
    {"requests_total", "counter", "Requests to locations that require a token, by verdict and reason."},
    {"store_good", "gauge", "Whether the worker that answers can read the store and trust it."},
    {"store_tokens", "gauge", "Tokens on record, including revoked and expired ones."},
    {"store_epoch", "gauge", "Epoch of the store's log."},
    {"store_line", "gauge", "Number of the last line of the store's log that was read."},
    {"store_last_good_age_seconds", "gauge", "Time since a worker last found the store good; +Inf: never."},
    {"source_contact_age_seconds", "gauge",
     "Time since this follower last heard from its source; +Inf: never."},
};

enum { REQUESTS, GOOD, TOKENS, EPOCH, LINE, AGE, CONTACT, FAMILIES };

static void put(ngx_buf_t *page, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    page->last = ngx_vslprintf(page->last, page->end, format, arguments);
    va_end(arguments);
}

/* toktab_NAME{domain="DOMAIN" */
static void put_name(ngx_buf_t *page, ngx_uint_t family, const domain_t *domain)
{
    const u_char *c = domain->name.data, *end = c + domain->name.len;

    put(page, "toktab_%s{domain=\"", families[family].name);
    for (; c < end; c++) {
        if (*c == '\\' || *c == '"' || *c == '\n')
            *page->last++ = '\\';
        *page->last++ = *c == '\n' ? 'n' : *c;
    }
    put(page, "\"");
}

static void put_counts(ngx_buf_t *page, const domain_t *domain)
{
    const slot_t *slot = slot_of(domain);
    const char *reason;
    ngx_uint_t i;

    for (i = 0; slot != NULL && i < OUTCOMES; i++) {
        reason = outcomes[i].reason;
        put_name(page, REQUESTS, domain);
        put(page, ",verdict=\"%s\",reason=\"%s\"} %uA\n", outcomes[i].verdict,
            reason != NULL ? reason : toktab_reason_name((enum toktab_reason)i), slot->counts[i]);
    }
}

static void put_gauge(ngx_buf_t *page, ngx_uint_t family, const domain_t *domain,
                      const struct toktab_status *status)
{
    const slot_t *slot = slot_of(domain);
    ngx_atomic_uint_t good = slot != NULL ? slot->good : domain->good, clock = now();
    uint64_t value[FAMILIES] = {
        [GOOD] = status->good != 0,
        [TOKENS] = status->tokens,
        [EPOCH] = status->epoch,
        [LINE] = status->line,
        [AGE] = clock > good ? clock - good : 0,
        [CONTACT] = (uint64_t)status->last_contact,
    };

    if (family == CONTACT && status->last_contact < 0)
        return;
    put_name(page, family, domain);
    if ((family == AGE && good == 0) || (family == CONTACT && status->last_contact == INT64_MAX))
        put(page, "} +Inf\n");
    else
        put(page, "} %uL\n", value[family]);
}

static ngx_buf_t *make_page(ngx_http_request_t *r)
{
    ngx_http_auth_toktab_main_conf_t *mcf = ngx_http_get_module_main_conf(r, ngx_http_auth_toktab_module);
    ngx_uint_t i, family, n = mcf->domains.nelts;
    domain_t *domain = mcf->domains.elts;
    struct toktab_status *status = ngx_palloc(r->pool, (n + 1) * sizeof(*status));
    size_t size = 2 * FAMILIES * LINE_SIZE;
    ngx_buf_t *page;

    for (i = 0; i < n; i++)
        size += (OUTCOMES + FAMILIES) * (LINE_SIZE + 2 * domain[i].name.len);
    page = ngx_create_temp_buf(r->pool, size);
    if (status == NULL || page == NULL)
        return NULL;

    for (i = 0; i < n; i++)
        look(mcf, &domain[i], &status[i]);
    for (family = 0; family < FAMILIES; family++) {
        put(page, "# HELP toktab_%s %s\n# TYPE toktab_%s %s\n", families[family].name, families[family].help,
            families[family].name, families[family].type);
        for (i = 0; i < n; i++) {
            if (family == REQUESTS)
                put_counts(page, &domain[i]);
            else
                put_gauge(page, family, &domain[i], &status[i]);
        }
    }
    return page;
}

static ngx_int_t show_metrics(ngx_http_request_t *r)
{
    ngx_chain_t out = {NULL, NULL};
    ngx_int_t rc;

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)))
        return NGX_HTTP_NOT_ALLOWED;
    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK)
        return rc;
    out.buf = make_page(r);
    if (out.buf == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    out.buf->last_buf = r == r->main;
    out.buf->last_in_chain = 1;

    ngx_str_set(&r->headers_out.content_type, "text/plain; version=0.0.4; charset=utf-8");
    r->headers_out.content_type_len = sizeof("text/plain") - 1;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = out.buf->last - out.buf->pos;
    rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only)
        return rc;
    return ngx_http_output_filter(r, &out);
}

/* ---- the directive ---- */

char *ngx_http_auth_toktab_set_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t *core = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    ngx_http_auth_toktab_main_conf_t *mcf =
        ngx_http_conf_get_module_main_conf(cf, ngx_http_auth_toktab_module);
    ngx_str_t name = ngx_string("auth_toktab_metrics");
    ngx_shm_zone_t *zone;

    if (core->handler == show_metrics)
        return "is duplicate";
    /* The zone's pages must hold a table, however large the machine's pages are. */
    zone =
        ngx_shared_memory_add(cf, &name, ngx_max(ZONE_SIZE, 8 * ngx_pagesize), &ngx_http_auth_toktab_module);
    if (zone == NULL)
        return NGX_CONF_ERROR;
    zone->init = init_zone;
    zone->data = mcf;
    core->handler = show_metrics;
    return NGX_CONF_OK;
}
