#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/command.h"
#include "store/prove.h"
#include "storefile.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "token/describe.h"

static const char help[] =
    "Usage: toktab [-c CONF] [-d DOMAIN] check [OPTIONS]\n"
    "\n"
    "Proves a store: permissions, header, snapshot, each line, the chain, serials.\n"
    "Prints HEAD, which stands for all that was ever written to it: keep it\n"
    "somewhere else, and --expect it later. Exits with 1 if anything is wrong.\n"
    "\n"
    "      --expect HEAD   is what stood at HEAD still there? Exits with 0 for yes, 1\n"
    "                      for no, 69 if that cannot be told any more\n"
    "      --json          as JSON: head, lines, tokens, faults\n"
    "\n"
    "Example: toktab check --expect 1:17:0123456789abcdef0123456789abcdef\n";

static const struct option longs[] = {{"expect", required_argument, NULL, OPTION_EXPECT},
                                      {"json", no_argument, NULL, OPTION_JSON},
                                      {"help", no_argument, NULL, OPTION_HELP},
                                      {0}};

struct check {
    struct storefile storefile;
    struct expected_head expected, *expect; /* expect: NULL: nothing is expected */
    bool json, help;
    json_t *faults;
};

static void add_fault(struct check *check, const char *text)
{
    json_array_append_new(check->faults, must_have(json_string(text)));
    say("%s/%s: %s", check->storefile.directory, check->storefile.name, text);
}

/* Who can open the lock can hold it, and keep others from revoking. */
static void check_lock(struct check *check, const char *domain)
{
    char path[PATH_MAX];
    struct stat status;
    struct fault fault;

    if (snprintf(path, sizeof(path), "%s/%s.lock", check->storefile.directory, domain) >= PATH_MAX ||
        lstat(path, &status) < 0)
        return;
    if (!S_ISREG(status.st_mode) || (status.st_mode & 077) != 0) {
        fault_set(&fault, "its lock %s can be opened by others (mode %04o): chmod 0600 it", path,
                  (unsigned)(status.st_mode & 07777));
        add_fault(check, fault.text);
    }
}

/* Open the store though it is not to be trusted, so that its content can be proved all the same. */
static int open_untrusted(const struct check *check)
{
    int directory = open(check->storefile.directory, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;
    struct stat store;

    if (directory < 0)
        return -1;
    fd = openat(directory, check->storefile.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    close(directory);
    if (fd >= 0 && fstat(fd, &store) == 0 && S_ISREG(store.st_mode))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* What is wrong with its permissions is a fault among others. A descriptor, or -1 with the status, printed.
 */
static int open_store(struct check *check, enum status *status)
{
    struct fault fault;
    struct stat store;
    int fd = storefile_open(&check->storefile, O_RDONLY, &store, &fault), untrusted;

    if (fd >= 0)
        return fd;
    *status = status_of(errno);
    untrusted = errno == EPERM ? open_untrusted(check) : -1;
    if (untrusted >= 0)
        add_fault(check, fault.text);
    else
        fail(*status, "%s/%s: %s", check->storefile.directory, check->storefile.name, fault.text);
    return untrusted;
}

static enum status print(const struct check *check, const struct proof *proof, bool proved)
{
    char head[HEAD_SIZE];

    head_format(head, proof->chain.header.epoch, proof->chain.at.n, proof->chain.at.chain);
    if (check->json)
        return print_json(must_have(json_pack("{s:s?, s:I, s:I, s:O}", "head", proved ? head : NULL, "lines",
                                              (json_int_t)proof->lines, "tokens",
                                              (json_int_t)proof->index.count, "faults", check->faults)));
    if (!proved)
        return STATUS_DONE;
    say("%s/%s: %s%" PRIu64 " line%s, %zu token%s; its HEAD is", check->storefile.directory,
        check->storefile.name, json_array_size(check->faults) == 0 ? "sound: " : "", proof->lines,
        plural(proof->lines), proof->index.count, plural(proof->index.count));
    return output_line(head);
}

static enum status answer(const struct expected_head *expect)
{
    switch (expect->answer) {
    case ANSWER_YES:
        return STATUS_DONE;
    case ANSWER_CANNOT_TELL:
        return fail(
            STATUS_MISSING,
            "--expect: that cannot be told: what stood at this HEAD has been compacted or mended since");
    case ANSWER_PENDING:
    case ANSWER_NO:
    default:
        return fail(STATUS_NO,
                    "--expect: the log is not what it was at this HEAD: it was altered, or an older or "
                    "another store was put here");
    }
}

/* What stands behind the last line, where that is no fault: the next change mends it. */
static void say_rest(const struct check *check, const struct proof *proof)
{
    const char *directory = check->storefile.directory, *name = check->storefile.name;

    if (proof->rest == REST_LINE)
        say("%s/%s: its last line lacks its newline, which the next change adds", directory, name);
    else if (proof->rest == REST_TORN)
        say("%s/%s: it ends with %" PRIu64 " byte%s of an unfinished line, which the next change cuts off",
            directory, name, proof->rest_bytes, plural(proof->rest_bytes));
    else if (proof->rest == REST_UNSYNCED)
        say("%s/%s: it ends with %" PRIu64 " byte%s that a power cut left, which the next change cuts off",
            directory, name, proof->rest_bytes, plural(proof->rest_bytes));
}

/* fd is open. */
static enum status check_content(struct check *check, int fd, const char *domain)
{
    struct proof proof;
    struct fault fault;
    bool proved = prove(&proof, fd, domain, check->expect, &progress_witness, &fault);
    enum status status;

    progress_clear();
    if (proved)
        say_rest(check, &proof);
    else
        add_fault(check, fault.text);
    status = print(check, &proof, proved);
    proof_free(&proof);
    if (status != STATUS_DONE)
        return status;
    if (!proved && fault.passing)
        return STATUS_IO;
    if (!proved)
        say("%s/%s: put a backup there, or try `toktab mend`", check->storefile.directory,
            check->storefile.name);
    if (json_array_size(check->faults) > 0)
        return STATUS_NO;
    return check->expect ? answer(check->expect) : STATUS_DONE;
}

static enum status check_store(struct check *check, const struct session *session)
{
    enum status status;
    int fd;

    storefile_of_domain(&check->storefile, session->config.store_dir, session->domain->name);
    check->faults = must_have(json_array());
    fd = open_store(check, &status);
    if (fd >= 0) {
        check_lock(check, session->domain->name);
        status = check_content(check, fd, session->domain->name);
        close(fd);
    }
    json_decref(check->faults);
    return status;
}

static enum status take_option(void *context, int option)
{
    struct check *check = context;

    switch (option) {
    case OPTION_EXPECT:
        check->expect = &check->expected;
        if (head_parse(check->expect, optarg))
            return STATUS_DONE;
        return fail(STATUS_USAGE, "HEAD \"%.15s%s\": give what `toktab check` has printed, epoch:n:chain",
                    optarg, cut_mark(optarg));
    case OPTION_JSON:
        check->json = true;
        return STATUS_DONE;
    default:
        return STATUS_USAGE;
    }
}

static enum status take_options(struct check *check, int argc, char **argv)
{
    enum status status = each_option(argc, argv, "", longs, take_option, check, &check->help);

    if (status != STATUS_DONE || check->help)
        return status;
    return arguments_fit(argc, argv, 0, 0, "") ? STATUS_DONE : STATUS_USAGE;
}

static enum status run(struct session *session, int argc, char **argv)
{
    struct check check = {0};
    enum status status = take_options(&check, argc, argv);

    if (status == STATUS_DONE && check.help)
        return output_help(help);
    if (status == STATUS_DONE)
        status = session_open(session);
    return status == STATUS_DONE ? check_store(&check, session) : status;
}

const struct command command_check = {"check", "prove a store, and print its HEAD", help, run};
