#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caller/opener.h"
#include "command/command.h"
#include "store/lock.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "token/describe.h"
#include "token/leaks.h"
#include "token/revocation.h"
#include "token/search.h"

static const char help[] =
    "Usage: toktab [-c CONF] [-d DOMAIN] scan [OPTIONS] [PATH…]\n"
    "\n"
    "Finds tokens in any text: in files, below directories, or on stdin. Tells where\n"
    "each token is, whose it is and whether it still works, but never shows it. Exits\n"
    "with 1 if any of them worked. Looks for the tokens of all domains, or of the one\n"
    "that -d names.\n"
    "\n"
    "      --revoke   revoke those that work, now and for good, without asking\n"
    "      --json     print a JSON array\n"
    "\n"
    "Examples: toktab scan /srv/www\n"
    "          git log -p --all -m --text | toktab scan\n";

static const struct option longs[] = {{"revoke", no_argument, NULL, OPTION_REVOKE},
                                      {"json", no_argument, NULL, OPTION_JSON},
                                      {"help", no_argument, NULL, OPTION_HELP},
                                      {0}};

struct request {
    bool revoke;
    struct given given;
};

/* The name of a file, safe to show and to keep as a reason: it may contain a token. */
static char *name_shown(const char *name)
{
    char *shown = showable(span_of(name));

    hide_secrets(shown);
    return shown;
}

static void say_unreadable(const char *name)
{
    const char *why = strerror(errno);
    char *shown = name_shown(name);

    say("%s: cannot be read: %s", shown, why);
    free(shown);
}

static enum status scan_file(struct leaks *leaks, int fd, const char *name, struct search *search)
{
    char *shown = name_shown(name);
    uint64_t done = 0;
    ssize_t got;

    leaks->file = shown;
    search_begin(search, leaks_note, leaks);
    while ((got = read(fd, search_room(search), SEARCH_PIECE)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        search_piece(search, (size_t)got);
        done += (uint64_t)got;
        progress_show(done >> 20, "MB");
    }
    search_end(search);
    progress_clear();
    if (got < 0)
        say_unreadable(name);
    free(shown);
    return got < 0 ? STATUS_IO : STATUS_DONE;
}

static enum status scan_files(struct leaks *leaks, struct opener *opener)
{
    struct search *search = must_have(crypto_alloc(sizeof(*search))); /* it may hold tokens */
    enum status worst = STATUS_DONE, status;
    struct opened opened;

    if (!opener)
        worst = scan_file(leaks, STDIN_FILENO, "stdin", search);
    while (opener && opener_next(opener, &opened)) {
        if (opened.fd >= 0) {
            status = scan_file(leaks, opened.fd, opened.name, search);
            close(opened.fd);
        } else {
            errno = opened.error;
            status = status_of(opened.error);
            say_unreadable(opened.name);
        }
        worst = worst == STATUS_DONE ? status : worst;
    }
    if (opener && opener->error != 0)
        worst = fail(STATUS_IO, "scan: not all files were read: %s", strerror(opener->error));
    crypto_free(search);
    return worst;
}

/* The reason says where the token was found, unless that is too long. */
static enum status give_reason(struct attributes *attributes, const char *place)
{
    char *shown = showable(span_of(place)), *reason = composed("found in %s", shown);
    enum status status =
        attributes_set_reason(attributes, reason_valid(span_of(reason)) ? reason : "found by toktab scan");

    free(reason);
    free(shown);
    return status;
}

static enum status end_leaks_of(struct session *session, const struct domain *domain,
                                const struct leaks *leaks)
{
    size_t most = leaks->active_count + 1;
    char **ids = must_have(calloc(most, sizeof(*ids)));
    struct attributes *attributes = must_have(calloc(most, sizeof(*attributes)));
    struct revocation *revocations = must_have(calloc(most, sizeof(*revocations)));
    enum status status = STATUS_DONE;
    struct refs refs = {0};
    int count = 0;

    for (size_t i = 0; i < leaks->active_count && status == STATUS_DONE; i++)
        if (leaks->active[i].domain == domain) {
            ids[count] = leaks->active[i].id;
            revocations[count].attributes = &attributes[count];
            status = give_reason(&attributes[count++], leaks->active[i].place);
        }
    session->domain = domain;
    if (status == STATUS_DONE)
        status = refs_make(&refs, domain->name, ids, count, PROOF_OF_FOUND);
    if (status == STATUS_DONE)
        status = revoke_tokens(session, &refs, revocations);
    refs_free(&refs);
    while (count > 0)
        attributes_free(&attributes[--count]);
    free(revocations);
    free(attributes);
    free(ids);
    return status;
}

/* opener: NULL: stdin */
static enum status scan(struct session *session, const struct request *request, struct opener *opener)
{
    enum status status, ended = STATUS_DONE;
    struct leaks leaks;

    session->changes = request->revoke;
    status = session->where.domain ? session_open(session) : session_open_all(session);
    if (status != STATUS_DONE)
        return status;
    leaks_make(&leaks, session, request->given.json);
    status = scan_files(&leaks, opener);
    leaks_end(&leaks);
    lock_wait_once(); /* or a few stuck locks would hold up the domains after them for minutes */
    for (size_t i = 0; request->revoke && i < session->config.count; i++) {
        enum status of_domain = end_leaks_of(session, &session->config.domains[i], &leaks);

        ended = of_domain == STATUS_DONE ? ended : of_domain;
    }
    /* worst is a token that still works, then one that worked when found, then an unreadable file */
    if (ended == STATUS_DONE && leaks.active_count > 0)
        ended = STATUS_NO;
    status = ended != STATUS_DONE ? ended : status != STATUS_DONE ? status : leaks.status;
    leaks_free(&leaks);
    return status;
}

static enum status take_option(void *context, int option)
{
    struct request *request = context;

    if (option != OPTION_REVOKE)
        return STATUS_USAGE;
    request->revoke = true;
    return STATUS_DONE;
}

static const struct options options = {
    .shorts = "", .longs = longs, .take = take_option, .help = help, .most = INT_MAX};

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {0};
    struct opener opener;
    enum status status = options_parse(argc, argv, &options, &request, &session->where, &request.given);

    if (status != STATUS_DONE || request.given.help)
        return status;
    if (optind == argc)
        return scan(session, &request, NULL);
    if (!opener_begin(&opener, argv + optind))
        return fail(STATUS_IO, "scan: cannot start: %s", strerror(errno));
    status = scan(session, &request, &opener);
    opener_end(&opener);
    return status;
}

const struct command command_scan = {"scan", "find tokens in any text", help, run};
