#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"
#include "freshness.h"
#include "store/prove.h"
#include "store/rewrite.h"
#include "store/salvage.h"
#include "terminal/ask.h"
#include "terminal/options.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "token/describe.h"

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

enum { SHOWN_MOST = 20, KEPT_NAME_SIZE = 128, KEPT_NAMES_MOST = 100, EPOCH_STEP = 1000000 };

static const char reason[] = "in doubt: the store was damaged";

struct request {
    char **names; /* of the copies */
    size_t copies;
    struct salvage_file *files; /* the store, then the copies */
    struct given given;
};

/* What a store and its copies hold. */
struct look {
    struct identity identity; /* of the store before it was read */
    struct salvage salvage;
    struct fault fault; /* the first thing wrong with the store; "": nothing */
};

struct mended {
    struct look look;
    struct rewrite rewrite;
    struct proof proof;        /* of the new file */
    char kept[KEPT_NAME_SIZE]; /* the new name of the damaged file; "": it was not damaged */
};

/* Read a whole file into file->bytes, with room for one byte more. False with errno. */
static bool read_file(struct salvage_file *file, int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return false;
    free(file->bytes);
    file->size = (size_t)status.st_size;
    file->bytes = must_have(malloc(file->size + 1));
    return read_all(fd, file->bytes, file->size, 0);
}

/* Before the session opens: root then becomes the stores' owner, who may not be able to read the copies. */
static enum status read_copies(struct request *request)
{
    request->files = must_have(calloc(request->copies + 1, sizeof(*request->files)));
    for (size_t i = 0; i < request->copies; i++) {
        struct salvage_file *file = &request->files[i + 1];
        int fd = open(request->names[i], O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        bool good = fd >= 0 && read_file(file, fd);
        int error = errno;

        file->name = request->names[i];
        if (fd >= 0)
            close(fd);
        if (!good) /* a directory is not a file of this store */
            return fail(error == EISDIR ? STATUS_DAMAGED : status_of(error), "%s: cannot be read: %s",
                        file->name, strerror(error));
    }
    return STATUS_DONE;
}

static void free_files(struct request *request)
{
    for (size_t i = 0; request->files && i <= request->copies; i++)
        free(request->files[i].bytes);
    free(request->files);
}

static enum status unreadable(struct fault *fault)
{
    fault_set(fault, "cannot be read: %s", strerror(errno));
    return STATUS_IO;
}

/* Read the store open on fd. The caller prints fault, and calls salvage_free() whatever is returned. */
static enum status look(struct look *look, int fd, const char *domain, struct request *request,
                        const struct witness *witness, struct fault *fault)
{
    struct proof proof;
    struct stat store;
    bool sound;

    memset(look, 0, sizeof(*look));
    if (fstat(fd, &store) < 0)
        return unreadable(fault);
    look->identity = identity_of(&store);
    sound = prove(&proof, fd, domain, NULL, witness, &look->fault);
    proof_free(&proof);
    if (!sound && look->fault.passing) {
        *fault = look->fault;
        return STATUS_IO;
    }
    if (sound)
        look->fault.text[0] = '\0';
    request->files[0].name = "the store";
    if (!read_file(&request->files[0], fd))
        return unreadable(fault);
    if (!salvage_find(&look->salvage, request->files, request->copies + 1, domain, (int64_t)time(NULL),
                      fault))
        return STATUS_DAMAGED;
    return STATUS_DONE;
}

static void record_of(struct record *record, const struct last_line *last)
{
    struct line line;

    line_split_accepted(&line, last->id);
    record_parse(record, &line);
}

static void show_ends(const struct look *look)
{
    const struct snapshot *snapshot = &look->salvage.snapshot;
    size_t shown = 0;
    struct record record;

    for (size_t i = 0; i < snapshot->count && shown < SHOWN_MOST; i++)
        if (snapshot->lines[i].ends) {
            record_of(&record, &snapshot->lines[i]);
            say_token(&record);
            shown++;
        }
    if (look->salvage.ends > shown)
        fprintf(stderr, "  and %zu more\n", look->salvage.ends - shown);
}

static void say_lost(const struct look *look, const struct storefile *storefile)
{
    if (look->salvage.lost > 0)
        say("%s/%s: lost %" PRIu64 " token%s, which hosts now refuse; a copy made after the last compaction "
            "would bring %s back",
            storefile->directory, storefile->name, look->salvage.lost, plural(look->salvage.lost),
            look->salvage.lost == 1 ? "it" : "them");
}

static enum status confirm(const struct look *look)
{
    enum status status = ask_possible("mend");

    if (status != STATUS_DONE)
        return status;
    if (look->salvage.ends == 0)
        return ask("Give the store a new epoch?", "mend: declined: nothing was done");
    say("in doubt, to be revoked:");
    show_ends(look);
    return ask(look->salvage.ends == 1 ? "Mend the store and revoke this token for good?"
                                       : "Mend the store and revoke these tokens for good?",
               "mend: declined: nothing was done");
}

/* Ask before the lock is taken: under it nobody may be kept waiting for an answer. */
static enum status look_and_ask(struct look *before, struct storefile *storefile,
                                const struct session *session, struct request *request)
{
    struct fault fault;
    struct stat store;
    enum status status;
    int fd = session_open_store(storefile, session, &store, &status);

    memset(before, 0, sizeof(*before));
    if (fd < 0)
        return status;
    status = look(before, fd, session->domain->name, request, &progress_witness, &fault);
    progress_clear();
    close(fd);
    if (before->fault.text[0] != '\0')
        say("%s/%s: %s", storefile->directory, storefile->name, before->fault.text);
    if (status != STATUS_DONE)
        return fail(status, "%s/%s: cannot be mended: %s", storefile->directory, storefile->name, fault.text);
    for (size_t i = 0; i <= request->copies; i++)
        if (request->files[i].doubtful)
            say("%s: its end is damaged: any token may have been changed there", request->files[i].name);
    say_lost(before, storefile);
    return request->given.yes ? STATUS_DONE : confirm(before);
}

/* Give the damaged file a second name, which stays when the new file takes the store's name. */
static enum status keep_damaged(struct mended *mended, const struct log *log, struct fault *fault)
{
    time_t now = (time_t)mended->rewrite.now;
    char when[32];
    struct tm parts;

    gmtime_r(&now, &parts);
    strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &parts);
    snprintf(mended->kept, sizeof(mended->kept), "%s.damaged-%s", log->storefile.name, when);
    for (int i = 2; linkat(log->directory, log->storefile.name, log->directory, mended->kept, 0) < 0; i++) {
        if (errno != EEXIST || i > KEPT_NAMES_MOST) {
            fault_set(fault, "%s/%s: nothing was done: the damaged file cannot be kept as %s: %s",
                      log->storefile.directory, log->storefile.name, mended->kept, strerror(errno));
            return STATUS_CANNOT_CREATE;
        }
        snprintf(mended->kept, sizeof(mended->kept), "%s.damaged-%s-%d", log->storefile.name, when, i);
    }
    return STATUS_DONE;
}

static enum status install(struct mended *mended, struct log *log, struct newfile *file, struct fault *fault)
{
    bool damaged = mended->look.fault.text[0] != '\0';
    struct stat old;
    enum status status = damaged ? keep_damaged(mended, log, fault) : STATUS_DONE;

    if (status != STATUS_DONE) {
        newfile_abandon(file);
        return status;
    }
    status = rewrite_install(log, file, fault);
    if (status != STATUS_DONE && damaged && fstat(log->file, &old) == 0 && old.st_nlink > 1)
        unlinkat(log->directory, mended->kept, 0); /* it is still the store */
    return status;
}

/* Only a file that was proved takes the store's place. */
static enum status prove_and_install(struct mended *mended, struct log *log, struct newfile *file,
                                     struct fault *fault)
{
    struct fault what;

    if (prove(&mended->proof, file->fd, log->domain, NULL, NULL, &what))
        return install(mended, log, file, fault);
    newfile_abandon(file);
    fault_set(fault, "%s/%s: nothing was done: the repaired file is not a sound store: %s",
              log->storefile.directory, log->storefile.name, what.text);
    return what.passing ? STATUS_IO : STATUS_DAMAGED;
}

/* Two hosts that mend the same store must not get the same epoch. */
static uint64_t new_epoch(uint64_t old)
{
    struct timespec now;
    uint64_t least = old + 1 + crypto_random_below(EPOCH_STEP), micros;

    clock_gettime(CLOCK_REALTIME, &now);
    micros = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    return micros > least ? micros : least;
}

static void prepare(struct rewrite *rewrite, const struct salvage *salvage)
{
    struct header *header = &rewrite->header;

    *header = salvage->header;
    header->epoch = new_epoch(header->epoch);
    header->base = salvage->at.n;
    header_origin(header->basechain, header);
    rewrite->snapshot = salvage->snapshot;
}

/* Under the lock, where others wait: if the file has not changed, the first look is used again. */
static enum status look_again(struct mended *mended, struct look *before, const struct log *log,
                              struct request *request, struct fault *fault)
{
    struct identity identity;
    struct stat store;
    enum status status;

    if (fstat(log->file, &store) < 0)
        return unreadable(fault);
    identity = identity_of(&store);
    if (identity_equal(&identity, &before->identity)) {
        mended->look = *before;
        memset(before, 0, sizeof(*before));
        return STATUS_DONE;
    }
    salvage_free(&before->salvage); /* it points into the bytes read before */
    memset(&before->salvage.snapshot, 0, sizeof(before->salvage.snapshot));
    status = look(&mended->look, log->file, log->domain, request, NULL, fault);
    if (status != STATUS_DONE || mended->look.salvage.ends == 0 || request->given.yes)
        return status;
    fault_set(fault, "changed since you were asked: nothing was done: run `toktab mend` again");
    return STATUS_DAMAGED;
}

static enum status renew(struct mended *mended, struct look *before, struct log *log, struct request *request,
                         struct fault *fault)
{
    char ext[HEAD_SIZE + sizeof("mended=")], head[HEAD_SIZE];
    const struct salvage *salvage = &mended->look.salvage;
    struct newfile file;
    struct fault what;
    enum status status = look_again(mended, before, log, request, &what);

    if (status != STATUS_DONE) {
        fault_set(fault, "%s/%s: %s", log->storefile.directory, log->storefile.name, what.text);
        return status;
    }
    prepare(&mended->rewrite, salvage);
    head_format(head, salvage->header.epoch, salvage->at.n, salvage->at.chain);
    snprintf(ext, sizeof(ext), "mended=%s", head);
    mended->rewrite.ext = ext;
    status = rewrite_write(&mended->rewrite, log, &file, fault);
    return status == STATUS_DONE ? prove_and_install(mended, log, &file, fault) : status;
}

static json_t *ended_tokens(const struct mended *mended, const char *domain)
{
    const struct snapshot *snapshot = &mended->look.salvage.snapshot;
    json_t *array = must_have(json_array());
    struct record record;

    for (size_t i = 0; i < snapshot->count; i++)
        if (snapshot->lines[i].ends) {
            event_record(&record, index_find(&mended->proof.index, snapshot->lines[i].id));
            json_array_append_new(array, describe_json(&record, domain, mended->rewrite.now));
        }
    return array;
}

static void say_done(const struct mended *mended, const struct storefile *storefile)
{
    const struct snapshot *snapshot = &mended->look.salvage.snapshot;
    struct record record;

    for (size_t i = 0; i < snapshot->count; i++)
        if (snapshot->lines[i].ends) {
            char *label;

            record_of(&record, &snapshot->lines[i]);
            label = unescaped(record.label);
            say("revoked token %" PRIu64 " (id %s): \"%s\"", record.serial, record.id, label);
            free(label);
        }
    if (mended->kept[0] != '\0')
        say("%s/%s: the damaged file: delete it when you no longer need it", storefile->directory,
            mended->kept);
}

static enum status print(const struct mended *mended, const struct storefile *storefile, const char *domain,
                         bool json)
{
    const struct salvage *salvage = &mended->look.salvage;
    size_t kept = salvage->snapshot.count - salvage->ends;
    char head[HEAD_SIZE];

    head_format(head, mended->rewrite.header.epoch, mended->rewrite.at.n, mended->rewrite.at.chain);
    if (json)
        return print_json(
            must_have(json_pack("{s:s, s:I, s:o, s:I}", "head", head, "kept", (json_int_t)kept, "ended",
                                ended_tokens(mended, domain), "lost", (json_int_t)salvage->lost)));
    say("%s/%s: mended: %zu token%s kept, %zu revoked now; its HEAD is", storefile->directory,
        storefile->name, kept, plural(kept), salvage->ends);
    return output_line(head);
}

static enum status mend_locked(struct mended *mended, struct look *before, const struct session *session,
                               struct request *request)
{
    struct fault fault;
    struct log log;
    enum status status = log_begin(&log, session->config.store_dir, session->domain->name, false, &fault);

    if (status == STATUS_DONE) {
        mended->rewrite.now = (int64_t)time(NULL); /* the answer may have taken long */
        status = renew(mended, before, &log, request, &fault);
        log_end(&log);
    }
    return status == STATUS_DONE ? status : fail(status, "%s", fault.text);
}

static enum status mend(const struct session *session, struct request *request)
{
    struct mended mended = {.rewrite = {.by = session->caller.by, .reason = reason}};
    struct look before;
    struct storefile storefile;
    enum status status = look_and_ask(&before, &storefile, session, request);

    if (status == STATUS_DONE)
        status = mend_locked(&mended, &before, session, request);
    salvage_free(&before.salvage);
    if (status == STATUS_DONE) {
        say_done(&mended, &storefile);
        status = print(&mended, &storefile, session->domain->name, request->given.json);
    }
    proof_free(&mended.proof);
    salvage_free(&mended.look.salvage);
    return status;
}

static const struct options options = {.shorts = "y", .longs = longs, .help = help, .most = INT_MAX};

static enum status run(struct session *session, int argc, char **argv)
{
    struct request request = {0};
    enum status status = session_refuse_delegated(session, "mend");

    if (status == STATUS_DONE)
        status = options_parse(argc, argv, &options, NULL, &request.given);
    if (status != STATUS_DONE || request.given.help)
        return status;
    request.names = argv + optind;
    request.copies = (size_t)(argc - optind);
    status = read_copies(&request);
    if (status == STATUS_DONE)
        status = session_open_to_change(session);
    if (status == STATUS_DONE)
        status = mend(session, &request);
    free_files(&request);
    return status;
}

const struct command command_mend = {"mend", "repair a damaged store", help, run};
