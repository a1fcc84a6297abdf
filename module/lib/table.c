#include "table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "clock.h"
#include "contact.h"
#include "foreign.h"
#include "question.h"
#include "reader.h"
#include "token.h"
#include "usage.h"

/* Only this file has functions that the library exports. */
#define EXPORTED __attribute__((visibility("default")))

enum { STRUCT_SIZE_MAX = 1 << 16 };

struct toktab {
    struct config config;
    struct notice notice;
    struct reader *readers; /* one for each of config.domains; NULL: `once` is asked */
    struct once once;
    struct usage *usages; /* likewise; all zeros if the domain does not track last use */
};

static const char *const reason_names[] = {
    [TOKTAB_REASON_NONE] = "none",
    [TOKTAB_REASON_MALFORMED] = "malformed",
    [TOKTAB_REASON_UNKNOWN] = "unknown",
    [TOKTAB_REASON_REVOKED] = "revoked",
    [TOKTAB_REASON_EXPIRED] = "expired",
    [TOKTAB_REASON_SCOPE] = "scope",
    [TOKTAB_REASON_NETWORK] = "network",
    [TOKTAB_REASON_USER] = "user",
    [TOKTAB_REASON_UNSUPPORTED] = "unsupported",
    [TOKTAB_REASON_STORE] = "store",
    [TOKTAB_REASON_REQUEST] = "request",
};

EXPORTED const char *toktab_reason_name(enum toktab_reason reason)
{
    size_t number = (size_t)reason;

    return number < sizeof(reason_names) / sizeof(reason_names[0]) ? reason_names[number] : "unknown reason";
}

/* Does this version know the caller's struct? A struct of a later version may be longer, but the fields that
 * this version does not know must be zero: it would not do what they ask for. So each new field must make its
 * struct longer: in the padding after `once`, an older library would not see it. */
static bool struct_known(const void *given, size_t size, size_t known)
{
    const unsigned char *bytes = given;

    if (size < known || size > STRUCT_SIZE_MAX)
        return false;
    for (size_t i = known; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static void say_error(char *error, size_t size, const char *text)
{
    if (error && size > 0)
        snprintf(error, size, "%s", text);
}

/* Close the readers, the last one first. */
static void close_readers(struct toktab *table, size_t count)
{
    while (table->readers && count > 0)
        reader_close(&table->readers[--count]);
    free(table->readers);
}

static bool start_usages(struct toktab *table)
{
    const struct config *config = &table->config;

    table->usages = calloc(config->count, sizeof(*table->usages));
    for (size_t i = 0; table->usages && i < config->count; i++)
        if (config->domains[i].track_usage)
            usage_start(&table->usages[i], config->store_dir, config->domains[i].name, &table->notice);
    return table->usages != NULL;
}

static void stop_usages(struct toktab *table)
{
    for (size_t i = 0; i < table->config.count; i++)
        usage_stop(&table->usages[i]);
    free(table->usages);
}

static bool open_readers(struct toktab *table)
{
    const struct config *config = &table->config;

    table->readers = aligned_alloc(_Alignof(struct reader), config->count * sizeof(*table->readers));
    if (!table->readers)
        return false;
    for (size_t i = 0; i < config->count; i++) {
        const struct domain *domain = &config->domains[i];

        if (!reader_open(&table->readers[i], config->store_dir, domain->name, domain->stale_limit,
                         &table->notice)) {
            int number = errno;

            close_readers(table, i);
            errno = number;
            return false;
        }
    }
    return true;
}

struct toktab *table_make(struct config *config, const struct notice *notice, bool once, struct fault *fault)
{
    struct toktab *table = calloc(1, sizeof(*table));
    int number;

    if (table) {
        table->config = *config;
        table->notice = *notice;
        table->once.store_dir = table->config.store_dir;
        table->once.notice = &table->notice;
        atomic_flag_clear(&table->once.busy);
        if (start_usages(table)) {
            if (once || open_readers(table))
                return table;
            stop_usages(table);
        }
    }
    number = errno;
    fault_set(fault, "cannot open the table: %s", strerror(number));
    config_unload(config);
    free(table);
    errno = number;
    return NULL;
}

static bool no_such_domain(struct fault *fault, const struct config *config, const char *name)
{
    errno = ENOENT;
    if (!config->path)
        return fault_set(fault, "no domain \"%s\": without " CONFIG_DEFAULT_PATH " there is only \"%s\"",
                         name, CONFIG_DEFAULT_DOMAIN);
    return fault_set(fault, "no domain \"%s\" in %s%s", name ? name : CONFIG_DEFAULT_DOMAIN, config->path,
                     name ? "" : ": name one of the other domains");
}

/* Reduce a configuration to this domain. False with errno and fault; then the configuration is freed. */
static bool keep_one(struct config *config, const char *name, struct fault *fault)
{
    struct config all = *config;
    const struct domain *domain = config_domain(&all, name);
    bool kept;
    int number;

    if (!domain)
        kept = no_such_domain(fault, &all, name);
    else if (!(kept = config_copy_one(config, &all, domain)))
        fault_set(fault, "cannot open the table: %s", strerror(errno));
    number = errno;
    config_unload(&all);
    errno = number;
    return kept;
}

static struct toktab *open_table(const struct toktab_options *options, struct fault *fault)
{
    struct notice notice = {options ? options->log : NULL, options ? options->log_context : NULL};
    struct config config;

    if (options && !struct_known(options, options->size, sizeof(*options))) {
        fault_set(fault, "struct toktab_options has a wrong size, or fields that this version does not know");
        errno = EINVAL;
        return NULL;
    }
    if (crypto_start() < 0) {
        fault_set(fault, "libsodium cannot get random numbers");
        return NULL;
    }
    if (config_load(&config, options ? options->config : NULL, fault) < 0)
        return NULL;
    if (options && options->domain && !keep_one(&config, options->domain, fault))
        return NULL;
    return table_make(&config, &notice, options && options->once, fault);
}

EXPORTED struct toktab *toktab_open(const struct toktab_options *options, char *error, size_t error_size)
{
    int saved = errno;
    struct fault fault;
    struct toktab *table = open_table(options, &fault);

    if (table)
        errno = saved;
    else
        say_error(error, error_size, fault.text);
    return table;
}

EXPORTED void toktab_close(struct toktab *table)
{
    int saved = errno;

    if (table) {
        close_readers(table, table->config.count);
        stop_usages(table);
        config_unload(&table->config);
        free(table);
    }
    errno = saved;
}

static const struct toktab_request any_request = {.size = sizeof(any_request)};

/* Check a request and return its domain; NULL with fault and errno. */
static const struct domain *requested_domain(const struct toktab *table, const struct toktab_request *request,
                                             struct fault *fault)
{
    const struct domain *domain;
    struct span foreign;

    errno = EINVAL;
    if (!struct_known(request, request->size, sizeof(*request))) {
        fault_set(fault, "struct toktab_request has a wrong size, or fields that this version does not know");
        return NULL;
    }
    domain = config_domain(&table->config, request->domain);
    if (!domain) {
        no_such_domain(fault, &table->config, request->domain);
        return NULL;
    }
    if (request->scopes && !domain_has_scopes(domain, span_of(request->scopes), &foreign)) {
        fault_set(fault, "domain \"%s\" has no scope \"%.*s%s\"", domain->name, span_shown(foreign),
                  foreign.at, span_cut_mark(foreign));
        return NULL;
    }
    return domain;
}

EXPORTED int toktab_check_request(const struct toktab *table, const struct toktab_request *request,
                                  char *error, size_t error_size)
{
    int saved = errno;
    struct fault fault;

    if (!requested_domain(table, request ? request : &any_request, &fault)) {
        say_error(error, error_size, fault.text);
        return -1;
    }
    errno = saved;
    return 0;
}

/* -1: this host follows none. */
static int64_t contact_age(const char *directory, const char *domain)
{
    struct contact contact;
    struct timespec now;

    if (!contact_read(&contact, directory, domain) || strcmp(contact.state, CONTACT_WRITER) == 0)
        return -1;
    if (contact.time == 0)
        return INT64_MAX;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec > contact.time ? now.tv_sec - contact.time : 0;
}

EXPORTED int toktab_status(struct toktab *table, const char *domain, struct toktab_status *status)
{
    const struct toktab_request request = {.size = sizeof(request), .domain = domain};
    int saved = errno;
    const struct domain *found;
    struct reader_state state;
    struct fault fault;

    errno = EINVAL;
    if (!table || !table->readers || !status || status->size < sizeof(*status))
        return -1;
    found = requested_domain(table, &request, &fault);
    if (!found)
        return -1;
    reader_status(&table->readers[found - table->config.domains], &state);
    status->good = state.good;
    status->foreign = found->foreign;
    status->epoch = state.epoch;
    status->line = state.line;
    status->tokens = state.tokens;
    status->last_good = state.last_good;
    status->last_contact = contact_age(table->config.store_dir, found->name);
    snprintf(status->why, sizeof(status->why), "%s", state.why.text);
    errno = saved;
    return 0;
}

static void note_use(struct usage *usage, const char *storeid, uint64_t serial)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    usage_note(usage, storeid, serial, now.tv_sec);
}

/* Ask for a domain: its store, and the demands of the request. Notes the use of a token. */
static void ask(struct toktab *table, const struct domain *domain, struct question *question,
                const struct toktab_request *request, struct toktab_result *result)
{
    size_t number = (size_t)(domain - table->config.domains);
    struct reader *reader = table->readers ? &table->readers[number] : NULL;
    struct address address;
    char storeid[STOREID_HEX + 1];

    question->demand.scopes = request->scopes ? span_of(request->scopes) : (struct span){"", 0};
    question->demand.client = address_from_socket(&address, request->client) ? &address : NULL;
    question->demand.user = request->user;
    if (reader)
        question_ask(reader, question, result);
    else
        question_ask_once(&table->once, domain, question, result, storeid);
    question->demand.client = NULL;
    if (domain->track_usage && question->token && result->verdict == TOKTAB_ALLOW)
        note_use(&table->usages[number], reader ? reader->storeid : storeid, result->serial);
}

static void verify(struct toktab *table, const char *token, size_t length,
                   const struct toktab_request *request, struct toktab_result *result)
{
    /* first of all, for a processor that reads the clock finishes what came before, which otherwise goes on
     * beside the hash */
    struct question question = {.began = clock_now(), .token = token, .length = length};
    struct fault fault;
    const struct domain *domain = requested_domain(table, request, &fault);

    if (!domain) {
        policy_answer(result, TOKTAB_ERROR, TOKTAB_REASON_REQUEST);
        return;
    }
    /* most mistyped tokens end here, without a hash */
    if (token_shape_valid(token, length, &question.id)
            ? !token_checksum_valid(token, length)
            : !(domain->foreign && foreign_shape_valid(token, length))) {
        crypto_wipe_traces(length); /* it may be a token with a character too many */
        policy_answer(result, TOKTAB_DENY, TOKTAB_REASON_MALFORMED);
        return;
    }
    ask(table, domain, &question, request, result);
    if (result->verdict == TOKTAB_ERROR)
        crypto_wipe_traces(length); /* nothing was hashed, perhaps */
}

static void recheck(struct toktab *table, const char *id, const struct toktab_request *request,
                    struct toktab_result *result)
{
    struct fault fault;
    const struct domain *domain = requested_domain(table, request, &fault);
    char copy[ID_LENGTH + 1]; /* id may be that of the result, which is about to change */

    if (!domain) {
        policy_answer(result, TOKTAB_ERROR, TOKTAB_REASON_REQUEST);
    } else if (!id || strlen(id) != ID_LENGTH || !base62_valid(id, ID_LENGTH)) {
        policy_answer(result, TOKTAB_DENY, TOKTAB_REASON_MALFORMED);
    } else {
        strcpy(copy, id);
        ask(table, domain, &(struct question){.began = clock_now(), .id = copy}, request, result);
    }
}

/* A function of its own, because a result takes pages of the stack. */
static __attribute__((noinline)) enum toktab_verdict
verify_alone(struct toktab *table, const char *token, size_t length, const struct toktab_request *request)
{
    struct toktab_result result;

    result.size = sizeof(result);
    return toktab_verify(table, token, length, request, &result);
}

EXPORTED enum toktab_verdict toktab_verify(struct toktab *table, const char *token, size_t length,
                                           const struct toktab_request *request, struct toktab_result *result)
{
    int saved = errno;

    if (!result)
        return verify_alone(table, token, length, request);
    if (result->size < sizeof(*result))
        return TOKTAB_ERROR;       /* unknown how much of it may be written */
    result->verdict = TOKTAB_DENY; /* whatever comes */
    if (table)
        verify(table, token, length, request ? request : &any_request, result);
    else
        policy_answer(result, TOKTAB_ERROR, TOKTAB_REASON_REQUEST);
    errno = saved;
    return result->verdict;
}

EXPORTED enum toktab_verdict toktab_recheck(struct toktab *table, const char *id,
                                            const struct toktab_request *request,
                                            struct toktab_result *result)
{
    int saved = errno;

    if (!result || result->size < sizeof(*result))
        return TOKTAB_ERROR;
    if (table)
        recheck(table, id, request ? request : &any_request, result);
    else
        policy_answer(result, TOKTAB_ERROR, TOKTAB_REASON_REQUEST);
    errno = saved;
    return result->verdict;
}
