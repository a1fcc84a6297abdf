#include "store/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "record.h"
#include "store/lock.h"
#include "store/newfile.h"
#include "store/tip.h"

enum {
    RESERVE_LOW = 32 * 1024, /* what is left of the reserve, below which it is renewed */
    ACKNOWLEDGE_AFTER =
        2000000,  /* nanoseconds for which whoever acknowledges waits: see the model in reader.h */
    BLOCK = 4096, /* bytes of a file that a power cut leaves or takes together */
};

#define SECOND INT64_C(1000000000)

/* Stopped while it holds the lock, a command would hold up all others; so ^Z waits from before it takes it.
 */
static void block_stop(struct log *log)
{
    sigset_t stop;

    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    sigprocmask(SIG_BLOCK, &stop, &log->signals);
}

/* Interrupted in the middle, a command would leave what the next one has to clean up. */
static void block_interruptions(void)
{
    sigset_t interruptions;

    sigemptyset(&interruptions);
    sigaddset(&interruptions, SIGINT);
    sigaddset(&interruptions, SIGTERM);
    sigaddset(&interruptions, SIGHUP);
    sigprocmask(SIG_BLOCK, &interruptions, NULL);
}

static int close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
    return -1;
}

static int64_t monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

void log_note_durable(struct log *log)
{
    log->durable = monotonic();
}

/* To a point in time, so that an interruption does not make it longer or shorter. */
static void wait_for_looks(const struct log *log)
{
    int64_t until = log->durable + ACKNOWLEDGE_AFTER;
    struct timespec then = {.tv_sec = (time_t)(until / SECOND), .tv_nsec = (long)(until % SECOND)};

    if (log->durable == 0)
        return;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) == EINTR)
        continue;
}

void log_end(struct log *log)
{
    log->file = close_if_open(log->file);
    lock_release(log->lock);
    log->lock = -1;
    log->directory = close_if_open(log->directory);
    wait_for_looks(log);
    sigprocmask(SIG_SETMASK, &log->signals, NULL);
}

/* The header of a store that is to be, with its LF. */
static size_t format_new_header(char text[LINE_SIZE_MAX], const char *domain)
{
    unsigned char storeid[CHAIN_SIZE];
    struct header header;

    crypto_random_bytes(storeid, sizeof(storeid));
    hex_encode(header.storeid, storeid, sizeof(storeid));
    header.storeid[STOREID_HEX] = '\0';
    strcpy(header.domain, domain);
    header_start(&header);
    return header_format(text, &header);
}

/* Mode and group on the descriptor, whatever the umask. Another group than the directory's is not wished for,
 * but where it cannot be had the store is no less safe. */
static bool dress(int fd, mode_t mode, const struct stat *directory)
{
    if (fchown(fd, (uid_t)-1, directory->st_gid) < 0 && errno != EPERM)
        return false;
    return fchmod(fd, mode) == 0;
}

/* A new store appears complete: under another name first. */
static bool make_store(struct log *log, const struct stat *directory)
{
    char text[LINE_SIZE_MAX];
    size_t length = format_new_header(text, log->domain);
    struct newfile file;

    if (!newfile_begin(&file, log->directory, log->storefile.name))
        return false;
    if (!dress(file.fd, 0640, directory) || !newfile_add(&file, text, length) || !newfile_finish(&file)) {
        newfile_abandon(&file);
        return false;
    }
    return newfile_install(&file) == INSTALLED;
}

/* Under the lock. */
static enum status open_store(struct log *log, const struct stat *directory, bool make, struct fault *fault)
{
    struct stat status;

    log->file = storefile_open(&log->storefile, O_RDWR, &status, fault);
    if (log->file < 0 && errno == ENOENT && make) {
        if (!make_store(log, directory)) {
            fault_set(fault, "cannot create it: %s", strerror(errno));
            return STATUS_CANNOT_CREATE;
        }
        log->file = storefile_open(&log->storefile, O_RDWR, &status, fault);
    }
    return log->file >= 0 ? STATUS_DONE : status_of(errno);
}

static enum status begin(struct log *log, bool make, struct fault *fault)
{
    struct stat directory;
    enum status status;

    log->directory = storefile_open_directory(&log->storefile, &directory, fault);
    if (log->directory < 0)
        return status_of(errno);
    status = lock_take(&log->lock, log->directory, log->domain, &directory, fault);
    if (status != STATUS_DONE)
        return status;
    block_interruptions();
    return open_store(log, &directory, make, fault);
}

enum status log_begin(struct log *log, const char *directory, const char *domain, bool make,
                      struct fault *fault)
{
    struct fault what;
    enum status status;

    storefile_of_domain(&log->storefile, directory, domain);
    log->domain = domain;
    log->directory = log->lock = log->file = -1;
    log->name_synced = false;
    log->synced = 0;
    log->durable = 0;
    block_stop(log);
    status = begin(log, make, &what);
    if (status != STATUS_DONE) {
        log_end(log);
        fault_set(fault, "%s/%s: %s", directory, log->storefile.name, what.text);
    }
    return status;
}

enum status log_tip(struct log *log, struct tip *tip, struct fault *fault)
{
    struct fault what;
    enum status status = tip_read(tip, log->file, log->domain, &what);

    if (status != STATUS_DONE)
        fault_set(fault, "%s/%s: %s", log->storefile.directory, log->storefile.name, what.text);
    return status;
}

/* Space behind the end for revocations on a full disk. */
static bool keep_reserve_behind(int fd, uint64_t end)
{
    struct stat status;

    if (fstat(fd, &status) == 0 && (uint64_t)status.st_blocks * 512 >= end + RESERVE_LOW)
        return true;
    return keep_room(fd, end, RESERVE);
}

/* Nothing but whole lines is left: what a killed writer or a power cut has left behind the last one goes, and
 * that gets the LF that it lacks. A byte written over would go unseen where the size is the same within one
 * tick of the clock that the file system dates changes by. */
static bool clear_rest(int fd, struct tip *tip)
{
    if (tip->size > tip->end && ftruncate(fd, (off_t)tip->end) < 0)
        return false;
    if (tip->lf_due) {
        if (!write_all(fd, "\n", 1, tip->end) || fdatasync(fd) < 0)
            return false; /* without it on the disk a power cut could leave NULs behind a line that counts */
        tip->end++;
        tip->lf_due = false;
    }
    tip->size = tip->end;
    return true;
}

/*
 * Of several lines that are not yet on the disk a power cut may leave any block of the file. So that what is
 * left is either lines that follow or one rest that the next writer cuts off, they all begin in one block,
 * and are shorter together than a rest may be.
 */
static bool may_wait_for_sync(const struct log *log, uint64_t end, size_t length)
{
    return log->synced == end ||
           (log->synced / BLOCK == end / BLOCK && end + length - log->synced < LINE_SIZE_MAX);
}

/* What was written of a line that failed is cut off again, unless it lacks only its LF: readers may have
 * taken it. */
static enum appended take_back(int fd, uint64_t end, size_t length)
{
    int error = errno;
    struct stat status;

    if (fstat(fd, &status) < 0 || (uint64_t)status.st_size + 1 >= end + length) {
        errno = error;
        return APPEND_UNKNOWN;
    }
    if (ftruncate(fd, (off_t)end) == 0)
        keep_reserve_behind(fd, end); /* cutting gives up what lies behind the end */
    errno = error;
    return APPEND_UNAVAILABLE;
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
    if (!clear_rest(log->file, &now))
        return APPEND_UNAVAILABLE;
    reserved = keep_reserve_behind(log->file, now.end + length);
    if (keep_reserve && !reserved)
        return APPEND_UNAVAILABLE;
    if (log->synced == 0)
        log->synced = now.start; /* whoever wrote the last line may not have lived to sync it */
    if (!may_wait_for_sync(log, now.end, length) && !log_sync(log))
        return APPEND_UNKNOWN;
    if (!write_all(log->file, line, length, now.end))
        return take_back(log->file, now.end, length);
    return APPENDED;
}

/* Who made the file, or put it in place, may not have lived to sync its name: only what this process has
 * synced is known. */
bool log_sync(struct log *log)
{
    struct stat status;

    if (fdatasync(log->file) < 0 || (!log->name_synced && !sync_directory(log->directory)) ||
        fstat(log->file, &status) < 0)
        return false;
    log->name_synced = true;
    log->synced = (uint64_t)status.st_size;
    log_note_durable(log);
    return true;
}

bool log_sync_tip(struct log *log, const struct tip *tip)
{
    char bytes[LINE_SIZE_MAX];
    size_t length = tip->end < sizeof(bytes) ? (size_t)tip->end : sizeof(bytes);

    /* what a failed sync has dropped is written again: a sync alone would find nothing to do */
    return read_all(log->file, bytes, length, tip->end - length) &&
           write_all(log->file, bytes, length, tip->end - length) && log_sync(log);
}
