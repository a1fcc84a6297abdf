#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/command.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "token/describe.h"
#include "token/leaks.h"
#include "token/revocation.h"

static const char help[] =
    "Usage: toktab [-c CONF] [-d DOMAIN] scan [OPTIONS] [FILE…]\n"
    "\n"
    "Finds tokens in any text, in files or on stdin. Tells where each token is, whose\n"
    "it is and whether it still works, but never shows it. Exits with 1 if any of\n"
    "them worked. Looks for the tokens of all domains, or of the domain given by -d.\n"
    "\n"
    "      --revoke   revoke those that work, now and for good, without asking\n"
    "      --json     print a JSON array\n"
    "\n"
    "Examples: git log -p | toktab scan\n"
    "          git ls-files -z | xargs -0 toktab scan --\n";

static const struct option longs[] = {{"revoke", no_argument, NULL, OPTION_REVOKE},
                                      {"json", no_argument, NULL, OPTION_JSON},
                                      {"help", no_argument, NULL, OPTION_HELP},
                                      {0}};

enum { PIECE = 256 * 1024 };

struct request {
    char **names; /* of the files; none: stdin */
    int *files;   /* their descriptors; -1: cannot be opened */
    int count;
    bool revoke;
    struct given given;
};

/* A finder_visit(); context: the text. The id stays readable. */
static void hide_secret(void *context, const char *token, size_t length, uint64_t line)
{
    char *text = context, *secret = text + (token - text) + length - TOKEN_BODY + ID_LENGTH;

    (void)line;
    memset(secret, '*', TOKEN_BODY - ID_LENGTH);
}

/* The name of a file, safe to show and to keep as a reason: it may contain a token. */
static char *name_shown(const char *name)
{
    char *shown = showable(span_of(name));
    struct finder finder = {0};

    finder_look(&finder, shown, strlen(shown), hide_secret, shown);
    return shown;
}

static void say_unreadable(const char *name)
{
    const char *why = strerror(errno);
    char *shown = name_shown(name);

    say("%s: cannot be read: %s", shown, why);
    free(shown);
}

static int open_file(const char *name)
{
    struct stat status;
    int fd = open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC);

    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        close(fd);
        errno = EISDIR;
        fd = -1;
    }
    return fd;
}

/* Before the session opens: root then becomes the stores' owner, who may not be able to read the files. */
static enum status open_files(struct request *request)
{
    enum status status = STATUS_DONE;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    request->files = must_have(calloc((size_t)request->count + 1, sizeof(*request->files)));
    for (int i = 0; i < request->count; i++) {
        request->files[i] = open_file(request->names[i]);
        if (request->files[i] >= 0)
            continue;
        status = status == STATUS_DONE ? status_of(errno) : status;
        say_unreadable(request->names[i]);
    }
    return status;
}

static void close_files(struct request *request)
{
    for (int i = 0; request->files && i < request->count; i++)
        if (request->files[i] >= 0)
            close(request->files[i]);
    free(request->files);
}

/* False with errno. */
static bool look_through(int fd, char *buffer, struct leaks *leaks)
{
    struct finder finder = {0};
    uint64_t done = 0;
    size_t kept = 0;
    ssize_t got;

    while ((got = read(fd, buffer + kept, PIECE)) != 0) {
        size_t size = kept + (size_t)got;

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        kept = finder_look(&finder, buffer, size, leaks_note, leaks);
        done += (uint64_t)got;
        progress_show(done >> 20, "MB");
        memmove(buffer, buffer + size - kept, kept);
    }
    return true;
}

static enum status scan_file(struct leaks *leaks, int fd, const char *name, char *buffer)
{
    char *shown = name_shown(name);
    enum status status = STATUS_DONE;
    bool good;

    leaks->file = shown;
    good = look_through(fd, buffer, leaks);
    progress_clear();
    if (!good) {
        say_unreadable(name);
        status = STATUS_IO;
    }
    free(shown);
    return status;
}

static enum status scan_files(struct leaks *leaks, const struct request *request)
{
    char *buffer = must_have(malloc(FINDER_KEEP + PIECE));
    enum status worst = STATUS_DONE, status;

    if (request->count == 0)
        worst = scan_file(leaks, STDIN_FILENO, "stdin", buffer);
    for (int i = 0; i < request->count; i++) {
        if (request->files[i] < 0)
            continue;
        status = scan_file(leaks, request->files[i], request->names[i], buffer);
        worst = worst == STATUS_DONE ? status : worst;
    }
    crypto_wipe(buffer, FINDER_KEEP + PIECE); /* it may hold tokens */
    free(buffer);
    return worst;
}

/* The reason says where the token was found, unless that is too long. */
static enum status give_reason(struct attributes *attributes, const char *place)
{
    char *reason = composed("found in %s", place);
    enum status status =
        attributes_set_reason(attributes, reason_valid(span_of(reason)) ? reason : "found by toktab scan");

    free(reason);
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
        status = refs_make(&refs, domain->name, ids, count);
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

static enum status end_leaks(struct session *session, const struct leaks *leaks)
{
    enum status worst = STATUS_DONE;

    for (size_t i = 0; i < session->config.count; i++) {
        enum status status = end_leaks_of(session, &session->config.domains[i], leaks);

        worst = status == STATUS_DONE ? worst : status;
    }
    return worst;
}

/* A token that still works is worst, then one that worked when found, then a file that could not be read. */
static enum status conclude(const struct leaks *leaks, enum status status, enum status ended)
{
    if (ended != STATUS_DONE)
        return ended;
    if (leaks->active_count > 0)
        return STATUS_NO;
    return status == STATUS_DONE ? leaks->status : status;
}

static enum status scan(struct session *session, const struct request *request, enum status opened)
{
    enum status status, ended = STATUS_DONE;
    struct leaks leaks;

    session->changes = request->revoke;
    status = session->domain_name ? session_open(session) : session_open_all(session);
    if (status != STATUS_DONE)
        return status;
    leaks_make(&leaks, session, request->given.json);
    status = scan_files(&leaks, request);
    leaks_end(&leaks);
    if (request->revoke)
        ended = end_leaks(session, &leaks);
    status = conclude(&leaks, opened == STATUS_DONE ? status : opened, ended);
    leaks_free(&leaks);
    return status;
}

static enum status take_option(void *context, int option)
{
    struct request *request = context;

    switch (option) {
    case OPTION_REVOKE:
        request->revoke = true;
        return STATUS_DONE;
    default:
        return STATUS_USAGE;
    }
}

static const struct options options = {
    .shorts = "", .longs = longs, .take = take_option, .help = help, .most = INT_MAX};

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {0};
    enum status status = options_parse(argc, argv, &options, &request, &request.given);

    if (status != STATUS_DONE || request.given.help)
        return status;
    request.names = argv + optind;
    request.count = argc - optind;
    status = open_files(&request);
    status = scan(session, &request, status);
    close_files(&request);
    return status;
}

const struct command command_scan = {"scan", "find tokens in any text", help, run};
