#include "store/mending.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "caller/writer.h"
#include "crypto.h"
#include "store/writer_write.h"

enum { KEPT_NAMES_MOST = 100, EPOCH_STEP = 1000000 };

#define EPOCH_MOST (UINT64_MAX - 1 - EPOCH_STEP)

void mending_free(struct mending *mending)
{
    proof_free(&mending->proof);
    salvage_free(&mending->salvage);
}

bool mending_read(struct salvage_file *file, int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return false;
    free(file->bytes);
    file->size = (size_t)status.st_size;
    file->bytes = must_have(malloc(file->size + 1));
    return read_all(fd, file->bytes, file->size, 0);
}

static enum status unreadable(struct fault *fault)
{
    fault_set(fault, "cannot be read: %s", strerror(errno));
    return STATUS_IO;
}

enum status mending_look(struct mending *mending, int fd, const char *domain, const struct witness *witness,
                         struct fault *fault)
{
    struct salvage_file *store = &mending->files[0];
    struct proof proof;
    struct stat file;
    bool sound;

    salvage_free(&mending->salvage); /* what an earlier look found points into the bytes it read */
    memset(&mending->salvage, 0, sizeof(mending->salvage));
    if (fstat(fd, &file) < 0)
        return unreadable(fault);
    mending->identity = identity_of(&file);
    sound = prove(&proof, fd, domain, NULL, witness, &mending->damage);
    proof_free(&proof);
    if (!sound && mending->damage.passing) {
        *fault = mending->damage;
        return STATUS_IO;
    }
    if (sound)
        mending->damage.text[0] = '\0';
    store->name = "the store";
    if (!mending_read(store, fd))
        return unreadable(fault);
    return salvage_find(&mending->salvage, mending->files, mending->count, domain, (int64_t)time(NULL), fault)
               ? STATUS_DONE
               : STATUS_DAMAGED;
}

/* Under the lock, where others wait: if the file has not changed, the first look is used again. */
static enum status look_again(struct mending *mending, const struct log *log, struct fault *fault)
{
    struct identity identity;
    struct stat store;
    enum status status;

    if (fstat(log->file, &store) < 0)
        return unreadable(fault);
    identity = identity_of(&store);
    if (identity_equal(&identity, &mending->identity))
        return STATUS_DONE;
    status = mending_look(mending, log->file, log->domain, NULL, fault);
    if (status != STATUS_DONE || mending->salvage.ends == 0 || mending->unasked)
        return status;
    fault_set(fault, "changed meanwhile, and is damaged: nothing was done: run the command again");
    return STATUS_DAMAGED;
}

/* Two hosts that mend the same store must not get the same epoch. old: at most EPOCH_MOST. */
static uint64_t new_epoch(uint64_t old)
{
    struct timespec now;
    uint64_t least = old + 1 + crypto_random_below(EPOCH_STEP), micros;

    clock_gettime(CLOCK_REALTIME, &now);
    micros = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    return micros > least ? micros : least;
}

/* Give the damaged file a second name, which stays when the new file takes the store's name. */
static enum status keep_damaged(struct mending *mending, const struct log *log, struct fault *fault)
{
    const char *store = log->storefile.name;
    time_t now = (time_t)mending->rewrite.now;
    char when[32];
    struct tm parts;

    gmtime_r(&now, &parts);
    strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &parts);
    snprintf(mending->kept, sizeof(mending->kept), "%s.damaged-%s", store, when);
    for (int i = 2; linkat(log->directory, store, log->directory, mending->kept, 0) < 0; i++) {
        if (errno != EEXIST || i > KEPT_NAMES_MOST) {
            fault_set(fault, "%s/%s: nothing was done: the damaged file cannot be kept as %s: %s",
                      log->storefile.directory, store, mending->kept, strerror(errno));
            return STATUS_CANNOT_CREATE;
        }
        snprintf(mending->kept, sizeof(mending->kept), "%s.damaged-%s-%d", store, when, i);
    }
    return STATUS_DONE;
}

/* A writer has no source, whose silence monitors would be told of. */
static void forget_contact(const struct log *log)
{
    char name[DOMAIN_NAME_MAX + sizeof(".contact")];

    snprintf(name, sizeof(name), "%s.contact", log->domain);
    unlinkat(log->directory, name, 0);
}

/* For the system's log. */
static void note(const struct mending *mending, struct log *log)
{
    const struct snapshot *snapshot = &mending->salvage.snapshot;
    const struct rewrite *rewrite = &mending->rewrite;
    char head[HEAD_SIZE];
    struct record record;

    head_format(head, rewrite->header.epoch, rewrite->at.n, rewrite->at.chain);
    journal_note_head(&log->journal, rewrite->by, mending->done, log->domain, head);
    for (size_t i = 0; i < snapshot->count; i++)
        if (snapshot->lines[i].ends) {
            event_record(&record, index_find(&mending->proof.index, snapshot->lines[i].id));
            journal_note(&log->journal, rewrite->by, log->domain, &record);
        }
}

/* Only a file that was proved takes the store's place. */
static enum status install(struct mending *mending, struct log *log, struct newfile *file,
                           struct fault *fault)
{
    const uint64_t old_epoch = mending->salvage.header.epoch, epoch = mending->rewrite.header.epoch;
    bool damaged = mending->damage.text[0] != '\0';
    bool wrote = mending->names_writer && writer_named(log->directory, log->domain, old_epoch);
    enum status status = STATUS_DONE;
    struct fault what;
    struct stat old;

    if (!prove(&mending->proof, file->fd, log->domain, NULL, NULL, &what)) {
        fault_set(fault, "%s/%s: nothing was done: the repaired file is not a sound store: %s",
                  log->storefile.directory, log->storefile.name, what.text);
        status = what.passing ? STATUS_IO : STATUS_DAMAGED;
    } else {
        note(mending, log); /* here, for memory may end, and nothing was named yet */
        /* until the store has the epoch, a writer goes on with the old one, if it is killed */
        if (mending->names_writer && !writer_write(log, wrote ? old_epoch : 0, epoch)) {
            fault_set(fault, "%s/%s.writer: nothing was done: %s", log->storefile.directory, log->domain,
                      strerror(errno));
            status = STATUS_CANNOT_CREATE;
        }
    }
    if (status == STATUS_DONE && damaged)
        status = keep_damaged(mending, log, fault);
    if (status != STATUS_DONE) {
        newfile_abandon(file);
        return status;
    }
    status = rewrite_install(log, file, REWRITE_ADVICE, fault);
    if (status != STATUS_DONE && damaged && fstat(log->file, &old) == 0 && old.st_nlink > 1)
        unlinkat(log->directory, mending->kept, 0); /* it is still the store */
    if (status == STATUS_DONE && mending->names_writer) {
        if (wrote && !writer_write(log, 0, epoch))
            fault_set(
                &mending->unsettled,
                "%s/%s.writer: cannot be written: %s: until the next change here it names the old epoch "
                "too: do not put an older copy of the store back before",
                log->storefile.directory, log->domain, strerror(errno));
        forget_contact(log);
    }
    return status;
}

enum status mending_replace(struct mending *mending, struct log *log, struct fault *fault)
{
    const struct salvage *salvage = &mending->salvage;
    struct rewrite *rewrite = &mending->rewrite;
    char ext[HEAD_SIZE + sizeof("mended=")], head[HEAD_SIZE];
    struct newfile file;
    struct fault what;
    enum status status = look_again(mending, log, &what);

    if (status != STATUS_DONE) {
        fault_set(fault, "%s/%s: %s", log->storefile.directory, log->storefile.name, what.text);
        return status;
    }
    if (salvage->header.epoch > EPOCH_MOST) {
        fault_set(fault,
                  "%s/%s: nothing was done: there is no epoch after %" PRIu64
                  ", which no host has made: move the store away, and create its tokens anew",
                  log->storefile.directory, log->storefile.name, salvage->header.epoch);
        return STATUS_DAMAGED;
    }
    rewrite->header = salvage->header;
    rewrite->header.epoch = new_epoch(salvage->header.epoch);
    rewrite->header.base = salvage->at.n;
    header_origin(rewrite->header.basechain, &rewrite->header);
    rewrite->snapshot = salvage->snapshot;
    head_format(head, salvage->header.epoch, salvage->at.n, salvage->at.chain);
    snprintf(ext, sizeof(ext), "mended=%s", head);
    rewrite->ext = ext;
    status = rewrite_write(rewrite, log, &file, fault);
    return status == STATUS_DONE ? install(mending, log, &file, fault) : status;
}
