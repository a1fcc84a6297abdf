#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/check_fleet.h"
#include "command/command.h"
#include "store/prove.h"
#include "store/tokens.h"
#include "storefile.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/stall.h"
#include "token/describe.h"

static const char help[] =
    "Usage: toktab [-c CONF] [-d DOMAIN] check [OPTIONS]\n"
    "\n"
    "Checks a store: permissions, header, snapshot, every line, the chain, serials.\n"
    "Prints HEAD, which stands for everything ever written to the store: keep it\n"
    "elsewhere, and give it to --expect later. Exits with 1 if anything is wrong.\n"
    "\n"
    "  -A, --all-domains   check all your domains, and print the domain of each HEAD\n"
    "      --expect HEAD   is this HEAD still in the log? Exits with 0 for yes,\n"
    "                      1 for no, 69 if that can no longer be told\n"
    "      --fleet         on a follower, instead: its HEAD, its source's, and how\n"
    "                      long ago the source was heard. Exits with 1 if the source\n"
    "                      is not followed (fork), 69 after max_lag without contact\n"
    "      --json          print JSON: head, lines, tokens, faults; with -A an array,\n"
    "                      with the domain of each\n"
    "\n"
    "Example: toktab check --expect 1:17:0123456789abcdef0123456789abcdef\n";

static const struct option longs[] = {
    {"all-domains", no_argument, NULL, 'A'},    {"expect", required_argument, NULL, OPTION_EXPECT},
    {"fleet", no_argument, NULL, OPTION_FLEET}, {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},   {0}};

struct check {
    struct storefile storefile;
    struct expected_head expected, *expect; /* expect is NULL without --expect */
    struct given given;
    bool all_domains, fleet;
    const struct session *session;
    const char *domain; /* of the store at hand */
    json_t *faults;     /* of it */
    json_t *array;      /* of all, with -A and --json */
};

static void add_fault(struct check *check, const char *text)
{
    json_append(check->faults, json_string(text));
    say("%s/%s: %s", check->storefile.directory, check->storefile.name, text);
}

/* Anybody who can open the lock can hold it and block revocations. */
static void check_lock(struct check *check)
{
    char path[PATH_MAX];
    struct stat status;
    struct fault fault;

    if (snprintf(path, sizeof(path), "%s/%s.lock", check->storefile.directory, check->domain) >= PATH_MAX ||
        lstat(path, &status) < 0)
        return;
    if (S_ISREG(status.st_mode) && (status.st_mode & 077) == 0)
        return;
    if (S_ISREG(status.st_mode))
        fault_set(&fault, "others can open its lock %s (mode %04o): run chmod 0600 on it", path,
                  (unsigned)(status.st_mode & 07777));
    else
        fault_set(&fault, "its lock %s is not a regular file: remove it", path);
    add_fault(check, fault.text);
}

/* Wrong permissions are one fault among others: the content is checked all the same. Returns a descriptor, or
 * -1 with a status after printing. */
static int open_store(struct check *check, enum status *status)
{
    const struct storefile *storefile = &check->storefile;
    struct fault fault;
    struct stat store;
    int fd, error, directory;

    stall_watch(storefile);
    fd = storefile_open(storefile, O_RDONLY, &store, &fault);
    stall_over();
    error = errno;
    if (fd >= 0)
        return fd;
    *status = status_of(error);
    directory = error == EPERM ? open(storefile->directory, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (directory >= 0) {
        fd = openat(directory, storefile->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        close(directory);
    }
    if (fd >= 0 && fstat(fd, &store) == 0 && S_ISREG(store.st_mode)) {
        add_fault(check, fault.text);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    session_explain_missing(check->session, error, &fault);
    fail(*status, "%s/%s: %s", storefile->directory, storefile->name, fault.text);
    return -1;
}

/* What follows the last line here is no fault: the next change repairs it. */
static void say_rest(const struct check *check, const struct proof *proof)
{
    const char *directory = check->storefile.directory, *name = check->storefile.name;

    if (proof->rest == REST_LINE)
        say("%s/%s: the last line lacks its newline, which the next change adds", directory, name);
    else if (proof->rest == REST_TORN)
        say("%s/%s: ends with %" PRIu64 " byte%s of an unfinished line, which the next change removes",
            directory, name, proof->rest_bytes, plural(proof->rest_bytes));
    else if (proof->rest == REST_UNSYNCED)
        say("%s/%s: ends with %" PRIu64 " byte%s left by a power cut, which the next change removes",
            directory, name, proof->rest_bytes, plural(proof->rest_bytes));
}

static enum status print_object(const struct check *check, const struct proof *proof, const char *head)
{
    json_t *object =
        must_have(json_pack("{s:s?, s:I, s:I, s:O}", "head", head, "lines", (json_int_t)proof->lines,
                            "tokens", (json_int_t)proof->tokens, "faults", check->faults));

    if (!check->all_domains)
        return print_json(object);
    json_add(object, "domain", json_string(check->domain));
    json_append(check->array, object);
    return STATUS_DONE;
}

static enum status print(const struct check *check, const struct proof *proof, bool proved)
{
    char head[HEAD_SIZE], line[DOMAIN_NAME_MAX + 1 + HEAD_SIZE];

    if (proved)
        say_rest(check, proof);
    head_format(head, proof->chain.header.epoch, proof->chain.at.n, proof->chain.at.chain);
    if (check->given.json)
        return print_object(check, proof, proved ? head : NULL);
    if (!proved)
        return STATUS_DONE;
    say("%s/%s: %s%" PRIu64 " line%s, %" PRIu64 " token%s; its HEAD is", check->storefile.directory,
        check->storefile.name, json_array_size(check->faults) == 0 ? "sound: " : "", proof->lines,
        plural(proof->lines), proof->tokens, plural(proof->tokens));
    snprintf(line, sizeof(line), "%s%s%s", check->all_domains ? check->domain : "",
             check->all_domains ? " " : "", head);
    return output_line(line);
}

/* A host that follows another may not mend its store, and need not. */
static void say_repair(const struct check *check)
{
    const char *directory = check->storefile.directory, *name = check->storefile.name;
    struct fault fault;

    if (session_may_write(check->session, &fault) == STATUS_DONE)
        say("%s/%s: run `toktab mend`, with a backup of the store as COPY if you have one", directory, name);
    else
        say("%s/%s: move it away, and `toktab follow` fetches it anew", directory, name);
}

static enum status check_content(struct check *check, int fd)
{
    struct proof proof;
    struct fault fault;
    enum status status;
    bool proved;

    stall_watch(&check->storefile);
    proved = prove_soundness(&proof, fd, check->domain, check->expect, &fault);
    progress_clear();
    stall_over();
    if (!proved)
        add_fault(check, fault.text);
    status = print(check, &proof, proved);
    proof_free(&proof);
    if (status != STATUS_DONE)
        return status;
    if (!proved && fault.passing)
        return STATUS_IO;
    if (!proved)
        say_repair(check);
    if (json_array_size(check->faults) > 0)
        return STATUS_NO;
    if (!check->expect)
        return STATUS_DONE;
    if (check->expect->answer == ANSWER_YES) {
        say("--expect: the log contains this HEAD");
        return STATUS_DONE;
    }
    if (check->expect->answer == ANSWER_CANNOT_TELL)
        return fail(STATUS_MISSING,
                    "--expect: cannot tell: the store was compacted or mended after this HEAD");
    return fail(
        STATUS_NO,
        "--expect: the log does not contain this HEAD: the log was altered, or the store was replaced "
        "with an older copy or with another store");
}

static enum status take_option(void *context, int option)
{
    struct check *check = context;

    if (option == 'A') {
        check->all_domains = true;
        return STATUS_DONE;
    }
    if (option == OPTION_FLEET) {
        check->fleet = true;
        return STATUS_DONE;
    }
    if (option != OPTION_EXPECT)
        return STATUS_USAGE;
    check->expect = &check->expected;
    if (head_parse(check->expect, optarg))
        return STATUS_DONE;
    return fail(STATUS_USAGE,
                "\"%.15s%s\" is not a HEAD: give one that `toktab check` printed (epoch:n:chain)", optarg,
                cut_mark(optarg));
}

static const struct options options = {.shorts = "A", .longs = longs, .take = take_option, .help = help};

static enum status check_domain(struct check *check, const struct session *session,
                                const struct domain *domain)
{
    enum status status;
    int fd;

    check->session = session;
    check->domain = domain->name;
    storefile_of_domain(&check->storefile, session->config.store_dir, domain->name);
    check->faults = must_have(json_array());
    fd = open_store(check, &status);
    if (fd >= 0) {
        check_lock(check);
        status = check_content(check, fd);
        close(fd);
    }
    json_decref(check->faults);
    return status;
}

/* Before its first token a domain has no store, and nothing is wrong with it. Returns the last failure. */
static enum status check_all(struct check *check, struct session *session)
{
    enum status status, worst = STATUS_DONE;

    check->array = must_have(json_array());
    for (size_t i = 0; i < session->config.count; i++) {
        session->domain = &session->config.domains[i];
        if (!session_wants(session, session->domain))
            continue;
        if (!tokens_exist(session)) {
            if (!session_awaits_store(session))
                say("domain %s has no tokens yet", session->domain->name);
            continue;
        }
        status = check_domain(check, session, session->domain);
        worst = status == STATUS_DONE ? worst : status;
    }
    status = check->given.json ? print_json(json_incref(check->array)) : STATUS_DONE;
    json_decref(check->array);
    return status == STATUS_DONE ? worst : status;
}

static enum status run(struct session *session, int argc, char **argv)
{
    struct check check = {0};
    enum status status = options_parse(argc, argv, &options, &check, &session->where, &check.given);

    if (status != STATUS_DONE || check.given.help)
        return status;
    if (check.all_domains && session->where.domain)
        return fail(STATUS_USAGE, "-A and -d exclude each other");
    if (check.all_domains && check.expect)
        return fail(STATUS_USAGE, "--expect: a HEAD is of one domain: give -d instead of -A");
    if (check.fleet && (check.all_domains || check.expect))
        return fail(STATUS_USAGE, "--fleet excludes -A and --expect: give -d for another domain");
    status = check.all_domains ? session_open_all(session) : session_open(session);
    if (status != STATUS_DONE)
        return status;
    if (check.fleet)
        return check_fleet(session, check.given.json);
    return check.all_domains ? check_all(&check, session) : check_domain(&check, session, session->domain);
}

const struct command command_check = {"check", "check that a store is sound, and print its HEAD", help, run};
