#include "store/replay.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "store/apart.h"
#include "store/prove_ahead.h"
#include "store/rewrite.h"
#include "terminal/patience.h"
#include "terminal/stall.h"

/* What a P line asks for. The texts are the line's own. */
struct point {
    struct record record;
    char by[LINE_SIZE_MAX], ext[LINE_SIZE_MAX];
};

static void point_split(struct point *point, struct span text)
{
    struct line line;

    line_split(&line, text.at, text.length); /* judged already */
    record_parse(&point->record, &line);
    snprintf(point->by, sizeof(point->by), "%.*s", (int)point->record.by.length, point->record.by.at);
    snprintf(point->ext, sizeof(point->ext), "%.*s", (int)point->record.ext.length, point->record.ext.at);
}

/* Under the lock: write the file that a compaction at this point makes, if it ends with this very P line. */
static enum status rewrite_at(const struct point *point, const struct replay *replay,
                              const struct prove_ahead *proving, struct log *log, struct fault *fault)
{
    const struct chain *chain = &proving->proof.chain;
    struct rewrite rewrite = {.header = chain->header,
                              .prior = chain->serial,
                              .by = point->by,
                              .ext = point->ext,
                              .now = point->record.time};
    struct newfile file;
    enum status status;

    if (later_cutoff(chain->header.cutoff, point->record.expires) != point->record.expires)
        return STATUS_NOT_FOUND;
    rewrite.header.base = chain->at.n;
    memcpy(rewrite.header.basechain, chain->at.chain, CHAIN_SIZE);
    rewrite.header.cutoff = point->record.expires;
    snapshot_of_index(&rewrite.snapshot, &proving->proof.index);
    snapshot_drop_dead(&rewrite.snapshot, rewrite.header.cutoff);
    status = rewrite_write(&rewrite, log, &file, fault);
    snapshot_free(&rewrite.snapshot);
    if (status != STATUS_DONE)
        return status;
    if (position_equal(&rewrite.at, &replay->at))
        return rewrite_install(log, &file, "", fault);
    newfile_abandon(&file);
    return STATUS_NOT_FOUND;
}

/* Under the lock. */
static enum status rewrite_if_unchanged(const struct replay *replay, struct prove_ahead *proving,
                                        struct log *log, struct fault *fault)
{
    const struct chain *chain = &proving->proof.chain;
    enum status status = log->file >= 0 ? prove_ahead_finish(proving, log, fault) : STATUS_DONE;
    struct point point;

    if (status != STATUS_DONE) {
        fault_add(fault, "; or move it away, and it is fetched anew");
        return status;
    }
    if (log->file < 0 || chain->header.epoch != replay->epoch ||
        !position_equal(&chain->at, &replay->before)) {
        fault_set(fault, "%s/%s: another process has changed it", log->storefile.directory,
                  log->storefile.name);
        return STATUS_NO;
    }
    point_split(&point, replay->line);
    return rewrite_at(&point, replay, proving, log, fault);
}

/* Prove first without the lock, as `compact` does. */
static enum status compact(const void *context, struct fault *fault)
{
    const struct replay *replay = context;
    struct prove_ahead proving;
    struct log log;
    enum status status;

    prove_ahead_begin(&proving, replay->session, UINT64_MAX);
    status = log_begin(&log, replay->session, LOG_FOLLOW, fault);
    if (status == STATUS_DONE) {
        status = rewrite_if_unchanged(replay, &proving, &log, fault);
        log_end(&log);
    }
    prove_ahead_end(&proving);
    return status;
}

enum status replay_point(const struct replay *replay, struct fault *fault)
{
    return apart(compact, replay, fault);
}

struct locked {
    const struct replay *replay;
    const struct log *log;
};

static enum status compact_locked(const void *context, struct fault *fault)
{
    const struct locked *locked = context;
    struct prove_ahead proving = {.most_lines = UINT64_MAX, .fd = -1};
    struct log log = *locked->log; /* the caller's lock is this process's too */

    return rewrite_if_unchanged(locked->replay, &proving, &log, fault);
}

enum status replay_point_locked(const struct replay *replay, struct log *log, struct fault *fault)
{
    const struct locked locked = {replay, log};
    int64_t begun = clock_now();
    enum status status;
    struct fault what;
    struct stat store;

    stall_alive(begun + CHANGE_SECONDS * SECOND); /* it is not the file system that is waited for */
    status = apart(compact_locked, &locked, fault);
    stall_alive(clock_now());
    log->repeating += clock_now() - begun;
    if (status == STATUS_DONE) {
        journal_durable(&log->journal);
        log_note_durable(log);
    }
    close(log->file);
    log->file = storefile_open(&log->storefile, O_RDWR, &store, &what);
    log->name_synced = false;
    if (log->file < 0) {
        fault_set(fault, "%s/%s: %s", log->storefile.directory, log->storefile.name, what.text);
        return STATUS_IO;
    }
    log->synced = 0;
    return status;
}
