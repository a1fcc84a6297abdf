#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lock.h"
#include "record.h"
#include "replace.h"
#include "tip.h"

enum { RESERVE_LOW = 32 * 1024 }; /* what is left of the reserve, below which it is renewed */

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

void log_end(struct log *log)
{
    log->file = close_if_open(log->file);
    lock_release(log->lock);
    log->lock = -1;
    log->directory = close_if_open(log->directory);
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
    struct replacement file;

    if (!replacement_begin(&file, log->directory, log->place.name))
        return false;
    if (!dress(file.fd, 0640, directory) || !replacement_add(&file, text, length) ||
        !replacement_finish(&file)) {
        replacement_abandon(&file);
        return false;
    }
    return replacement_install(&file) == INSTALLED;
}

/* Under the lock. */
static enum status open_store(struct log *log, const struct stat *directory, bool make, struct fault *fault)
{
    struct stat status;

    log->file = place_open(&log->place, O_RDWR, &status, fault);
    if (log->file < 0 && errno == ENOENT && make) {
        if (!make_store(log, directory)) {
            fault_set(fault, "cannot create it: %s", strerror(errno));
            return STATUS_CANNOT_CREATE;
        }
        log->file = place_open(&log->place, O_RDWR, &status, fault);
    }
    return log->file >= 0 ? STATUS_DONE : status_of(errno);
}

static enum status begin(struct log *log, bool make, struct fault *fault)
{
    struct stat directory;
    enum status status;

    log->directory = place_open_directory(&log->place, &directory, fault);
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

    place_of_store(&log->place, directory, domain);
    log->domain = domain;
    log->directory = log->lock = log->file = -1;
    block_stop(log);
    status = begin(log, make, &what);
    if (status != STATUS_DONE) {
        log_end(log);
        fault_set(fault, "%s/%s: %s", directory, log->place.name, what.text);
    }
    return status;
}

enum status log_tip(struct log *log, struct tip *tip, struct fault *fault)
{
    char head[LINE_SIZE_MAX], tail[TIP_TAIL];
    struct stat status;
    size_t head_size, tail_size;
    uint64_t size, from;
    const char *wrong;

    if (fstat(log->file, &status) < 0)
        return fault_set(fault, "%s/%s: cannot read it: %s", log->place.directory, log->place.name,
                         strerror(errno)),
               STATUS_IO;
    size = (uint64_t)status.st_size;
    head_size = size < sizeof(head) ? (size_t)size : sizeof(head);
    tail_size = size < sizeof(tail) ? (size_t)size : sizeof(tail);
    from = size - tail_size;
    if (!read_all(log->file, head, head_size, 0) || !read_all(log->file, tail, tail_size, from)) {
        fault_set(fault, "%s/%s: cannot read it: %s", log->place.directory, log->place.name, strerror(errno));
        return STATUS_IO;
    }
    wrong = tip_find(tip, head, head_size, tail, tail_size, from);
    if (!wrong && strcmp(tip->domain, log->domain) != 0)
        wrong = "it is the store of another domain";
    if (!wrong)
        return STATUS_DONE;
    fault_set(fault, "%s/%s: %s: run `toktab check`, which names what is damaged", log->place.directory,
              log->place.name, wrong);
    return STATUS_DAMAGED;
}

/* Space behind the end for revocations on a full disk. */
static bool keep_reserve_behind(int fd, uint64_t end)
{
    struct stat status;

    if (fstat(fd, &status) == 0 && (uint64_t)status.st_blocks * 512 >= end + RESERVE_LOW)
        return true;
    return keep_room(fd, end, RESERVE);
}

static bool cut_behind(int fd, uint64_t end)
{
    struct stat status;

    return fstat(fd, &status) == 0 && ((uint64_t)status.st_size <= end || ftruncate(fd, (off_t)end) == 0);
}

/* What was written of a line that failed is cut off again; if that fails too, the next writer cuts off an
 * unterminated line. */
static enum appended take_back(int fd, uint64_t end)
{
    int error = errno;

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
    if (now.epoch != expected->epoch || now.n != expected->n ||
        memcmp(now.chain, expected->chain, CHAIN_SIZE) != 0)
        return APPEND_CONFLICT;
    reserved = keep_reserve_behind(log->file, now.end + length);
    if (keep_reserve && !reserved)
        return APPEND_UNAVAILABLE;
    /* over what is left of an unterminated line; cutting that off first would give up the reserve */
    if (!write_all(log->file, line, length, now.end) || !cut_behind(log->file, now.end + length))
        return take_back(log->file, now.end);
    /* after a failed sync nothing is known: what the page cache shows may never reach the disk. Who made the
     * file may not have lived to sync its name. */
    if (fdatasync(log->file) < 0 || (now.fresh && !sync_directory(log->directory)))
        return APPEND_UNKNOWN;
    return APPENDED;
}

bool log_sync(struct log *log, const struct tip *tip)
{
    char bytes[LINE_SIZE_MAX];
    size_t length = tip->end < sizeof(bytes) ? (size_t)tip->end : sizeof(bytes);

    /* what a failed sync has dropped is written again: a sync alone would find nothing to do */
    return read_all(log->file, bytes, length, tip->end - length) &&
           write_all(log->file, bytes, length, tip->end - length) && fdatasync(log->file) == 0 &&
           sync_directory(log->directory);
}
