#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status load_config(struct session *session)
{
    struct fault fault;

    if (config_load(&session->config, session->config_path, &fault) < 0)
        return fail(STATUS_CONFIG, "%s", fault.text);
    return STATUS_DONE;
}

/* The names of the domains that the caller may administer, for messages: the others are none of their
 * business. */
static char *domain_names(const struct session *session)
{
    const struct config *config = &session->config;
    char *names = must_have(calloc(config->count + 1, DOMAIN_NAME_MAX + 3)), *end = names;

    for (size_t i = 0; i < config->count; i++)
        if (caller_may(&session->caller, &config->domains[i]))
            end += sprintf(end, "%s%s", end > names ? ", " : "", config->domains[i].name);
    if (end == names)
        strcpy(names, "none for you");
    return names;
}

static enum status choose_domain(struct session *session)
{
    enum status status = STATUS_DONE;
    char *names;

    session->domain = config_domain(&session->config, session->domain_name);
    if (session->domain)
        return STATUS_DONE;
    names = domain_names(session);
    if (session->domain_name)
        status =
            fail(STATUS_NOT_FOUND, "domain \"%.15s%s\": there is none of that name: the configuration has %s",
                 session->domain_name, cut_mark(session->domain_name), names);
    else
        status = fail(STATUS_USAGE, "domain: which? Say -d with one of %s", names);
    free(names);
    return status;
}

/* Who calls, and with which configuration? */
static enum status enter(struct session *session)
{
    enum status status = caller_find(&session->caller);

    if (status == STATUS_DONE && session->caller.delegated && session->config_path)
        status = fail(STATUS_NOT_PERMITTED,
                      "-c: refused to %s: as a domain's admin you work on the system's configuration",
                      session->caller.name);
    if (status == STATUS_DONE)
        status = load_config(session);
    return status;
}

static enum status choose(struct session *session)
{
    enum status status = enter(session);

    if (status == STATUS_DONE)
        status = choose_domain(session);
    if (status == STATUS_DONE && !caller_may(&session->caller, session->domain))
        status = fail(STATUS_NOT_PERMITTED, "domain \"%s\": %s is not one of its admins",
                      session->domain->name, session->caller.name);
    return status;
}

enum status session_open(struct session *session)
{
    enum status status = choose(session);

    return status == STATUS_DONE ? caller_become_owner(session->config.store_dir) : status;
}

static bool may_any(const struct session *session)
{
    for (size_t i = 0; i < session->config.count; i++)
        if (caller_may(&session->caller, &session->config.domains[i]))
            return true;
    return false;
}

enum status session_open_all(struct session *session)
{
    enum status status;

    if (session->domain_name)
        return session_open(session);
    status = enter(session);
    if (status == STATUS_DONE && !may_any(session))
        status = fail(STATUS_NOT_PERMITTED, "domains: %s is an admin of none", session->caller.name);
    return status == STATUS_DONE ? caller_become_owner(session->config.store_dir) : status;
}

void session_close(struct session *session)
{
    config_unload(&session->config);
    caller_free(&session->caller);
}
