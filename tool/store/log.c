#include "store/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "caller/writer.h"
#include "clock.h"
#include "record.h"
#include "store/lock.h"
#include "store/newfile.h"
#include "store/tip.h"
#include "store/writer_write.h"
#include "terminal/stall.h"

enum {
    RESERVE_LOW = 32 * 1024,     /* below this the reserve is allocated again */
    ACKNOWLEDGE_AFTER = 2000000, /* nanoseconds from durable to acknowledged: see the model in reader.h */
    HELD_MOST = 1000,            /* milliseconds with the lock, for those that make many changes */
    SECTOR = 512,                /* bytes of a file that a power cut keeps or loses together */
    TAIL_KEPT = 1 << 20,         /* bytes that a host may not yet have read of a file that was replaced */
};

static int close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
    return -1;
}

void log_note_durable(struct log *log)
{
    log->durable = clock_now();
}

/* The last process to close a file that was replaced waits until its memory and blocks are free. That must
 * not be a host, where a request would wait: those that are busy have closed it by now, and for the others
 * the memory is freed here, which is most of the work. */
static void close_file(struct log *log)
{
    struct stat status;

    if (log->file >= 0 && fstat(log->file, &status) == 0 && status.st_nlink == 0 &&
        status.st_size > TAIL_KEPT)
        posix_fadvise(log->file, 0, status.st_size - TAIL_KEPT, POSIX_FADV_DONTNEED);
    log->file = close_if_open(log->file);
}

void log_end(struct log *log)
{
    int64_t until = log->durable + ACKNOWLEDGE_AFTER;
    struct timespec then = {.tv_sec = (time_t)(until / SECOND), .tv_nsec = (long)(until % SECOND)};

    lock_release(log->lock);
    log->lock = -1;
    log->directory = close_if_open(log->directory);
    stall_over();
    journal_write(&log->journal);
    /* until earlier looks no longer count; an absolute time, which no signal makes later or earlier */
    while (log->durable != 0 && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) == EINTR)
        continue;
    close_file(log);
    sigprocmask(SIG_SETMASK, &log->signals, NULL);
    engine_end(&log->engine);
}

/* With an engine, one host alone makes the store: the others fetch it. */
static enum status propose_store(struct log *log, const char *text, size_t length, struct fault *fault)
{
    struct span there;

    switch (engine_append(&log->engine, log->session, "", text, length, &there, fault)) {
    case APPENDED:
        return STATUS_DONE;
    case APPEND_CONFLICT:
        fault_set(fault, "the engine %s holds a store of this domain already: run `toktab follow --once`",
                  log->session->domain->source);
        return STATUS_MISSING;
    case APPEND_UNKNOWN:
        fault_add(fault, ": if it has, `toktab follow` fetches the store: run this again in a minute");
        return STATUS_IO;
    case APPEND_UNAVAILABLE:
    default:
        return STATUS_MISSING;
    }
}

static enum status cannot_create(struct fault *fault)
{
    fault_set(fault, "cannot be created: %s%s", strerror(errno),
              errno == EEXIST ? ": it was not there a moment ago: run this again" : "");
    return STATUS_CANNOT_CREATE;
}

/* Write the new store under another name first, so that it appears complete. */
static enum status make_store(struct log *log, const struct stat *directory, struct fault *fault)
{
    enum status status = STATUS_DONE;
    unsigned char storeid[CHAIN_SIZE];
    char text[LINE_SIZE_MAX];
    struct newfile file;
    struct header header;
    size_t length;

    crypto_random_bytes(storeid, sizeof(storeid));
    hex_encode(header.storeid, storeid, sizeof(storeid));
    header.storeid[STOREID_HEX] = '\0';
    strcpy(header.domain, log->domain);
    header_start(&header);
    length = header_format(text, &header);
    if (!newfile_begin(&file, log->directory, log->storefile.name))
        return cannot_create(fault);
    file.first = true;
    if (!newfile_dress_first(&file, directory->st_gid) || !newfile_add(&file, text, length) ||
        !newfile_finish(&file))
        status = cannot_create(fault);
    else if (source_is_engine(log->session->domain->source))
        status = propose_store(log, text, length, fault);
    if (status != STATUS_DONE) {
        newfile_abandon(&file);
        return status;
    }
    switch (newfile_install(&file)) {
    case INSTALLED:
        return STATUS_DONE;
    case INSTALL_FAILED:
        return cannot_create(fault);
    case INSTALL_UNKNOWN:
    default:
        fault_set(
            fault,
            "was created, without a token, but the disk failed (%s), and after a crash it may be gone: run "
            "the command again",
            strerror(errno));
        return STATUS_IO;
    }
}

/* Lock the store, then open it. */
static enum status begin(struct log *log, const struct domain *domain, enum log_purpose purpose,
                         struct fault *fault)
{
    struct stat directory, file;
    sigset_t interruptions;
    enum status status;
    int error;

    if (purpose != LOG_FOLLOW && time(NULL) < 0) {
        fault_set(fault, "nothing was done: the clock is before 1970, which no line of a store can say");
        return STATUS_MISSING;
    }
    log->directory = storefile_open_directory(&log->storefile, &directory, fault);
    if (log->directory < 0)
        return status_of(errno);
    status = lock_take(&log->lock, log->directory, log->domain, &directory, fault);
    if (status != STATUS_DONE)
        return status;
    log->locked = clock_now();
    stall_watch(&log->storefile);
    /* a command that is interrupted from here on would leave the next one to clean up, and no trace of itself
     * in the system's log; sudo passes most signals on, and timers outlive execve(2) */
    sigfillset(&interruptions);
    sigprocmask(SIG_BLOCK, &interruptions, NULL);
    log->file = storefile_open(&log->storefile, O_RDWR, &file, fault);
    error = log->file < 0 ? errno : 0;
    if (purpose != LOG_FOLLOW && (error == 0 || error == ENOENT)) {
        status = writer_may(domain, log->directory, log->file, fault);
        if (status != STATUS_DONE)
            return status;
        if (error == 0)
            writer_settle(log);
    }
    if (error == ENOENT && purpose == LOG_CREATION) {
        status = make_store(log, &directory, fault);
        if (status != STATUS_DONE)
            return status;
        log->file = storefile_open(&log->storefile, O_RDWR, &file, fault);
        error = log->file < 0 ? errno : 0;
    }
    return error == 0 || (error == ENOENT && purpose == LOG_FOLLOW) ? STATUS_DONE : status_of(error);
}

enum status log_begin(struct log *log, const struct session *session, enum log_purpose purpose,
                      struct fault *fault)
{
    const char *directory = session->config.store_dir, *domain = session->domain->name;
    struct fault what;
    enum status status;
    sigset_t stop;

    storefile_of_domain(&log->storefile, directory, domain);
    log->session = session;
    log->domain = domain;
    log->engine = NULL;
    log->faster = 0;
    log->repeating = 0;
    log->directory = log->lock = log->file = -1;
    log->journal = (struct journal){0};
    log->doubt = false;
    log->name_synced = false;
    log->synced = 0;
    log->durable = 0;
    /* a command that is stopped with the lock would hold up all others, so ^Z waits */
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    sigprocmask(SIG_BLOCK, &stop, &log->signals);
    status = begin(log, session->domain, purpose, &what);
    if (status != STATUS_DONE) {
        log_end(log);
        fault_set(fault, "%s/%s: %s", directory, log->storefile.name, what.text);
    }
    return status;
}

bool log_held_long(const struct log *log)
{
    return clock_now() - log->locked > HELD_MOST * MILLISECOND;
}

void log_know_synced(struct log *log, const struct identity *synced)
{
    struct identity now;
    struct stat status;

    if (log->file < 0 || fstat(log->file, &status) < 0)
        return;
    now = identity_of(&status);
    if (!identity_equal(&now, synced))
        return;
    log->name_synced = true;
    log->synced = now.size;
}

enum status log_tip(struct log *log, struct tip *tip, struct fault *fault)
{
    struct fault what;
    enum status status = tip_read(tip, log->file, log->domain, &what);

    if (status != STATUS_DONE)
        fault_set(fault, "%s/%s: %s", log->storefile.directory, log->storefile.name, what.text);
    return status;
}

static bool keep_reserve_after(int fd, uint64_t end)
{
    struct stat status;

    if (fstat(fd, &status) == 0 && (uint64_t)status.st_blocks * 512 >= end + RESERVE_LOW)
        return true;
    return keep_room(fd, end, RESERVE);
}

bool log_has_room(const struct log *log, const struct tip *tip, size_t length)
{
    return keep_reserve_after(log->file, tip->end + length);
}

/* Overwriting the rest instead could go unseen: the size would stay the same within one timestamp tick. */
bool log_clear_rest(struct log *log, struct tip *tip)
{
    int fd = log->file;

    if (tip->size > tip->end && ftruncate(fd, (off_t)tip->end) < 0)
        return false;
    if (tip->lf_due) {
        if (!write_all(fd, "\n", 1, tip->end) || fdatasync(fd) < 0)
            return false; /* else a power cut could leave NULs after a line that counts */
        tip->end++;
        tip->lf_due = false;
    }
    tip->size = tip->end;
    return true;
}

/* Cut off a line that could not be written whole, unless it lacks only its LF: readers may have applied it.
 */
static enum appended take_back(int fd, uint64_t end, size_t length)
{
    int error = errno;
    struct stat status;

    if (fstat(fd, &status) < 0 || (uint64_t)status.st_size + 1 >= end + length) {
        errno = error;
        return APPEND_UNKNOWN;
    }
    if (ftruncate(fd, (off_t)end) == 0)
        keep_reserve_after(fd, end); /* cutting released it */
    errno = error;
    return APPEND_UNAVAILABLE;
}

/* If a sector held no more of the line than its first byte, a power cut could lose that byte alone, which is
 * damage (chain_rest()): so it is made durable first. */
static bool write_line(struct log *log, const char *line, size_t length, uint64_t offset)
{
    size_t first = offset % SECTOR == SECTOR - 1 ? 1 : 0;

    if (first > 0 && (!write_all(log->file, line, first, offset) || !log_sync(log)))
        return false;
    return write_all(log->file, line + first, length - first, offset + first);
}

enum appended log_append(struct log *log, const struct tip *expected, const char *line, size_t length,
                         bool keep_reserve)
{
    struct tip now;
    struct fault fault;
    bool reserved;

    errno = EIO;
    if (log_tip(log, &now, &fault) != STATUS_DONE)
        return APPEND_UNAVAILABLE;
    if (now.chain.header.epoch != expected->chain.header.epoch ||
        !position_equal(&now.chain.at, &expected->chain.at))
        return APPEND_CONFLICT;
    if (!log_clear_rest(log, &now))
        return APPEND_UNAVAILABLE;
    reserved = keep_reserve_after(log->file, now.end + length);
    if (keep_reserve && !reserved)
        return APPEND_UNAVAILABLE;
    /* Of what is not yet synced a power cut may keep any sector, and in its place leave NULs. That must be
     * one rest, which the next writer cuts off, so no second line waits; and whoever wrote the last line may
     * not have lived to sync it. */
    if (log->synced != now.end && !log_sync(log))
        return APPEND_UNKNOWN;
    if (!write_line(log, line, length, now.end))
        return take_back(log->file, now.end, length);
    return APPENDED;
}

/* The process that created or renamed the file may have died before it synced the name, so each process syncs
 * the name once. */
bool log_sync(struct log *log)
{
    struct stat status;

    if (fdatasync(log->file) < 0 || (!log->name_synced && !sync_directory(log->directory)) ||
        fstat(log->file, &status) < 0)
        return false;
    log->name_synced = true;
    log->synced = (uint64_t)status.st_size;
    journal_durable(&log->journal);
    log_note_durable(log);
    stall_alive(log->durable); /* a slow disk does answer */
    return true;
}

bool log_sync_tip(struct log *log, const struct tip *tip)
{
    char bytes[LINE_SIZE_MAX];
    size_t length = tip->end < sizeof(bytes) ? (size_t)tip->end : sizeof(bytes);

    /* write the last bytes again: after a failed sync, a second sync would find nothing to do */
    return read_all(log->file, bytes, length, tip->end - length) &&
           write_all(log->file, bytes, length, tip->end - length) && log_sync(log);
}
