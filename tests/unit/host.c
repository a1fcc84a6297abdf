#include "host.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

static void log_message(void *context, int priority, const char *message)
{
    struct host *host = context;

    if (priority == LOG_ALERT)
        host->alerts++;
    else
        host->others++;
    snprintf(host->last, sizeof(host->last), "%s", message);
}

static void open_table(struct host *host, const char *directory, const char *settings, bool once)
{
    struct toktab_options options = {
        .size = sizeof(options), .log = log_message, .log_context = host, .once = once};
    char path[SCRATCH_PATH], text[2 * SCRATCH_PATH], error[512] = "";
    int length = snprintf(text, sizeof(text),
                          "store_dir = \"%s\";\n"
                          "domains = ( { name = \"" HOST_DOMAIN "\"; %s } );\n",
                          directory, settings);

    path_join(path, directory, "toktab.conf");
    file_write(path, text, (size_t)length);
    memset(host, 0, sizeof(*host));
    options.config = path;
    host->table = toktab_open(&options, error, sizeof(error));
    ck_assert_msg(host->table != NULL, "%s", error);
}

void host_open_with(struct host *host, const char *directory, const char *settings)
{
    open_table(host, directory, settings, false);
}

void host_open(struct host *host, const char *directory, const char *stale_limit)
{
    char settings[64];

    snprintf(settings, sizeof(settings), "stale_limit = \"%s\";", stale_limit);
    host_open_with(host, directory, settings);
}

void host_open_once(struct host *host, const char *directory)
{
    open_table(host, directory, "", true);
}

void host_close(struct host *host)
{
    toktab_close(host->table);
    host->table = NULL;
}

static const char *answer_name(const struct toktab_result *result)
{
    static const char *const names[3][TOKTAB_REASON_REQUEST + 1] = {
        [TOKTAB_DENY] = {"deny", "deny malformed", "deny unknown", "deny revoked", "deny expired",
                         "deny scope", "deny network", "deny user", "deny unsupported", "deny store",
                         "deny request"},
        [TOKTAB_ALLOW] = {"allow"},
        [TOKTAB_ERROR] = {[TOKTAB_REASON_STORE] = "error store", [TOKTAB_REASON_REQUEST] = "error request"},
    };
    const char *name = NULL;

    if (result->verdict <= TOKTAB_ERROR && result->reason <= TOKTAB_REASON_REQUEST)
        name = names[result->verdict][result->reason];
    return name ? name : "an answer that does not exist";
}

const char *host_ask_for(struct host *host, const struct sample *sample, const struct toktab_request *request,
                         struct toktab_result *result)
{
    struct toktab_result own; /* as it comes: hosts need not clear it */
    enum toktab_verdict verdict;

    if (!result)
        result = &own;
    result->size = sizeof(*result);
    looks_end();
    verdict = toktab_verify(host->table, sample->token, strlen(sample->token), request, result);
    return verdict == result->verdict ? answer_name(result) : "two verdicts";
}

const char *host_ask(struct host *host, const struct sample *sample)
{
    return host_ask_for(host, sample, NULL, NULL);
}
