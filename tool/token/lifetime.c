#include "token/lifetime.h"

#include "duration.h"
#include "token/when.h"

int64_t lifetime_end(const struct domain *domain, int64_t length, int64_t now, bool *capped)
{
    *capped = domain->max_lifetime && length > domain->max_lifetime;
    if (*capped)
        length = domain->max_lifetime;
    if (length == TIME_NEVER)
        return TIME_NEVER;
    return now +
           (length < DURATION_MAX ? length : DURATION_MAX); /* another writer may have written any time */
}

int64_t lifetime_default(const struct domain *domain, int64_t now, const char **rule)
{
    int64_t length = domain->default_lifetime ? domain->default_lifetime
                     : domain->max_lifetime   ? domain->max_lifetime
                                              : TIME_NEVER;
    bool capped;

    *rule = domain->default_lifetime ? "default_lifetime"
            : domain->max_lifetime   ? "max_lifetime"
                                     : "no limit is set";
    return lifetime_end(domain, length, now, &capped);
}

enum status lifetime_parse(const char *text, const struct domain *domain, const int64_t *created, int64_t now,
                           int64_t *expires)
{
    struct fault fault;
    char most[DURATION_TEXT_SIZE], last[WHEN_SIZE];

    say_field("expiry");
    if (!when_parse(text, now, expires, &fault))
        return fail(STATUS_USAGE, "expiry \"%.15s%s\": %s", text, cut_mark(text), fault.text);
    if (!domain->max_lifetime || *expires - (created ? *created : now) <= domain->max_lifetime) {
        say_field(NULL);
        return STATUS_DONE;
    }
    duration_format(most, domain->max_lifetime);
    if (!created)
        return fail(STATUS_USAGE, "expiry: domain \"%s\" allows at most %s (max_lifetime)", domain->name,
                    most);
    when_format_local(last, *created + domain->max_lifetime);
    return fail(STATUS_USAGE,
                "expiry: domain \"%s\" allows at most %s (max_lifetime), so this token must expire by %s: to "
                "keep the access longer, rotate it",
                domain->name, most, last);
}
