#include "store/propose.h"

#include <errno.h>

#include "clock.h"
#include "store/head.h"
#include "store/incoming.h"
#include "store/replay.h"
#include "terminal/patience.h"

/* Lines of other hosts that one change waits for. A host that is further behind does not follow. */
enum { FASTER_MOST = 1000 };

bool log_has_engine(const struct log *log)
{
    return source_is_engine(log->session->domain->source);
}

/* A line that continues our log is not looked up. */
static enum own no_own(void *context, uint64_t n, struct span *line)
{
    (void)context;
    (void)n;
    (void)line;
    return OWN_ERROR;
}

/* Append a line that the engine has and we have not. */
static enum status take(struct log *log, struct span there, struct fault *fault)
{
    const char *engine = log->session->domain->source;
    struct incoming incoming = {.domain = log->domain, .own = {no_own, NULL}, .has_store = true};
    struct tip tip;
    enum status status = log_tip(log, &tip, fault);

    if (status != STATUS_DONE)
        return status;
    incoming.mine = tip.chain;
    switch (incoming_judge(&incoming, there.at, there.length)) {
    case INCOMING_LINE:
        break;
    case INCOMING_POINT:
        status = replay_point_locked(
            &(struct replay){log->session, there, tip.chain.header.epoch, tip.chain.at, incoming.mine.at},
            log, fault);
        if (status == STATUS_DONE || log->file < 0)
            return status;
        break; /* without the compaction: a change does not fail for it, and the next one makes up for it */
    case INCOMING_TROUBLE:
        *fault = incoming.why;
        return STATUS_MISSING;
    case INCOMING_KNOWN:
    case INCOMING_BEAT:
    case INCOMING_FILE:
    case INCOMING_FILE_LINE:
    case INCOMING_FILE_END:
    default:
        fault_set(fault, "the engine %s has no line that could come next", engine);
        return STATUS_MISSING;
    }
    if (++log->faster > FASTER_MOST) {
        fault_set(
            fault,
            "this host is far behind the engine %s: does toktab-follow@%s run? Run `toktab follow --once`",
            engine, log->domain);
        return STATUS_MISSING;
    }
    if (log_append(log, &tip, there.at, there.length, false) == APPENDED)
        return STATUS_DONE;
    fault_set(fault, "%s/%s: cannot be written: %s", log->storefile.directory, log->storefile.name,
              strerror(errno));
    return STATUS_IO;
}

static enum status take_all(struct log *log, struct span there, struct fault *fault)
{
    enum status status;
    int64_t took;

    do
        status = take(log, there, fault);
    while (status == STATUS_DONE && engine_more(&log->engine, &there));
    took = clock_now() - log->locked;
    if (status != STATUS_DONE || took <= FASTER_SECONDS * SECOND)
        return status == STATUS_DONE ? STATUS_AGAIN : status;
    fault_set(fault, "%s/%s: nothing was done: %s", log->storefile.directory, log->storefile.name,
              took - log->repeating > FASTER_SECONDS * SECOND
                  ? "other hosts change it all the time: run this again later"
                  : "it took long to compact it as another host did: that is done: run this again");
    return STATUS_LOCKED;
}

enum status propose(struct log *log, const struct tip *tip, const char *line, size_t length,
                    struct fault *fault)
{
    char head[HEAD_SIZE];
    struct span there;

    if (!log_has_engine(log))
        return STATUS_DONE;
    head_format(head, tip->chain.header.epoch, tip->chain.at.n, tip->chain.at.chain);
    switch (engine_append(&log->engine, log->session, head, line, length, &there, fault)) {
    case APPENDED:
        return STATUS_DONE;
    case APPEND_CONFLICT:
        /* our line: it is not made, and a compaction may be, which counts as all that was kept */
        journal_forget(&log->journal);
        return take_all(log, there, fault);
    case APPEND_UNKNOWN:
        log->doubt = true;
        fault_add(
            fault,
            ": if it has, `toktab follow` writes it here too: look again in a minute (`toktab history`)");
        return STATUS_IO;
    case APPEND_UNAVAILABLE:
    default:
        return STATUS_MISSING;
    }
}
