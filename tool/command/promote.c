#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"
#include "store/change.h"
#include "store/mending.h"
#include "store/push.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "token/describe.h"

static const char help[] =
    "Usage: toktab [-c CONF] [-d DOMAIN] promote [OPTIONS]\n"
    "\n"
    "Makes this follower the writer, when the host that it follows is gone or should\n"
    "follow it. The store gets a new epoch, so that every host refuses what the old\n"
    "writer still sends. Prints HEAD, and what to do on the other hosts; see\n"
    "toktab-fleet(7).\n"
    "\n"
    "  -y, --yes    also if the store is damaged: revoke the tokens that are then in\n"
    "               doubt, as `toktab mend` does; with an engine, also if changes that\n"
    "               only the engine has are lost\n"
    "      --json   print the result as JSON: head, and the HEAD before\n";

static const struct option longs[] = {{"yes", no_argument, NULL, 'y'},
                                      {"json", no_argument, NULL, OPTION_JSON},
                                      {"help", no_argument, NULL, OPTION_HELP},
                                      {0}};

/* Look at the store without the lock. STATUS_NO: this host is the writer already. */
static enum status look(struct mending *mending, const struct session *session, char before[HEAD_SIZE])
{
    const struct salvage *salvage = &mending->salvage;
    struct storefile storefile;
    struct fault fault;
    struct stat store;
    enum status status;
    int fd = session_open_store(&storefile, session, &store, &status);

    if (fd < 0)
        return status;
    status = mending_look(mending, fd, session->domain->name, &progress_witness, &fault);
    progress_clear();
    close(fd);
    if (status != STATUS_DONE)
        return fail(status, "%s/%s: cannot be promoted: %s", storefile.directory, storefile.name, fault.text);
    head_format(before, salvage->header.epoch, salvage->at.n, salvage->at.chain);
    if (session_is_writer(session, salvage->header.epoch))
        return STATUS_NO;
    if (mending->damage.text[0] != '\0' && !mending->unasked)
        return fail(
            STATUS_DAMAGED,
            "%s/%s: %s: -y repairs it as `toktab mend` does, and revokes %zu token%s that %s in doubt",
            storefile.directory, storefile.name, mending->damage.text, salvage->ends, plural(salvage->ends),
            salvage->ends == 1 ? "is" : "are");
    return STATUS_DONE;
}

static enum status print(const char *domain, const char *head, const char *before, bool json)
{
    if (json)
        return print_json(must_have(json_pack("{s:s, s:s}", "head", head, "before", before)));
    say("domain %s: this host is now the writer", domain);
    say("on each other host set its source to this host, and run `systemctl restart toktab-follow@%s`",
        domain);
    say("on the old writer too, before it serves again: `toktab -d %s log --from %s` shows there what it did "
        "not "
        "send",
        domain, before);
    say("the HEAD of domain %s is", domain);
    return output_line(head);
}

/* An earlier promotion, whose last sync may have failed, must be durable before it is said. */
static enum status confirm(const struct session *session, const char *head, bool json)
{
    const char *domain = session->domain->name;
    struct fault fault;
    struct log log;
    enum status status = log_begin(&log, session, LOG_CHANGE, &fault);

    if (status == STATUS_DONE) {
        status = change_confirm(&log, &fault);
        log_end(&log);
    }
    if (status != STATUS_DONE)
        return fail(status, "%s", fault.text);
    say("domain %s: this host is the writer already; its HEAD is", domain);
    return json ? print(domain, head, head, true) : output_line(head);
}

static enum status promote(struct session *session, struct mending *mending, bool json)
{
    const char *domain = session->domain->name;
    const struct rewrite *rewrite = &mending->rewrite;
    char before[HEAD_SIZE], head[HEAD_SIZE];
    struct fault fault;
    struct log log;
    enum status status = look(mending, session, before);

    if (status == STATUS_NO)
        return confirm(session, before, json);
    if (status == STATUS_DONE) {
        status = log_begin(&log, session, LOG_FOLLOW, &fault);
        if (status != STATUS_DONE)
            return fail(status, "%s", fault.text);
        mending->rewrite.by = session->caller.by;
        mending->rewrite.now = (int64_t)time(NULL);
        mending->names_writer = true;
        status = mending_replace(mending, &log, &fault);
        head_format(head, rewrite->header.epoch, rewrite->at.n, rewrite->at.chain);
        /* it may have gone on since we looked */
        head_format(before, mending->salvage.header.epoch, mending->salvage.at.n, mending->salvage.at.chain);
        log_end(&log);
        if (status != STATUS_DONE)
            return fail(status, "%s", fault.text);
        if (mending->unsettled.text[0] != '\0')
            say("%s", mending->unsettled.text);
        status = print(domain, head, before, json);
    }
    return status;
}

/* With an engine there is no writer: what it lacks is appended to it. */
static enum status promote_log(const struct session *session, const struct given *given)
{
    const char *domain = session->domain->name;
    struct fault fault;
    struct push pushed;
    enum status status = push(&pushed, session, given->yes, &fault);

    if (status != STATUS_DONE)
        return fail(status, "domain %s: %s", domain, fault.text);
    if (given->json)
        return print_json(must_have(json_pack("{s:s, s:s?}", "head", pushed.head, "before",
                                              pushed.before[0] != '\0' ? pushed.before : NULL)));
    say("domain %s: appended %" PRIu64 " line%s to the engine %s; its HEAD is", domain, pushed.lines,
        plural(pushed.lines), session->domain->source);
    return output_line(pushed.head);
}

static const struct options options = {.shorts = "y", .longs = longs, .help = help};

static enum status run(struct session *session, int argc, char **argv)
{
    struct salvage_file store = {0};
    struct mending mending = {.files = &store,
                              .count = 1,
                              .done = "promoted this host to write",
                              .rewrite.reason = "in doubt: the store was damaged"};
    struct given given = {0};
    enum status status = session_refuse_delegated(session, "promote");

    if (status == STATUS_DONE)
        status = options_parse(argc, argv, &options, NULL, &session->where, &given);
    if (status != STATUS_DONE || given.help)
        return status;
    mending.unasked = given.yes;
    status = session_open_to_follow(session);
    if (status == STATUS_DONE && session->domain->source[0] == '\0')
        status = fail(STATUS_NO, "domain %s has no source, so this host is the writer already",
                      session->domain->name);
    if (status == STATUS_DONE)
        status = source_is_engine(session->domain->source) ? promote_log(session, &given)
                                                           : promote(session, &mending, given.json);
    mending_free(&mending);
    free(store.bytes);
    return status;
}

const struct command command_promote = {"promote", "make this follower the writer", help, run};
