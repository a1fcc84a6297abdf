#include "store/following.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "caller/writer.h"
#include "clock.h"
#include "store/accept.h"
#include "store/contact_write.h"
#include "store/lock.h"
#include "store/replay.h"
#include "store/rewrite.h"

/* For struct own_lines. */
static enum own find_own(void *context, uint64_t n, struct span *line)
{
    struct following *following = context;

    switch (numbered_find(&following->numbered, n)) {
    case FOUND_LINE:
        *line = following->numbered.at;
        return OWN_LINE;
    case FOUND_NONE:
        return OWN_NONE;
    case FOUND_ERROR:
    default:
        return OWN_ERROR;
    }
}

static enum status failed(const struct following *following, struct fault *fault)
{
    fault_set(fault, "%s/%s: cannot be written: %s", following->storefile.directory,
              following->storefile.name, strerror(errno));
    return STATUS_IO;
}

static enum status sync_failed(struct following *following, struct fault *fault)
{
    following->doubtful = true;
    return failed(following, fault);
}

/* What a killed writer left behind the last line is cut off, and a missing LF comes back: else the file would
 * differ from the source's until there is another line. After a failed sync its last bytes are written anew.
 */
static enum status clear_rest(struct following *following, struct fault *fault)
{
    struct log log;
    struct tip tip;
    enum status status = log_begin(&log, following->session, LOG_FOLLOW, fault);

    if (status != STATUS_DONE)
        return status;
    if (log.file >= 0)
        status = log_tip(&log, &tip, fault);
    if (log.file >= 0 && status == STATUS_DONE) {
        if (log_clear_rest(&log, &tip) && log_sync_tip(&log, &tip))
            following->doubtful = false;
        else
            status = sync_failed(following, fault);
    }
    log_end(&log);
    return status;
}

/* Open the store and find where it ends. */
static enum status stand(struct following *following, struct fault *fault)
{
    struct incoming *incoming = &following->incoming;
    const char *domain = following->session->domain->name;
    enum status status = STATUS_DONE;
    struct fault what;
    struct stat store;
    struct tip tip;

    if (following->store >= 0) {
        numbered_free(&following->numbered);
        close(following->store);
    }
    incoming->has_store = incoming->writer = false;
    following->store = storefile_open(&following->storefile, O_RDONLY, &store, &what);
    if (following->store < 0) {
        if (errno == ENOENT)
            return STATUS_DONE;
        status = status_of(errno);
        fault_set(fault, "%s/%s: %s", following->storefile.directory, following->storefile.name, what.text);
        return status;
    }
    numbered_make(&following->numbered, following->store);
    status = tip_read(&tip, following->store, domain, &what);
    if (status != STATUS_DONE) {
        fault_set(fault, "%s/%s: %s; or move it away, and it is fetched anew", following->storefile.directory,
                  following->storefile.name, what.text);
        return status;
    }
    /* a follow that was killed may not have synced its last line, or the name of its last file */
    if (fdatasync(following->store) < 0 || !sync_directory(following->directory))
        return sync_failed(following, fault);
    following->synced = identity_of(&store);
    incoming->mine = tip.chain;
    incoming->has_store = true;
    incoming->writer = !source_is_engine(following->session->domain->source) &&
                       writer_named(following->directory, domain, tip.chain.header.epoch);
    if (incoming->writer || (!tip.lf_due && tip.size == tip.end && !following->doubtful))
        return STATUS_DONE;
    return clear_rest(following, fault);
}

enum status following_begin(struct following *following, const struct session *session, struct fault *fault)
{
    const char *directory = session->config.store_dir, *domain = session->domain->name;
    struct stat status;

    *following = (struct following){.session = session,
                                    .store = -1,
                                    .incoming = {.domain = domain, .own = {find_own, following}},
                                    .doubtful = following->doubtful};
    storefile_of_domain(&following->storefile, directory, domain);
    following->directory = storefile_open_directory(&following->storefile, &status, fault);
    if (following->directory < 0)
        return status_of(errno);
    if (!contact_read(&following->contact, directory, domain))
        following->contact = (struct contact){0};
    return stand(following, fault);
}

static void abandon_file(struct following *following)
{
    if (following->filing)
        newfile_abandon(&following->file);
    following->filing = false;
}

void following_end(struct following *following)
{
    abandon_file(following);
    if (following->appending)
        log_end(&following->log);
    if (following->store >= 0) {
        numbered_free(&following->numbered);
        close(following->store);
    }
    if (following->directory >= 0)
        close(following->directory);
    following->store = following->directory = -1;
    following->appending = false;
}

static enum status changed(const struct following *following, struct fault *fault)
{
    fault_set(fault, "%s/%s: another process has changed it", following->storefile.directory,
              following->storefile.name);
    return STATUS_NO;
}

/* ---- lines ---- */

static enum status append(struct following *following, struct span line, const struct position *before,
                          struct fault *fault)
{
    const struct tip expected = {
        .chain = {.header.epoch = following->incoming.mine.header.epoch, .at = *before}};
    enum status status;

    if (following->appending && log_held_long(&following->log)) {
        status = following_flush(following, fault);
        if (status != STATUS_DONE)
            return status;
        lock_let_others();
    }
    if (!following->appending) {
        status = log_begin(&following->log, following->session, LOG_FOLLOW, fault);
        if (status != STATUS_DONE)
            return status;
        following->appending = true;
        log_know_synced(&following->log, &following->synced);
    }
    if (following->log.file < 0)
        return changed(following, fault);
    switch (log_append(&following->log, &expected, line.at, line.length, false)) {
    case APPENDED:
        return STATUS_DONE;
    case APPEND_CONFLICT:
        return changed(following, fault);
    case APPEND_UNAVAILABLE:
        return failed(following, fault);
    case APPEND_UNKNOWN:
    default:
        return sync_failed(following, fault);
    }
}

enum status following_flush(struct following *following, struct fault *fault)
{
    enum status status = STATUS_DONE;
    struct stat store;

    if (!following->appending)
        return STATUS_DONE;
    if (!log_sync(&following->log))
        status = sync_failed(following, fault);
    else if (fstat(following->log.file, &store) == 0)
        following->synced = identity_of(&store);
    log_end(&following->log);
    following->appending = false;
    return status;
}

enum status following_again(struct following *following, struct fault *fault)
{
    enum status status = following_flush(following, fault);

    return status == STATUS_DONE ? stand(following, fault) : status;
}

/* ---- compactions ---- */

/* The line is kept even if our snapshot is another than the source's, or there is no room for a second file:
 * revocations come after it. Then the whole file is fetched. */
static enum status take_point(struct following *following, struct span line, const struct position *before,
                              struct fault *fault)
{
    const struct chain *mine = &following->incoming.mine;
    const struct replay replay = {following->session, line, mine->header.epoch, *before, mine->at};
    enum status status = following_flush(following, fault), replayed;
    struct fault what;

    if (status == STATUS_DONE)
        status = replay_point(&replay, fault);
    if (status == STATUS_DONE)
        return stand(following, fault);
    following->doubtful |= status == STATUS_IO;
    if (status != STATUS_NOT_FOUND && status != STATUS_IO && status != STATUS_CANNOT_CREATE)
        return status;
    replayed = status;
    what = *fault;
    status = append(following, line, before, fault);
    if (status == STATUS_NO && replayed != STATUS_NOT_FOUND) {
        /* the new file is in place, and may not be on the disk */
        *fault = what;
        return replayed;
    }
    if (status == STATUS_DONE)
        status = following_flush(following, fault);
    if (status != STATUS_DONE)
        return status;
    if (replayed == STATUS_NOT_FOUND)
        fault_set(fault,
                  "%s/%s: after a compaction this host's snapshot is another than the source's: fetching "
                  "the whole file",
                  following->storefile.directory, following->storefile.name);
    else
        fault_set(fault, "%s: the log goes on without this compaction: fetching the whole file", what.text);
    return STATUS_NOT_FOUND;
}

/* ---- files ---- */

/* The lock only while the file is begun: it may take long to come. */
static enum status begin_file(struct following *following, struct fault *fault)
{
    struct stat directory;
    struct log log;
    enum status status = following_flush(following, fault);

    abandon_file(following);
    if (status == STATUS_DONE)
        status = log_begin(&log, following->session, LOG_FOLLOW, fault);
    if (status != STATUS_DONE)
        return status;
    if (log.file >= 0) {
        status = rewrite_begin(&log, &following->file, fault);
    } else if (!newfile_begin(&following->file, log.directory, following->storefile.name)) {
        status = failed(following, fault);
    } else if (fstat(log.directory, &directory) < 0 ||
               !newfile_dress_first(&following->file, directory.st_gid)) {
        status = failed(following, fault);
        newfile_abandon(&following->file);
    }
    following->file.first = log.file < 0;
    log_end(&log);
    if (status != STATUS_DONE)
        return status;
    following->filing = true;
    following->file.directory = following->directory;
    following->file.target = following->storefile.name;
    return STATUS_DONE;
}

static enum status add_to_file(struct following *following, struct span line, struct fault *fault)
{
    return newfile_add(&following->file, line.at, line.length) ? STATUS_DONE : failed(following, fault);
}

/* Under the lock: STATUS_NO if the store is no longer what the file was compared with. */
static enum status require_unchanged(const struct following *following, struct log *log, struct fault *fault)
{
    const struct chain *mine = &following->incoming.mine;
    bool same = (log->file >= 0) == following->incoming.has_store;
    enum status status = STATUS_DONE;
    struct tip tip;

    if (same && log->file >= 0) {
        status = log_tip(log, &tip, fault);
        same = status == STATUS_DONE && tip.chain.header.epoch == mine->header.epoch &&
               position_equal(&tip.chain.at, &mine->at);
    }
    return status == STATUS_DONE && !same ? changed(following, fault) : status;
}

/* DOMAIN.writer names an epoch that is over. */
static void remove_writer(const struct following *following)
{
    char name[DOMAIN_NAME_MAX + sizeof(".writer")];

    snprintf(name, sizeof(name), "%s.writer", following->session->domain->name);
    unlinkat(following->directory, name, 0);
}

enum status following_install(struct following *following, struct fault *fault)
{
    struct newfile *file = &following->file;
    struct log log;
    enum status status;

    if (!keep_room(file->fd, file->end, RESERVE) || !newfile_finish(file))
        return failed(following, fault);
    status = accept_file(&following->incoming, &following->storefile, following->store, file->fd,
                         &following->lost, fault);
    if (status == STATUS_DONE)
        status = log_begin(&log, following->session, LOG_FOLLOW, fault);
    if (status != STATUS_DONE)
        return status;
    status = require_unchanged(following, &log, fault);
    if (status == STATUS_DONE) {
        following->filing = false;
        /* first, so that it never outlasts that epoch's store, nor does on the disk */
        remove_writer(following);
        status = rewrite_install(&log, file, "", fault);
        if (status != STATUS_DONE)
            following->doubtful = true;
    }
    log_end(&log);
    if (status != STATUS_DONE)
        return status;
    incoming_took_file(&following->incoming);
    return stand(following, fault);
}

enum status following_take(struct following *following, enum incoming_verdict verdict, struct span line,
                           const struct position *before, struct fault *fault)
{
    enum status status;

    switch (verdict) {
    case INCOMING_LINE:
        return append(following, line, before, fault);
    case INCOMING_POINT:
        return take_point(following, line, before, fault);
    case INCOMING_FILE:
        status = begin_file(following, fault);
        return status == STATUS_DONE ? add_to_file(following, line, fault) : status;
    case INCOMING_FILE_LINE:
        return add_to_file(following, line, fault);
    case INCOMING_FILE_END:
        return following_install(following, fault);
    case INCOMING_KNOWN:
    case INCOMING_BEAT:
    case INCOMING_TROUBLE:
    default:
        return STATUS_DONE;
    }
}

/* ---- the last contact ---- */

void following_note(struct following *following, const char *state)
{
    const struct incoming *incoming = &following->incoming;
    struct contact *contact = &following->contact;
    bool same = strcmp(contact->state, state) == 0;
    int64_t now = clock_now();

    if (strcmp(state, CONTACT_GOOD) == 0)
        contact->time = (int64_t)time(NULL);
    if (incoming->said)
        head_format(contact->head, incoming->source.epoch, incoming->source.n, incoming->source.chain);
    snprintf(contact->state, sizeof(contact->state), "%s", state);
    if (same && following->contact_noted != 0 && now - following->contact_noted < SECOND * 9 / 10)
        return;
    following->contact_noted = now;
    contact_write(following->directory, following->session->domain->name, contact);
}
