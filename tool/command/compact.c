#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "command/command.h"
#include "duration.h"
#include "store/change.h"
#include "store/propose.h"
#include "store/prove_ahead.h"
#include "store/rewrite.h"
#include "terminal/options.h"
#include "terminal/output.h"
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

/* The P line of the new file is a line of the log like any other. */
static enum status propose_point(struct log *log, const struct newfile *file, struct fault *fault)
{
    struct tip old, new;
    char text[LINE_SIZE_MAX];
    enum status status = STATUS_DONE;

    if (!log_has_engine(log))
        return status;
    status = log_tip(log, &old, fault);
    if (status == STATUS_DONE)
        status = tip_read(&new, file->fd, log->domain, fault);
    if (status == STATUS_DONE && !read_all(file->fd, text, (size_t)(new.end - new.start), new.start))
        status = rewrite_failed(log, fault);
    return status == STATUS_DONE ? propose(log, &old, text, (size_t)(new.end - new.start), fault) : status;
}

static enum status install(const struct rewrite *rewrite, struct log *log, struct newfile *file,
                           struct fault *fault)
{
    char head[HEAD_SIZE];
    enum status status;
    struct fault what;

    head_format(head, rewrite->header.epoch, rewrite->at.n, rewrite->at.chain);
    journal_note_head(&log->journal, rewrite->by, "compacted", log->domain, head);
    status = propose_point(log, file, fault);
    if (status != STATUS_DONE) {
        if (log->doubt)
            journal_made(&log->journal, NULL, true);
        newfile_abandon(file);
        return status;
    }
    if (!log_has_engine(log))
        return rewrite_install(log, file, REWRITE_ADVICE, fault);
    journal_made(&log->journal, NULL, false);
    status = rewrite_install(log, file, "", &what);
    if (status != STATUS_DONE)
        fault_set(
            fault,
            "the engine %s has this compaction, and `toktab follow` repeats it here, where it failed: %s",
            log->session->domain->source, what.text);
    return status;
}

/* Under the lock. STATUS_AGAIN: another host was faster. */
static enum status renew(struct rewrite *rewrite, struct prove_ahead *proving, struct log *log, int64_t age,
                         struct fault *fault)
{
    const struct storefile *storefile = &log->storefile;
    const struct chain *chain = &proving->proof.chain;
    int64_t cutoff = age < rewrite->now ? rewrite->now - age : TIME_NEVER;
    struct newfile file;
    enum status status = prove_ahead_finish(proving, log, fault);

    if (status != STATUS_DONE)
        return status;
    if (cutoff_ahead(chain->header.cutoff, rewrite->now)) { /* tokens that still work would be dropped */
        fault_set(fault,
                  "%s/%s: nothing was done: the cutoff of an earlier compaction is in the future: set the "
                  "clock, or if the clock was wrong then, run `toktab mend`",
                  storefile->directory, storefile->name);
        return STATUS_DAMAGED;
    }
    rewrite->header = chain->header;
    rewrite->header.base = chain->at.n;
    memcpy(rewrite->header.basechain, chain->at.chain, CHAIN_SIZE);
    rewrite->prior = chain->serial;
    rewrite->header.cutoff = later_cutoff(rewrite->header.cutoff, cutoff);
    rewrite->ext = "";
    snapshot_of_index(&rewrite->snapshot, &proving->proof.index);
    snapshot_drop_dead(&rewrite->snapshot, rewrite->header.cutoff);
    status = rewrite_write(rewrite, log, &file, fault);
    if (status == STATUS_DONE)
        status = install(rewrite, log, &file, fault);
    snapshot_free(&rewrite->snapshot);
    return status;
}

static enum status compact(const struct session *session, const struct request *request,
                           struct prove_ahead *proving)
{
    struct rewrite rewrite = {.by = session->caller.by, .now = (int64_t)time(NULL)};
    const char *directory = session->config.store_dir, *domain = session->domain->name;
    struct stat before = {0};
    struct engine *engine;
    struct fault fault;
    struct log log;
    char head[HEAD_SIZE];
    enum status status = log_begin(&log, session, LOG_CHANGE, &fault);

    if (status == STATUS_DONE) {
        fstat(log.file, &before);
        do
            status = renew(&rewrite, proving, &log, request->age, &fault);
        while (status == STATUS_AGAIN);
        engine = log.engine;
        log.engine = NULL;
        log_end(&log);
        engine_end_slowly(&engine);
    }
    if (status != STATUS_DONE)
        return fail(status, "%s", fault.text);
    head_format(head, rewrite.header.epoch, rewrite.at.n, rewrite.at.chain);
    if (request->given.json)
        return print_json(
            must_have(json_pack("{s:s, s:I, s:I}", "head", head, "bytes_before", (json_int_t)before.st_size,
                                "bytes_after", (json_int_t)rewrite.bytes)));
    say("%s/%s.tokens: compacted from %" PRIu64 " bytes to %" PRIu64 "; its HEAD is", directory, domain,
        (uint64_t)before.st_size, rewrite.bytes);
    return output_line(head);
}

static enum status take_option(void *context, int option)
{
    struct request *request = context;

    if (option != OPTION_DROP_DEAD)
        return STATUS_USAGE;
    if (duration_parse(span_of(optarg), &request->age))
        return STATUS_DONE;
    return fail(STATUS_USAGE, "\"%.15s%s\" is not an age: give a whole number with s, m, h, d or w (90d)",
                optarg, cut_mark(optarg));
}

static const struct options options = {.shorts = "", .longs = longs, .take = take_option, .help = help};

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {.age = TIME_NEVER};
    struct prove_ahead proving;
    enum status status = session_refuse_delegated(session, "compact");

    if (status == STATUS_DONE)
        status = options_parse(argc, argv, &options, &request, &session->where, &request.given);
    if (status != STATUS_DONE || request.given.help)
        return status;
    status = session_open_to_change(session);
    if (status != STATUS_DONE)
        return status;
    prove_ahead_begin(&proving, session, UINT64_MAX);
    status = compact(session, &request, &proving);
    prove_ahead_end(&proving);
    return status;
}

const struct command command_compact = {"compact", "rewrite a store without its history", help, run};
