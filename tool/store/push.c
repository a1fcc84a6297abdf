#include "store/push.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "store/engine.h"
#include "store/numbered.h"
#include "store/source.h"
#include "store/tip.h"
#include "terminal/patience.h"

struct pushing {
    const struct session *session;
    bool unasked; /* what only an older epoch of the engine's has may be lost */
    int store;
    struct numbered numbered;
    struct tip tip; /* of this host's store */
    bool has;       /* the engine has a log, which ends here: */
    struct expected_head from;
    struct engine *engine;
};

/* ---- what the engine has ---- */

/* What it says first to one who has our HEAD. */
static enum status read_first(struct pushing *pushing, struct span line, struct fault *fault)
{
    char text[HEAD_SIZE];

    if (line.at[0] == '=' && line.length - 2 < sizeof(text)) {
        memcpy(text, line.at + 1, line.length - 2);
        text[line.length - 2] = '\0';
        if (head_parse(&pushing->from, text)) {
            pushing->has = true;
            return STATUS_DONE;
        }
    }
    if (line.length > 7 && memcmp(line.at, "!behind", 7) == 0)
        return STATUS_DONE;
    if (line.at[0] == '!') {
        fault_set(fault, "the engine %s: %.*s", pushing->session->domain->source, (int)line.length - 2,
                  line.at + 1);
        return strncmp(line.at, "!fork", 5) == 0 || strncmp(line.at, "!gap", 4) == 0 ? STATUS_NO
                                                                                     : STATUS_MISSING;
    }
    fault_set(fault, "the engine %s has changes that this host has not read yet: run `toktab follow --once`",
              pushing->session->domain->source);
    return STATUS_NO;
}

static enum status ask_head(struct pushing *pushing, const char *head, struct fault *fault)
{
    char **argv = engine_command(pushing->session, "lines");
    struct source *source = must_have(malloc(sizeof(*source)));
    int64_t until = clock_now() + ANSWER_SECONDS * SECOND;
    enum status status = STATUS_MISSING;
    struct span line;

    if (!source_start(source, argv, environ, head)) {
        fault_set(fault, "the engine %s cannot be run: %.200s: %s", pushing->session->domain->source, argv[0],
                  strerror(errno));
    } else {
        if (source_next(source, &line, until) == HEARD_LINE)
            status = read_first(pushing, line, fault);
        else
            fault_set(fault, "the engine %s gave no answer", pushing->session->domain->source);
        source_stop(source, false);
    }
    free(source);
    engine_command_free(argv);
    return status;
}

/* ---- may ours follow on it? ---- */

static enum status refuse_fork(uint64_t n, struct fault *fault)
{
    fault_set(
        fault,
        "fork: line n=%" PRIu64 " of the engine is another than this host's: fetch its log (move this host's "
        "store away, then `toktab follow --once`), or run `toktab mend` here, then this again, and this "
        "host's log counts",
        n);
    return STATUS_NO;
}

/* Find line n in this host's store. False with errno; EINVAL: it is damaged or missing. */
static bool find_line(struct pushing *pushing, uint64_t n)
{
    enum found found = numbered_find(&pushing->numbered, n);

    if (found == FOUND_NONE)
        errno = EINVAL;
    return found == FOUND_LINE;
}

/* The same for its chain. */
static bool chain_of(struct pushing *pushing, uint64_t n, unsigned char chain[CHAIN_SIZE])
{
    const struct header *header = &pushing->tip.chain.header;
    struct position at;

    if (n == header->base) {
        memcpy(chain, header->basechain, CHAIN_SIZE);
        return true;
    }
    if (!find_line(pushing, n))
        return false;
    errno = EINVAL;
    if (!head_of_line(&at, &pushing->tip.chain, pushing->numbered.at))
        return false;
    memcpy(chain, at.chain, CHAIN_SIZE);
    return true;
}

/* After find_line() or chain_of() failed. */
static enum status refuse_own(struct fault *fault)
{
    if (errno != EINVAL) {
        fault_set(fault, "this host's own store cannot be read: %s", strerror(errno));
        return STATUS_IO;
    }
    fault_set(fault, "this host's own store is damaged: run `toktab check`");
    return STATUS_DAMAGED;
}

/* Where the log was when our epoch began, by mending. False with errno; EINVAL: that can no longer be told.
 */
static bool mended_at(struct pushing *pushing, struct expected_head *old)
{
    static const char mended[] = "|mended=";
    uint64_t base = pushing->tip.chain.header.base;
    char text[LINE_SIZE_MAX + 1], *at, *end;

    if (!find_line(pushing, base + 1))
        return false;
    errno = EINVAL;
    snprintf(text, sizeof(text), "%.*s", (int)pushing->numbered.at.length, pushing->numbered.at.at);
    at = strstr(text, mended);
    end = at ? strchr(at + 1, '|') : NULL;
    if (!end)
        return false;
    *end = '\0';
    return head_parse(old, at + strlen(mended));
}

/* Our epoch would end the engine's. What that one got since our log left it would be lost. */
static enum status compare_epochs(struct pushing *pushing, struct fault *fault)
{
    const char *engine = pushing->session->domain->source;
    struct expected_head old;
    bool known;

    if (pushing->unasked)
        return STATUS_DONE;
    known = mended_at(pushing, &old);
    if (!known && errno != EINVAL)
        return refuse_own(fault);
    if (!known || old.epoch != pushing->from.epoch)
        fault_set(fault,
                  "this host has left the epoch of the engine %s by more than one `toktab mend`, so nobody "
                  "can tell whether the engine has changes that this host lacks: move this host's store "
                  "away, and fetch the engine's log (`toktab follow --once`), or lose them, with -y",
                  engine);
    else if (old.n < pushing->from.n)
        fault_set(fault,
                  "the engine %s has changes that this host did not have when it was mended: move this "
                  "host's store away, and fetch the engine's log (`toktab follow --once`), or lose them, "
                  "with -y",
                  engine);
    else
        return STATUS_DONE;
    return STATUS_NO;
}

static enum status compare(struct pushing *pushing, struct fault *fault)
{
    const struct chain *mine = &pushing->tip.chain;
    unsigned char chain[CHAIN_SIZE];

    if (!pushing->has)
        return STATUS_DONE;
    if (pushing->from.epoch > mine->header.epoch ||
        (pushing->from.epoch == mine->header.epoch && pushing->from.n > mine->at.n)) {
        fault_set(fault, "the engine %s has more than this host: nothing was done",
                  pushing->session->domain->source);
        return STATUS_NO;
    }
    if (pushing->from.epoch < mine->header.epoch)
        return compare_epochs(pushing, fault);
    if (pushing->from.n < mine->header.base) {
        fault_set(fault,
                  "the engine ends at n=%" PRIu64
                  ", before this host's last compaction: run `toktab mend`, then "
                  "this again: then the log begins anew there",
                  pushing->from.n);
        return STATUS_NO;
    }
    if (!chain_of(pushing, pushing->from.n, chain))
        return refuse_own(fault);
    return memcmp(chain, pushing->from.chain, CHAIN_SIZE) == 0 ? STATUS_DONE
                                                               : refuse_fork(pushing->from.n, fault);
}

/* ---- append ---- */

static enum status append_one(struct pushing *pushing, const char *head, struct span line,
                              struct fault *fault)
{
    struct span there;

    switch (engine_append(&pushing->engine, pushing->session, head, line.at, line.length, &there, fault)) {
    case APPENDED:
        return STATUS_DONE;
    case APPEND_CONFLICT:
        fault_set(fault, "the engine %s got a change of another host meanwhile: run this again",
                  pushing->session->domain->source);
        return STATUS_NO;
    case APPEND_UNKNOWN:
        fault_add(fault, ": run this again, which goes on where this ended");
        return STATUS_IO;
    case APPEND_UNAVAILABLE:
    default:
        return STATUS_MISSING;
    }
}

/* The header begins a log in the engine, or an epoch. */
static enum status append_header(struct pushing *pushing, const char *head, struct fault *fault)
{
    char text[LINE_SIZE_MAX];
    size_t length = header_format(text, &pushing->tip.chain.header);

    return append_one(pushing, head, (struct span){text, length}, fault);
}

static enum status append_lines(struct pushing *pushing, struct push *push, struct fault *fault)
{
    const struct chain *mine = &pushing->tip.chain;
    uint64_t epoch = mine->header.epoch, n = pushing->from.n;
    unsigned char chain[CHAIN_SIZE];
    enum status status = STATUS_DONE;
    char head[HEAD_SIZE];

    if (!pushing->has || pushing->from.epoch < epoch) {
        status = append_header(pushing, push->before, fault);
        n = mine->header.base;
    }
    for (; status == STATUS_DONE && n < mine->at.n; n++) {
        if (!chain_of(pushing, n, chain) || !find_line(pushing, n + 1))
            return refuse_own(fault);
        head_format(head, epoch, n, chain);
        status = append_one(pushing, head, pushing->numbered.at, fault);
        push->lines += status == STATUS_DONE;
    }
    return status;
}

enum status push(struct push *push, const struct session *session, bool unasked, struct fault *fault)
{
    struct pushing pushing = {.session = session, .unasked = unasked};
    const struct chain *mine = &pushing.tip.chain;
    struct storefile storefile;
    enum status status;
    struct stat store;

    *push = (struct push){.lines = 0};
    storefile_of_domain(&storefile, session->config.store_dir, session->domain->name);
    pushing.store = storefile_open(&storefile, O_RDONLY, &store, fault);
    if (pushing.store < 0)
        return status_of(errno);
    numbered_make(&pushing.numbered, pushing.store);
    status = tip_read(&pushing.tip, pushing.store, session->domain->name, fault);
    if (status == STATUS_DONE) {
        head_format(push->head, mine->header.epoch, mine->at.n, mine->at.chain);
        status = ask_head(&pushing, push->head, fault);
    }
    if (status == STATUS_DONE && pushing.has)
        head_format(push->before, pushing.from.epoch, pushing.from.n, pushing.from.chain);
    if (status == STATUS_DONE)
        status = compare(&pushing, fault);
    if (status == STATUS_DONE)
        status = append_lines(&pushing, push, fault);
    engine_end_slowly(&pushing.engine);
    numbered_free(&pushing.numbered);
    close(pushing.store);
    return status;
}
