#include "mend.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "chain.h"
#include "describe.h"
#include "output.h"
#include "progress.h"
#include "prove.h"
#include "renew.h"
#include "salvage.h"
#include "seen.h"
#include "store.h"

enum { SHOWN_MOST = 20, KEPT_NAME_SIZE = 128, KEPT_NAMES_MOST = 100 };

static const char reason[] = "in doubt: the store was damaged",
                  reason_all[] = "toktab check --mend --revoke-all";

/* A store that is looked at: what is wrong with it first, and what is sound. */
struct look {
    struct identity identity; /* of the file, before it was read */
    struct salvage salvage;
    struct fault fault; /* "": nothing is wrong */
    size_t ends;        /* tokens that are to be revoked */
};

struct mended {
    struct look look;
    struct renewal renewal;
    struct proof proof;        /* of the new file */
    char kept[KEPT_NAME_SIZE]; /* under which the damaged file stays; "": it was not damaged */
};

static void look_free(struct look *look)
{
    salvage_free(&look->salvage);
}

static void count_ends(struct look *look)
{
    for (size_t i = 0; i < look->salvage.snapshot.count; i++)
        look->ends += look->salvage.snapshot.lines[i].ends;
}

static bool find_fault(int fd, const char *domain, const struct witness *witness, struct fault *fault)
{
    struct proof proof;
    bool sound = prove(&proof, fd, domain, NULL, witness, fault);

    proof_free(&proof);
    return sound || fault->passing;
}

static enum status unreadable(struct fault *fault)
{
    fault_set(fault, "it cannot be read: %s", strerror(errno));
    return STATUS_IO;
}

/* Read the store that fd is open on. fault is for the caller to print. Ends with look_free() whatever it
 * returned. */
static enum status look(struct look *look, int fd, const char *domain, bool all,
                        const struct witness *witness, struct fault *fault)
{
    struct stat store;
    char *bytes;

    memset(look, 0, sizeof(*look));
    if (fstat(fd, &store) < 0)
        return unreadable(fault);
    look->identity = identity_of(&store);
    if (find_fault(fd, domain, witness, &look->fault) && look->fault.passing) {
        *fault = look->fault;
        return STATUS_IO;
    }
    bytes = must_have(salvage_room(&look->salvage, (size_t)store.st_size));
    if (!read_all(fd, bytes, (size_t)store.st_size, 0))
        return unreadable(fault);
    if (!salvage_find(&look->salvage, (size_t)store.st_size, domain, (int64_t)time(NULL), fault))
        return STATUS_DAMAGED;
    if (all)
        salvage_end_all(&look->salvage);
    else if (look->salvage.any.text[0] != '\0') {
        fault_set(fault,
                  "%s: every token is in doubt: put a backup there, or say --revoke-all, which ends them all",
                  look->salvage.any.text);
        return STATUS_DAMAGED;
    }
    count_ends(look);
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
            ask_show(&record);
            shown++;
        }
    if (look->ends > shown)
        fprintf(stderr, "  and %zu more\n", look->ends - shown);
}

static enum status confirm(const struct look *look, bool revoke_all)
{
    char question[128] = "Give the store a new epoch?";
    enum status status = ask_possible("check --mend");

    if (status != STATUS_DONE)
        return status;
    if (look->ends > 0) {
        say(revoke_all ? "to be revoked:" : "in doubt, and to be revoked:");
        show_ends(look);
        snprintf(question, sizeof(question), "Mend the store, and revoke %s for good?",
                 look->ends == 1 ? "this token" : "these tokens");
    }
    return ask(question, "check --mend: declined: nothing was done");
}

/* What would be done, before the lock is taken: nobody is asked under it. */
static enum status look_and_ask(struct look *before, struct place *place, const struct session *session,
                                const struct mending *mending)
{
    struct fault fault;
    struct stat store;
    enum status status;
    int fd = store_open(place, session, &store, &status);

    memset(before, 0, sizeof(*before));
    if (fd < 0)
        return status;
    status = look(before, fd, session->domain->name, mending->revoke_all, &progress_witness, &fault);
    progress_clear();
    close(fd);
    if (before->fault.text[0] != '\0')
        say("%s/%s: %s", place->directory, place->name, before->fault.text);
    if (status != STATUS_DONE)
        return fail(status, "%s/%s: cannot be mended: %s", place->directory, place->name, fault.text);
    return mending->yes ? STATUS_DONE : confirm(before, mending->revoke_all);
}

/* Give the damaged file a name that stays when the new file takes the store's. */
static enum status keep_damaged(struct mended *mended, const struct log *log, struct fault *fault)
{
    time_t now = (time_t)mended->renewal.now;
    char when[32];
    struct tm parts;

    gmtime_r(&now, &parts);
    strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &parts);
    snprintf(mended->kept, sizeof(mended->kept), "%s.damaged-%s", log->place.name, when);
    for (int i = 2; linkat(log->directory, log->place.name, log->directory, mended->kept, 0) < 0; i++) {
        if (errno != EEXIST || i > KEPT_NAMES_MOST) {
            fault_set(fault, "%s/%s: nothing was done: the damaged file cannot be kept as %s: %s",
                      log->place.directory, log->place.name, mended->kept, strerror(errno));
            return STATUS_CANNOT_CREATE;
        }
        snprintf(mended->kept, sizeof(mended->kept), "%s.damaged-%s-%d", log->place.name, when, i);
    }
    return STATUS_DONE;
}

static enum status install(struct mended *mended, struct log *log, struct replacement *file,
                           struct fault *fault)
{
    bool damaged = mended->look.fault.text[0] != '\0';
    struct stat old;
    enum status status = damaged ? keep_damaged(mended, log, fault) : STATUS_DONE;

    if (status != STATUS_DONE) {
        replacement_abandon(file);
        return status;
    }
    status = renewal_install(log, file, fault);
    if (status != STATUS_DONE && damaged && fstat(log->file, &old) == 0 && old.st_nlink > 1)
        unlinkat(log->directory, mended->kept, 0); /* the store still has the file */
    return status;
}

/* It is not put in place before it proves itself. */
static enum status prove_and_install(struct mended *mended, struct log *log, struct replacement *file,
                                     struct fault *fault)
{
    struct fault what;

    if (prove(&mended->proof, file->fd, log->domain, NULL, NULL, &what))
        return install(mended, log, file, fault);
    replacement_abandon(file);
    fault_set(fault, "%s/%s: nothing was done: what is sound of it makes no store: %s", log->place.directory,
              log->place.name, what.text);
    return what.passing ? STATUS_IO : STATUS_DAMAGED;
}

static void prepare(struct renewal *renewal, const struct salvage *salvage)
{
    struct header *header = &renewal->header;

    *header = salvage->header;
    header->epoch = header->epoch + 1 > (uint64_t)renewal->now ? header->epoch + 1 : (uint64_t)renewal->now;
    header->base = salvage->base;
    chain_start(header->basechain, header->storeid, header->epoch);
    renewal->snapshot = salvage->snapshot;
}

/* Under the lock. Others wait for it: what was found before is good if nobody has changed the file since. */
static enum status look_again(struct mended *mended, struct look *before, const struct log *log,
                              const struct mending *mending, struct fault *fault)
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
    status = look(&mended->look, log->file, log->domain, mending->revoke_all, NULL, fault);
    if (status != STATUS_DONE || mended->look.ends <= before->ends || mending->yes)
        return status;
    fault_set(fault, "more tokens are in doubt now: nothing was done: look again");
    return STATUS_DAMAGED;
}

static enum status renew(struct mended *mended, struct look *before, struct log *log,
                         const struct mending *mending, struct fault *fault)
{
    char ext[HEAD_SIZE + sizeof("mended=")];
    struct replacement file;
    struct fault what;
    enum status status = look_again(mended, before, log, mending, &what);

    if (status != STATUS_DONE) {
        fault_set(fault, "%s/%s: %s", log->place.directory, log->place.name, what.text);
        return status;
    }
    prepare(&mended->renewal, &mended->look.salvage);
    snprintf(ext, sizeof(ext), "mended=%s", mended->look.salvage.old_head);
    mended->renewal.ext = ext;
    status = renewal_write(&mended->renewal, log, &file, fault);
    return status == STATUS_DONE ? prove_and_install(mended, log, &file, fault) : status;
}

static json_t *revoked_ids(const struct look *look)
{
    json_t *array = must_have(json_array());

    for (size_t i = 0; i < look->salvage.snapshot.count; i++)
        if (look->salvage.snapshot.lines[i].ends)
            json_array_append_new(array,
                                  must_have(json_stringn(look->salvage.snapshot.lines[i].id, ID_LENGTH)));
    return array;
}

static enum status print(const struct mended *mended, const struct place *place, bool json)
{
    const char *fault = mended->look.fault.text;
    char head[HEAD_SIZE];

    head_format(head, mended->renewal.header.epoch, mended->renewal.n, mended->renewal.chain);
    if (json)
        return print_json(must_have(
            json_pack("{s:s, s:I, s:I, s:o, s:o, s:s?}", "head", head, "lines",
                      (json_int_t)mended->proof.lines, "tokens", (json_int_t)mended->proof.index.count,
                      "faults", fault[0] != '\0' ? json_pack("[s]", fault) : json_array(), "revoked",
                      revoked_ids(&mended->look), "kept", mended->kept[0] != '\0' ? mended->kept : NULL)));
    say("%s/%s: mended: %" PRIu64 " line%s, %zu token%s, %zu revoked now; its HEAD is", place->directory,
        place->name, mended->proof.lines, plural(mended->proof.lines), mended->proof.index.count,
        plural(mended->proof.index.count), mended->look.ends);
    return output_line(head);
}

static void say_done(const struct mended *mended, const struct place *place)
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
        say("%s/%s: the damaged file is kept under this name: remove it when you have seen enough of it",
            place->directory, mended->kept);
}

static enum status mend_locked(struct mended *mended, struct look *before, const struct session *session,
                               const struct mending *mending)
{
    struct fault fault;
    struct log log;
    enum status status = log_begin(&log, session->config.store_dir, session->domain->name, false, &fault);

    if (status == STATUS_DONE) {
        mended->renewal.now = (int64_t)time(NULL); /* not when it began to ask */
        status = renew(mended, before, &log, mending, &fault);
        log_end(&log);
    }
    return status == STATUS_DONE ? status : fail(status, "%s", fault.text);
}

enum status mend(const struct session *session, const struct mending *mending)
{
    struct mended mended = {
        .renewal = {.by = session->caller.by, .reason = mending->revoke_all ? reason_all : reason}};
    struct look before;
    struct place place;
    enum status status = look_and_ask(&before, &place, session, mending);

    if (status == STATUS_DONE)
        status = mend_locked(&mended, &before, session, mending);
    look_free(&before);
    if (status == STATUS_DONE) {
        say_done(&mended, &place);
        status = print(&mended, &place, mending->json);
    }
    proof_free(&mended.proof);
    look_free(&mended.look);
    return status;
}
