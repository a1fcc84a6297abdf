#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"
#include "duration.h"
#include "freshness.h"
#include "store/prove.h"
#include "store/rewrite.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "token/describe.h"

static const char help[] =
    "Usage: toktab [-c CONF] [-d DOMAIN] compact [OPTIONS]\n"
    "\n"
    "Rewrites a store with only the last line of each token, syncs the new file, and\n"
    "puts it in place of the old one. Hosts keep verifying tokens meanwhile. Prints\n"
    "HEAD, as `toktab check` does. The history of earlier changes is lost.\n"
    "\n"
    "      --drop-dead AGE   also drop tokens that were revoked or expired longer ago\n"
    "                        than AGE (90d, 12h, 0s); they are then unknown\n"
    "      --json            print JSON: head, bytes_before, bytes_after\n"
    "\n"
    "Example: toktab compact --drop-dead 365d\n";

static const struct option longs[] = {{"drop-dead", required_argument, NULL, OPTION_DROP_DEAD},
                                      {"json", no_argument, NULL, OPTION_JSON},
                                      {"help", no_argument, NULL, OPTION_HELP},
                                      {0}};

struct request {
    int64_t age; /* TIME_NEVER: nothing is dropped */
    struct given given;
};

/* A store that is being proved. Its descriptor stays open, so that no other file can get its inode number. */
struct proving {
    struct proof proof;
    int fd;
    bool begun;
};

/* Prove what the store has before the lock is taken, so that others wait less. A failure does not count here:
 * somebody may be writing. */
static void prove_ahead(struct proving *proving, const struct session *session)
{
    struct stat status;
    struct storefile storefile;
    struct fault fault;

    storefile_of_domain(&storefile, session->config.store_dir, session->domain->name);
    proving->fd = storefile_open(&storefile, O_RDONLY, &status, &fault);
    if (proving->fd < 0)
        return;
    proving->begun = prove_begin(&proving->proof, proving->fd, session->domain->name, NULL, &fault) &&
                     prove_on(&proving->proof, proving->fd, &progress_witness, &fault);
    progress_clear();
    if (!proving->begun)
        proof_free(&proving->proof);
}

static bool is_same_file(int a, int b)
{
    struct stat first, second;

    return fstat(a, &first) == 0 && fstat(b, &second) == 0 && same_file(&first, &second);
}

/* Under the lock: prove what was added since, or everything if the file was replaced. */
static bool prove_rest(struct proving *proving, const struct log *log, struct fault *fault)
{
    if (proving->begun && !is_same_file(proving->fd, log->file)) {
        proof_free(&proving->proof);
        proving->begun = false;
    }
    if (!proving->begun) {
        proving->begun = true;
        if (!prove_begin(&proving->proof, log->file, log->domain, NULL, fault))
            return false;
    }
    return prove_on(&proving->proof, log->file, NULL, fault) && prove_end(&proving->proof, fault);
}

static void prepare(struct rewrite *rewrite, const struct chain *chain, const struct request *request)
{
    int64_t cutoff = request->age < rewrite->now ? rewrite->now - request->age : TIME_NEVER;

    rewrite->header = chain->header;
    rewrite->header.base = chain->at.n;
    memcpy(rewrite->header.basechain, chain->at.chain, CHAIN_SIZE);
    rewrite->prior = chain->serial;
    rewrite->header.cutoff = later_cutoff(rewrite->header.cutoff, cutoff);
    rewrite->ext = "";
}

static enum status damaged(const struct log *log, struct fault *fault)
{
    struct fault what = *fault;

    fault_set(fault, "%s/%s: %s: nothing was done: run `toktab check`", log->storefile.directory,
              log->storefile.name, what.text);
    return what.passing ? STATUS_IO : STATUS_DAMAGED;
}

/* A clock was wrong once: a cutoff in the future would drop tokens that still work. */
static enum status too_early(const struct log *log, struct fault *fault)
{
    fault_set(
        fault,
        "%s/%s: nothing was done: the cutoff of an earlier compaction is in the future: set the clock, or if "
        "the clock was wrong then, run `toktab mend`",
        log->storefile.directory, log->storefile.name);
    return STATUS_DAMAGED;
}

/* Under the lock. */
static enum status renew(struct rewrite *rewrite, struct proving *proving, struct log *log,
                         const struct request *request, struct fault *fault)
{
    struct newfile file;
    enum status status;

    if (!prove_rest(proving, log, fault))
        return damaged(log, fault);
    if (cutoff_ahead(proving->proof.chain.header.cutoff, rewrite->now))
        return too_early(log, fault);
    prepare(rewrite, &proving->proof.chain, request);
    snapshot_of_index(&rewrite->snapshot, &proving->proof.index);
    snapshot_drop_dead(&rewrite->snapshot, rewrite->header.cutoff);
    status = rewrite_write(rewrite, log, &file, fault);
    if (status == STATUS_DONE)
        status = rewrite_install(log, &file, fault);
    snapshot_free(&rewrite->snapshot);
    return status;
}

static uint64_t size_of(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static enum status print(const struct session *session, const struct request *request,
                         const struct rewrite *rewrite, uint64_t bytes_before)
{
    char head[HEAD_SIZE];

    head_format(head, rewrite->header.epoch, rewrite->at.n, rewrite->at.chain);
    if (request->given.json)
        return print_json(
            must_have(json_pack("{s:s, s:I, s:I}", "head", head, "bytes_before", (json_int_t)bytes_before,
                                "bytes_after", (json_int_t)rewrite->bytes)));
    say("%s/%s.tokens: compacted from %" PRIu64 " bytes to %" PRIu64 "; its HEAD is",
        session->config.store_dir, session->domain->name, bytes_before, rewrite->bytes);
    return output_line(head);
}

static enum status compact(const struct session *session, const struct request *request,
                           struct proving *proving)
{
    struct rewrite rewrite = {.by = session->caller.by, .now = (int64_t)time(NULL)};
    uint64_t bytes_before = 0;
    struct fault fault;
    struct log log;
    enum status status = log_begin(&log, session->config.store_dir, session->domain->name, false, &fault);

    if (status == STATUS_DONE) {
        bytes_before = size_of(log.file);
        status = renew(&rewrite, proving, &log, request, &fault);
        log_end(&log);
    }
    if (status != STATUS_DONE)
        return fail(status, "%s", fault.text);
    return print(session, request, &rewrite, bytes_before);
}

static enum status prove_and_compact(struct session *session, const struct request *request)
{
    struct proving proving = {.fd = -1};
    enum status status = session_open_to_change(session);

    if (status != STATUS_DONE)
        return status;
    prove_ahead(&proving, session);
    status = compact(session, request, &proving);
    if (proving.begun)
        proof_free(&proving.proof);
    if (proving.fd >= 0)
        close(proving.fd);
    return status;
}

static enum status take_option(void *context, int option)
{
    struct request *request = context;

    switch (option) {
    case OPTION_DROP_DEAD:
        if (duration_parse(span_of(optarg), &request->age))
            return STATUS_DONE;
        return fail(STATUS_USAGE, "\"%.15s%s\" is not an age: give a whole number with s, m, h, d or w (90d)",
                    optarg, cut_mark(optarg));
    default:
        return STATUS_USAGE;
    }
}

static const struct options options = {.shorts = "", .longs = longs, .take = take_option, .help = help};

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {.age = TIME_NEVER};
    enum status status = session_refuse_delegated(session, "compact");

    if (status == STATUS_DONE)
        status = options_parse(argc, argv, &options, &request, &request.given);
    if (status != STATUS_DONE || request.given.help)
        return status;
    return prove_and_compact(session, &request);
}

const struct command command_compact = {"compact", "rewrite a store without its history", help, run};
