#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"
#include "store/change.h"
#include "store/mending.h"
#include "terminal/ask.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/stall.h"
#include "token/describe.h"
#include "token/finder.h"

static const char help[] =
    "Usage: toktab [-c CONF] [-d DOMAIN] mend [OPTIONS] [COPY…]\n"
    "\n"
    "Repairs a damaged store: keeps every line whose checksum is right, and revokes\n"
    "the tokens that a missing line may have changed. Shows them and asks first. The\n"
    "store gets a new epoch; the damaged file is kept beside it. Prints HEAD.\n"
    "\n"
    "COPY is another file of the same store, such as a backup: lines that are missing\n"
    "here are taken from there.\n"
    "\n"
    "Also run it after you restore an older copy of a store: the new epoch tells\n"
    "running hosts that they should use the older copy.\n"
    "\n"
    "  -y, --yes    do not ask\n"
    "      --json   print the result as JSON: head, kept, ended, lost\n"
    "\n"
    "Example: toktab mend /var/backups/default.tokens\n";

static const struct option longs[] = {{"yes", no_argument, NULL, 'y'},
                                      {"json", no_argument, NULL, OPTION_JSON},
                                      {"help", no_argument, NULL, OPTION_HELP},
                                      {0}};

enum { SHOWN_MOST = 20 };

/* Before the session opens: root then becomes the stores' owner, who may not be able to read the copies. */
static enum status read_copies(struct mending *mending, char **names, int count)
{
    mending->count = (size_t)count + 1;
    mending->files = must_have(calloc(mending->count, sizeof(*mending->files)));
    for (size_t i = 1; i < mending->count; i++) {
        struct salvage_file *file = &mending->files[i];
        int fd = open(names[i - 1], O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        bool good = fd >= 0 && mending_read(file, fd);
        int error = errno;

        hide_secrets(names[i - 1]); /* messages show it */
        file->name = names[i - 1];
        if (fd >= 0)
            close(fd);
        if (!good) /* a directory is not a file of this store */
            return fail(error == EISDIR ? STATUS_DAMAGED : status_of(error), "%s: cannot be read: %s",
                        file->name, strerror(error));
    }
    return STATUS_DONE;
}

static enum status confirm(const struct mending *mending)
{
    const struct salvage *salvage = &mending->salvage;
    const struct snapshot *snapshot = &salvage->snapshot;
    enum status status = ask_possible("mend");
    struct record record;
    struct line line;
    size_t shown = 0;

    if (status != STATUS_DONE)
        return status;
    if (salvage->ends == 0)
        return ask(mending->damage.text[0] != '\0' ? "Mend the store and give it a new epoch?"
                                                   : "Give the store a new epoch?",
                   "mend: declined: nothing was done");
    say("in doubt, to be revoked:");
    for (size_t i = 0; i < snapshot->count && shown < SHOWN_MOST; i++)
        if (snapshot->lines[i].ends) {
            line_split_accepted(&line, snapshot->lines[i].id);
            record_parse(&record, &line);
            say_token(&record);
            shown++;
        }
    if (salvage->ends > shown)
        fprintf(stderr, "  and %zu more\n", salvage->ends - shown);
    return ask(salvage->ends == 1 ? "Mend the store and revoke this token for good?"
                                  : "Mend the store and revoke these tokens for good?",
               "mend: declined: nothing was done");
}

/* Ask before the lock is taken: under it nobody may be kept waiting for an answer. */
static enum status look_and_ask(struct mending *mending, struct storefile *storefile,
                                const struct session *session)
{
    const struct salvage *salvage = &mending->salvage;
    struct fault fault;
    struct stat store;
    enum status status;
    int fd = session_open_store(storefile, session, &store, &status);

    if (fd < 0)
        return status;
    stall_watch(storefile);
    status = mending_look(mending, fd, session->domain->name, &progress_witness, &fault);
    progress_clear();
    stall_over();
    close(fd);
    if (mending->damage.text[0] != '\0')
        say("%s/%s: %s", storefile->directory, storefile->name, mending->damage.text);
    if (status != STATUS_DONE)
        return fail(status, "%s/%s: cannot be mended: %s", storefile->directory, storefile->name, fault.text);
    for (size_t i = 0; i < mending->count; i++)
        if (mending->files[i].doubtful)
            say("%s%s%s: its end is damaged: any token may have been changed there",
                i == 0 ? storefile->directory : "", i == 0 ? "/" : "",
                i == 0 ? storefile->name : mending->files[i].name);
    if (salvage->lost > 0)
        say("%s/%s: lost %" PRIu64 " token%s, which hosts now refuse; a copy made after the last compaction "
            "would bring %s back",
            storefile->directory, storefile->name, salvage->lost, plural(salvage->lost),
            salvage->lost == 1 ? "it" : "them");
    if (salvage->unknown > 0)
        say("%s/%s: nothing tells what %" PRIu64
            " missing line%s changed: hosts refuse any token created there",
            storefile->directory, storefile->name, salvage->unknown, plural(salvage->unknown));
    return mending->unasked ? STATUS_DONE : confirm(mending);
}

static enum status print(const struct mending *mending, const struct storefile *storefile, const char *domain,
                         bool json)
{
    const struct salvage *salvage = &mending->salvage;
    const struct rewrite *rewrite = &mending->rewrite;
    size_t kept = salvage->snapshot.count - salvage->ends;
    json_t *ended = must_have(json_array());
    char head[HEAD_SIZE], *label;
    struct record record;

    for (size_t i = 0; i < salvage->snapshot.count; i++) {
        const struct last_line *last = &salvage->snapshot.lines[i];

        if (!last->ends)
            continue;
        event_record(&record, index_find(&mending->proof.index, last->id));
        label = unescaped(record.label);
        say("revoked token %" PRIu64 " (id %s): \"%s\"", record.serial, record.id, label);
        free(label);
        if (json)
            json_append(ended, describe_json(&record, domain, rewrite->now));
    }
    if (mending->kept[0] != '\0')
        say("%s/%s: the damaged file: delete it when you no longer need it", storefile->directory,
            mending->kept);
    if (mending->unsettled.text[0] != '\0')
        say("%s", mending->unsettled.text);
    head_format(head, rewrite->header.epoch, rewrite->at.n, rewrite->at.chain);
    if (json)
        return print_json(must_have(json_pack("{s:s, s:I, s:o, s:I}", "head", head, "kept", (json_int_t)kept,
                                              "ended", ended, "lost", (json_int_t)salvage->lost)));
    json_decref(ended);
    say("%s/%s: mended: %zu token%s kept, %zu revoked now; its HEAD is", storefile->directory,
        storefile->name, kept, plural(kept), salvage->ends);
    return output_line(head);
}

static enum status mend(const struct session *session, struct mending *mending, bool json)
{
    const char *domain = session->domain->name;
    struct storefile storefile;
    struct fault fault;
    struct log log;
    enum status status = look_and_ask(mending, &storefile, session);

    if (status != STATUS_DONE)
        return status;
    status = log_begin(&log, session, LOG_CHANGE, &fault);
    if (status == STATUS_DONE) {
        mending->rewrite.by = session->caller.by;
        mending->names_writer =
            session->domain->source[0] != '\0' && !source_is_engine(session->domain->source);
        mending->rewrite.now = (int64_t)time(NULL); /* the answer may have taken long */
        status = mending_replace(mending, &log, &fault);
        log_end(&log);
    }
    if (status != STATUS_DONE)
        return fail(status, "%s", fault.text);
    return print(mending, &storefile, domain, json);
}

static const struct options options = {.shorts = "y", .longs = longs, .help = help, .most = INT_MAX};

static enum status run(struct session *session, int argc, char **argv)
{
    struct mending mending = {.done = "mended", .rewrite.reason = "in doubt: the store was damaged"};
    struct given given = {0};
    enum status status = session_refuse_delegated(session, "mend");

    if (status == STATUS_DONE)
        status = options_parse(argc, argv, &options, NULL, &session->where, &given);
    if (status != STATUS_DONE || given.help)
        return status;
    mending.unasked = given.yes;
    status = read_copies(&mending, argv + optind, argc - optind);
    if (status == STATUS_DONE)
        status = session_open_to_change(session);
    if (status == STATUS_DONE)
        status = mend(session, &mending, given.json);
    mending_free(&mending);
    for (size_t i = 0; i < mending.count; i++)
        free(mending.files[i].bytes);
    free(mending.files);
    return status;
}

const struct command command_mend = {"mend", "repair a damaged store", help, run};
