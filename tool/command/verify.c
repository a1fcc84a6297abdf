#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"
#include "foreign.h"
#include "store/prove.h"
#include "store/refs.h"
#include "storefile.h"
#include "table.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "terminal/secret.h"
#include "terminal/stall.h"
#include "token/attributes.h"
#include "token/describe.h"

static const char help[] =
    "Usage: toktab [-c CONF] [-d DOMAIN] verify [OPTIONS]\n"
    "\n"
    "Reads a token from stdin, or from a terminal without showing it, and answers as\n"
    "nginx or PAM would: \"allow\", \"deny\" with the reason, or \"error\". Exits with 0\n"
    "only for allow.\n"
    "\n"
    "  -s, --scopes SCOPE,…   require these scopes\n"
    "      --from IP          the client's address; without it, a token that is bound\n"
    "                         to networks is denied\n"
    "  -u, --user USER        the user that the client claims to be\n"
    "      --json             print the verdict, the reason and the token as JSON\n"
    "\n"
    "Example: toktab verify -s read <token.txt\n";

static const struct option longs[] = {
    {"scopes", required_argument, NULL, 's'}, {"from", required_argument, NULL, OPTION_CLIENT},
    {"user", required_argument, NULL, 'u'},   {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP}, {0}};

/* Longer than any token or foreign key. */
enum { INPUT_MAX = FOREIGN_MAX + 64 };

struct request {
    struct attributes attributes; /* the scopes */
    struct toktab_request ask;
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } client;
    struct given given;
};

static enum status take_client(struct request *request, const char *text)
{
    request->ask.client = &request->client.any;
    if (inet_pton(AF_INET, text, &request->client.ipv4.sin_addr) == 1) {
        request->client.ipv4.sin_family = AF_INET;
        return STATUS_DONE;
    }
    request->client.ipv6.sin6_family = AF_INET6;
    if (inet_pton(AF_INET6, text, &request->client.ipv6.sin6_addr) == 1)
        return STATUS_DONE;
    return fail(STATUS_USAGE, "\"%.15s%s\" is not an IP address: give one like 192.0.2.7 or 2001:db8::7",
                text, cut_mark(text));
}

static enum status take_option(void *context, int option)
{
    struct request *request = context;

    switch (option) {
    case 's':
        return attributes_add_scopes(&request->attributes, optarg);
    case 'u':
        request->ask.user = optarg;
        return STATUS_DONE;
    case OPTION_CLIENT:
        return take_client(request, optarg);
    default:
        return STATUS_USAGE;
    }
}

/* Keep what the library reports, for the message at the end. */
static void keep_message(void *context, int priority, const char *message)
{
    struct fault *fault = context;

    (void)priority;
    fault_set(fault, "%s", message);
}

static json_t *record_json(const struct session *session, const struct toktab_result *result)
{
    char id[sizeof(result->id)], *text = strcpy(id, result->id);
    json_t *json = NULL;
    struct record record;
    struct refs refs;

    if (id[0] != '\0' && refs_make(&refs, session->domain->name, &text, 1, PROOF_OF_FOUND) == STATUS_DONE) {
        if (refs_resolve(&refs, session) == STATUS_DONE && ref_record(&refs.list[0], &record))
            json = describe_json(&record, session->domain->name, (int64_t)time(NULL));
        refs_free(&refs);
    }
    return json ? json : json_null();
}

static enum status print_verdict(const struct session *session, const struct toktab_result *result, bool json)
{
    const char *verdict = result->verdict == TOKTAB_ALLOW  ? "allow"
                          : result->verdict == TOKTAB_DENY ? "deny"
                                                           : "error";
    const char *why = toktab_reason_name(result->reason);
    char *label = showable(span_of(result->label)), line[128] = "\n";
    bool good;

    if (json) {
        free(label);
        return print_json(must_have(json_pack("{s:s, s:s?, s:o}", "verdict", verdict, "why",
                                              result->verdict == TOKTAB_ALLOW ? NULL : why, "record",
                                              record_json(session, result))));
    }
    if (result->id[0] != '\0')
        snprintf(line, sizeof(line), ": token %" PRIu64 " (id %s) \"", result->serial, result->id);
    good = output_text(verdict) &&
           (result->verdict == TOKTAB_ALLOW || (output_text(": ") && output_text(why))) &&
           output_text(line) && (result->id[0] == '\0' || (output_text(label) && output_text("\"\n")));
    free(label);
    return good ? STATUS_DONE : output_failed();
}

/* The store cannot be opened, cannot be read, or is damaged. */
static enum status status_of_trouble(const struct session *session)
{
    struct storefile storefile;
    struct proof proof;
    struct fault fault;
    struct stat store;
    bool sound;
    int fd;

    storefile_of_domain(&storefile, session->config.store_dir, session->domain->name);
    fd = storefile_open(&storefile, O_RDONLY, &store, &fault);
    if (fd < 0)
        return status_of(errno);
    sound = prove(&proof, fd, session->domain->name, NULL, NULL, &fault);
    proof_free(&proof);
    close(fd);
    return sound || fault.passing ? STATUS_IO : STATUS_DAMAGED;
}

/* news: what the library reported. */
static enum status ask(const struct session *session, struct toktab *table, const struct request *request,
                       const struct fault *news)
{
    struct toktab_result result = {.size = sizeof(result)};
    char *token = must_have(crypto_alloc(INPUT_MAX));
    size_t length;
    enum status status = secret_read(token, INPUT_MAX, &length);

    if (status == STATUS_DONE)
        toktab_verify(table, token, length <= INPUT_MAX ? length : 0, &request->ask, &result);
    crypto_free(token);
    crypto_wipe_stack();
    if (status == STATUS_DONE)
        status = print_verdict(session, &result, request->given.json);
    if (status != STATUS_DONE || result.verdict == TOKTAB_ALLOW)
        return status;
    if (result.verdict == TOKTAB_DENY)
        return STATUS_NO;
    return fail(status_of_trouble(session), "%s", news->text);
}

static enum status verify(struct session *session, struct request *request)
{
    struct fault news = {"the store cannot be used", false}, fault;
    struct notice notice = {keep_message, &news};
    const char *scopes = request->attributes.scopes;
    enum status status = session_open(session);
    struct storefile storefile;
    struct toktab *table;
    struct config one;
    char error[512], *plain;

    if (status != STATUS_DONE)
        return status;
    /* the caller may have no right to the other domains */
    if (!config_copy_one(&one, &session->config, session->domain))
        must_have(NULL);
    one.domains[0].track_usage = false; /* a check is not a use */
    storefile_of_domain(&storefile, session->config.store_dir, session->domain->name);
    stall_watch(&storefile);
    table = table_make(&one, &notice, false, &fault);
    stall_over();
    if (!table)
        return fail(STATUS_IO, "%s", fault.text);
    plain = unescaped(span_of(scopes ? scopes : ""));
    request->ask.domain = session->domain->name;
    request->ask.scopes = plain;
    if (toktab_check_request(table, &request->ask, error, sizeof(error)) < 0)
        status = fail(STATUS_USAGE, "%s", error);
    else
        status = ask(session, table, request, &news);
    free(plain);
    toktab_close(table);
    return status;
}

static const struct options options = {
    .shorts = "s:u:", .longs = longs, .take = take_option, .help = help, .most = INT_MAX};

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {.ask = {.size = sizeof(request.ask)}};
    enum status status = options_parse(argc, argv, &options, &request, &session->where, &request.given);

    if (status == STATUS_DONE && !request.given.help) {
        if (optind < argc) /* not shown again: it may be a token */
            status =
                fail(STATUS_USAGE, "verify reads the token from standard input, because everybody on this "
                                   "machine can see a command's arguments: if that was a real token, "
                                   "rotate it; then run toktab verify and paste the token");
        else
            status = verify(session, &request);
    }
    attributes_free(&request.attributes);
    return status;
}

const struct command command_verify = {"verify", "check a token as nginx or PAM would", help, run};
