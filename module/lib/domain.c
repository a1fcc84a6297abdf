#include "domain.h"

#include <stdlib.h>
#include <string.h>

#include "record.h"

enum { STALE_LIMIT_DEFAULT = 60, MAX_LAG_DEFAULT = 30, WEB_NAME_MAX = 128, SOURCE_MAX = 1024 };

#define WEB "web:"

bool domain_start(struct domain *domain)
{
    memset(domain, 0, sizeof(*domain));
    strcpy(domain->prefix, "tok");
    domain->track_usage = true;
    domain->stale_limit = STALE_LIMIT_DEFAULT;
    domain->max_lag = MAX_LAG_DEFAULT;
    domain->admins = strdup("");
    domain->scopes = strdup("");
    domain->source = strdup("");
    domain->snapshot = strdup("");
    return domain->admins && domain->scopes && domain->source && domain->snapshot;
}

bool domain_copy(struct domain *copy, const struct domain *domain)
{
    *copy = *domain;
    copy->admins = strdup(domain->admins);
    copy->scopes = strdup(domain->scopes);
    copy->source = strdup(domain->source);
    copy->snapshot = strdup(domain->snapshot);
    return copy->admins && copy->scopes && copy->source && copy->snapshot;
}

void domain_free(struct domain *domain)
{
    free(domain->admins);
    free(domain->scopes);
    free(domain->source);
    free(domain->snapshot);
}

bool source_is_engine(const char *source)
{
    return source[0] != '\0' && !strpbrk(source, " /");
}

bool source_valid(const char *source)
{
    static const char engine[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t length = strlen(source);

    if (length > SOURCE_MAX || source[strspn(source, " ")] == '\0' || utf8_has_controls(span_of(source)))
        return false;
    return !source_is_engine(source) || strspn(source, engine) == length;
}

bool admin_is_web(struct span admin)
{
    return admin.length >= strlen(WEB) && memcmp(admin.at, WEB, strlen(WEB)) == 0;
}

bool web_admin_valid(struct span admin)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@+-";
    size_t name = strlen(WEB);

    if (!admin_is_web(admin) || admin.length == name || admin.length > name + WEB_NAME_MAX)
        return false;
    for (size_t i = name; i < admin.length; i++)
        if (!memchr(allowed, admin.at[i], sizeof(allowed) - 1))
            return false;
    return true;
}

bool domain_has_scopes(const struct domain *domain, struct span scopes, struct span *foreign)
{
    *foreign = span_of("");
    if (!span_list_whole(scopes))
        return false;
    while (span_next_item(&scopes, foreign))
        if (!scope_valid(*foreign) ||
            (domain->scopes[0] != '\0' && !span_list_holds_all(span_of(domain->scopes), *foreign)))
            return false;
    return true;
}
