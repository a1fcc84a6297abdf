#include "caller/session.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caller/sudo.h"
#include "caller/writer.h"
#include "nearest.h"
#include "terminal/stall.h"
#include "token.h"

static enum status find_caller(struct session *session)
{
    return session->caller.name ? STATUS_DONE : caller_find(&session->caller);
}

enum status session_find_delegated(struct session *session, bool *delegated)
{
    enum status status = find_caller(session);

    *delegated = session->web_name || caller_is_delegated(&session->caller);
    return status;
}

enum status session_refuse_delegated(struct session *session, const char *command)
{
    bool delegated;
    enum status status = session_find_delegated(session, &delegated);

    if (status != STATUS_DONE || !delegated)
        return status;
    return fail(STATUS_NOT_PERMITTED, "%s: %s is only a domain admin: ask root to run it", command,
                session->web_name ? session->web_name : session->caller.name);
}

/* directory, what: as for sudo_run(). sudo writes the arguments to its log. */
static enum status run_by_sudo(const struct session *session, const char *directory, const char *what)
{
    for (char **argument = session->argv; *argument; argument++)
        if (token_may_be_in(*argument))
            return fail(
                STATUS_USAGE,
                "an argument holds a token, and sudo would write it to its log: give only the id, the "
                "12 characters after the _; if that was a real token, rotate it, because everybody on "
                "this machine can see a command's arguments");
    return sudo_run(&session->caller, session->argv, directory, what);
}

static enum status begin(struct session *session)
{
    enum status status = find_caller(session);
    struct fault fault;

    if (status != STATUS_DONE)
        return status;
    if (session->caller.delegated && session->where.config)
        return fail(STATUS_NOT_PERMITTED,
                    "-c: %s may not use it through sudo: domain admins use the system's configuration",
                    session->caller.name);
    if (config_load(&session->config, session->where.config, &fault) == 0)
        return session->web_name
                   ? caller_stand_for(&session->caller, session->web_name, session->config.store_dir)
                   : STATUS_DONE;
    if (errno == EACCES && session->web_name)
        return fail(STATUS_NOT_PERMITTED, "--as: only a program of the stores' owner may use it: %s",
                    fault.text);
    if (errno == EACCES && !session->where.config) /* sudo may let a domain admin read it */
        return run_by_sudo(session, NULL, CONFIG_DEFAULT_PATH);
    return fail(STATUS_CONFIG, "%s", fault.text);
}

static enum status refuse(const struct session *session)
{
    say_field("domain");
    return fail(STATUS_NOT_PERMITTED, "domain \"%s\": %s is not one of its admins: %s", session->domain->name,
                session->caller.name,
                session->where.domain
                    ? "ask one of them, or root"
                    : "give -d for another domain (`toktab domains` lists yours), or ask root");
}

/* root and the owner of the stores need not be named, unless sudo made the caller the owner. */
static bool may_change(const struct session *session, const struct domain *domain)
{
    struct stat status;

    if (session->caller.delegated)
        return caller_may(&session->caller, domain);
    return geteuid() == 0 || (stat(session->config.store_dir, &status) == 0 && status.st_uid == geteuid()) ||
           caller_is_admin(&session->caller, domain);
}

static bool may_see(const struct session *session, const struct domain *domain)
{
    return caller_may(&session->caller, domain);
}

/* The names of the domains for which may() is true, in an array that the caller frees. */
static const char **names_of(const struct session *session,
                             bool (*may)(const struct session *, const struct domain *), size_t *count)
{
    const struct config *config = &session->config;
    const char **names = must_have(calloc(config->count + 1, sizeof(*names)));

    *count = 0;
    for (size_t i = 0; i < config->count; i++)
        if (may(session, &config->domains[i]))
            names[(*count)++] = config->domains[i].name;
    return names;
}

/* Those that the caller may change, or if there are none, those that the caller may see. Messages never name
 * others. */
static const char **names_to_show(const struct session *session, size_t *count)
{
    const char **names = names_of(session, may_change, count);

    if (*count > 0)
        return names;
    free(names);
    return names_of(session, may_see, count);
}

static char *joined(const char *const names[], size_t count)
{
    char *text = must_have(calloc(count + 1, DOMAIN_NAME_MAX + 3)), *end = text;

    for (size_t i = 0; i < count; i++)
        end += sprintf(end, "%s%s", i > 0 ? ", " : "", names[i]);
    return text;
}

enum status session_unknown_domain(const struct session *session)
{
    const char *name = session->where.domain, *cut = cut_mark(name), *meant;
    size_t count;
    const char **names = names_to_show(session, &count);
    char *text = joined(names, count);
    enum status status;

    meant = nearest_name(name, names, count);
    say_field("domain");
    if (count == 0)
        status = fail(STATUS_NOT_FOUND, "no domain \"%.15s%s\" that you may administer", name, cut);
    else if (meant)
        status = fail(STATUS_NOT_FOUND, "no domain \"%.15s%s\": did you mean %s?", name, cut, meant);
    else
        status = fail(STATUS_NOT_FOUND, "no domain \"%.15s%s\" (configured: %s)", name, cut, text);
    free(text);
    free(names);
    return status;
}

static enum status named_nowhere(const struct session *session)
{
    return fail(STATUS_NOT_PERMITTED, "no domain names %s as an admin: ask root", session->caller.name);
}

static enum status ask_for_domain(const struct session *session)
{
    size_t count;
    const char **names = names_to_show(session, &count);
    char *text = joined(names, count);
    enum status status = count == 0 ? named_nowhere(session)
                                    : fail(STATUS_USAGE, "which domain? give -d with one of: %s", text);

    free(text);
    free(names);
    return status;
}

enum status session_need_domain(const struct session *session)
{
    size_t count;

    if (session->where.domain)
        return STATUS_DONE;
    free(names_of(session, may_change, &count));
    return count > 1 ? ask_for_domain(session) : STATUS_DONE;
}

/* Without -d: the only domain that the caller may change, else "default" if the caller may change it, else
 * the only one there is. Who may change none can only read, and may guess. */
static const struct domain *choose_default(const struct session *session)
{
    size_t count;
    const char **names = names_of(session, may_change, &count);
    const struct domain *domain = config_domain(&session->config, count == 1 ? names[0] : NULL);

    free(names);
    return domain && count > 1 && !may_change(session, domain) ? NULL : domain;
}

static enum status choose(struct session *session)
{
    session->domain = session->where.domain ? config_domain(&session->config, session->where.domain)
                                            : choose_default(session);
    if (session->domain)
        return may_see(session, session->domain) ? STATUS_DONE : refuse(session);
    return session->where.domain ? session_unknown_domain(session) : ask_for_domain(session);
}

/* Can an ordinary user open the system's store as the command needs it? If not, only its owner can, and sudo
 * may let a domain admin become the owner. */
static enum status reach(struct session *session)
{
    const char *directory = session->config.store_dir;
    char store[PATH_MAX];
    struct stat status;

    if (session->where.config || session->caller.delegated || geteuid() == 0)
        return STATUS_DONE;
    snprintf(store, sizeof(store), "%s/%s.tokens", directory, session->domain ? session->domain->name : "");
    if (stat(directory, &status) < 0) {
        if (errno != EACCES)
            return STATUS_DONE;
    } else if (status.st_uid == geteuid() ||
               (!session->changes && !(access(store, R_OK) < 0 && errno == EACCES))) {
        return STATUS_DONE;
    }
    if (session->domain && !caller_is_admin(&session->caller, session->domain))
        return refuse(session);
    return run_by_sudo(session, directory, directory);
}

static enum status enter(struct session *session)
{
    enum status status = reach(session);

    return status == STATUS_DONE ? caller_become_owner(session->config.store_dir) : status;
}

enum status session_open(struct session *session)
{
    enum status status = begin(session);

    if (status == STATUS_DONE)
        status = choose(session);
    return status == STATUS_DONE ? enter(session) : status;
}

enum status session_open_to_follow(struct session *session)
{
    session->changes = true;
    return session_open(session);
}

bool session_is_writer(const struct session *session, uint64_t epoch)
{
    int directory = open(session->config.store_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool named = writer_named(directory, session->domain->name, epoch);

    if (directory >= 0)
        close(directory);
    return named;
}

enum status session_may_write(const struct session *session, struct fault *fault)
{
    struct storefile storefile;
    enum status status;
    int directory, store;

    if (session->domain->source[0] == '\0')
        return STATUS_DONE;
    storefile_of_domain(&storefile, session->config.store_dir, session->domain->name);
    directory = open(storefile.directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    store = directory < 0 ? -1
                          : openat(directory, storefile.name,
                                   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    status = writer_may(session->domain, directory, store, fault);
    if (store >= 0)
        close(store);
    if (directory >= 0)
        close(directory);
    return status;
}

/* Refused here, before anybody is asked anything; what counts is what log_begin() finds under the lock. */
enum status session_open_to_change(struct session *session)
{
    enum status status = session_open_to_follow(session);
    struct fault fault;

    if (status != STATUS_DONE)
        return status;
    status = session_may_write(session, &fault);
    return status == STATUS_DONE ? status : fail(status, "domain %s: %s", session->domain->name, fault.text);
}

enum status session_open_all(struct session *session)
{
    enum status status = begin(session);

    if (status != STATUS_DONE)
        return status;
    for (size_t i = 0; i < session->config.count; i++)
        if (caller_may(&session->caller, &session->config.domains[i]))
            return enter(session);
    /* an empty answer would say that there are no tokens */
    return named_nowhere(session);
}

bool session_wants(const struct session *session, const struct domain *domain)
{
    return (!session->where.domain || strcmp(session->where.domain, domain->name) == 0) &&
           caller_may(&session->caller, domain);
}

/* With an engine the first token creates the store on any host. */
static bool follows_a_command(const struct domain *domain)
{
    return domain->source[0] != '\0' && !source_is_engine(domain->source);
}

void session_explain_missing(const struct session *session, int error, struct fault *fault)
{
    if (error == ENOENT && follows_a_command(session->domain))
        fault_set(fault, "no such file: `toktab follow` brings it, or restore a backup");
}

int session_open_store(struct storefile *storefile, const struct session *session,
                       struct stat *status_of_file, enum status *status)
{
    struct fault fault;
    int fd;

    storefile_of_domain(storefile, session->config.store_dir, session->domain->name);
    stall_watch(storefile);
    fd = storefile_open(storefile, O_RDONLY, status_of_file, &fault);
    stall_over();
    if (fd < 0)
        session_explain_missing(session, errno, &fault);
    *status = fd >= 0
                  ? STATUS_DONE
                  : fail(status_of(errno), "%s/%s: %s", storefile->directory, storefile->name, fault.text);
    return fd;
}

bool session_awaits_store(const struct session *session)
{
    if (!follows_a_command(session->domain))
        return false;
    say("domain %s: this host has no store yet: `toktab follow` brings it", session->domain->name);
    return true;
}

enum status session_unproved(const struct storefile *storefile, const struct fault *fault)
{
    return fail(fault->passing ? STATUS_IO : STATUS_DAMAGED, "%s/%s: %s: run `toktab check`",
                storefile->directory, storefile->name, fault->text);
}

void session_close(struct session *session)
{
    config_unload(&session->config);
    caller_free(&session->caller);
}
