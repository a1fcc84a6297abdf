#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

#include "storefile.h"
#include "usage_file.h"

/* Serials this far apart share a stamp. A token whose stamp is overwritten is still noted only once a minute,
 * because the file is read before it is written. */
enum { STAMPS = 1 << 20 };

/* A stamp: the part of the serial that is not in its position, and the time, 32 bits each. */
static uint64_t stamp_of(uint64_t serial, int64_t now)
{
    return (uint64_t)(uint32_t)(serial / STAMPS) << 32 | (uint32_t)now;
}

static _Atomic uint64_t *stamp_at(const struct usage *usage, uint64_t serial)
{
    return &usage->stamps[serial % STAMPS];
}

/* Less than the interval apart? Either may be later, because clocks are set back. */
static bool near(uint64_t a, uint64_t b)
{
    return a - b < USAGE_INTERVAL || b - a < USAGE_INTERVAL;
}

static bool stamps_near(uint64_t a, uint64_t b)
{
    return a >> 32 == b >> 32 && near((uint32_t)a, (uint32_t)b);
}

void usage_start(struct usage *usage, const char *directory, const char *domain, const struct notice *notice)
{
    void *stamps = mmap(NULL, STAMPS * sizeof(*usage->stamps), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    usage->directory = directory;
    usage->domain = domain;
    usage->notice = notice;
    usage->stamps = stamps == MAP_FAILED ? NULL : stamps;
    atomic_init(&usage->failed, -USAGE_INTERVAL);
    atomic_init(&usage->complaint, 0);
}

void usage_stop(struct usage *usage)
{
    if (usage->stamps)
        munmap((void *)usage->stamps, STAMPS * sizeof(*usage->stamps));
    usage->stamps = NULL;
}

/* Warn once, until the reason changes. */
static void complain(struct usage *usage, int reason, const struct fault *fault)
{
    if (atomic_exchange_explicit(&usage->complaint, reason, memory_order_relaxed) != reason)
        notice_say(usage->notice, LOG_WARNING,
                   "%s/" USAGE_DIRECTORY "/%s.%u: %s; the last use of tokens is not noted", usage->directory,
                   usage->domain, (unsigned)geteuid(), fault->text);
}

/* A write beyond RLIMIT_FSIZE would end the process by a signal, even inside the file. */
static bool write_within_limit(int fd, const unsigned char *bytes, size_t length, off_t offset)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        (rlim_t)offset + length > limit.rlim_cur) {
        errno = EFBIG;
        return false;
    }
    errno = ENOSPC;
    return pwrite(fd, bytes, length, offset) == (ssize_t)length;
}

/*
 * Make sure that the file is of this store: a new file, or one of another store, gets a new head. Another
 * process of this user may do the same at the same time; so a new file is not truncated, and no note is lost.
 */
static bool claim(int fd, const char *storeid, int64_t now)
{
    unsigned char head[USAGE_HEAD], found[USAGE_HEAD];
    ssize_t got = pread(fd, found, sizeof(found), 0);

    usage_head(head, storeid, (uint64_t)now);
    if (got == sizeof(found) && memcmp(found, head, USAGE_ID) == 0)
        return true;
    return got >= 0 && (got < (ssize_t)sizeof(found) || ftruncate(fd, 0) == 0) &&
           fchmod(fd, 0640) == 0 && /* whatever the umask */
           write_within_limit(fd, head, sizeof(head), 0);
}

/* Another process, or this one before a fork, may have noted the use already. */
static bool write_slot(int fd, uint64_t serial, int64_t now)
{
    off_t offset = usage_offset(serial);
    unsigned char slot[USAGE_SLOT];

    if (pread(fd, slot, sizeof(slot), offset) == sizeof(slot) && near(usage_decode(slot), (uint64_t)now))
        return true;
    usage_encode(slot, (uint64_t)now);
    return write_within_limit(fd, slot, sizeof(slot), offset);
}

/* Open used/, for openat(2). -1 with fault and errno. */
static int open_directory(const struct usage *usage, struct fault *fault)
{
    struct storefile storefile = {.directory = usage->directory};
    struct stat status;
    int above = storefile_open_directory(&storefile, &status, fault), fd, error;

    if (above < 0)
        return -1;
    fd = openat(above, USAGE_DIRECTORY, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    error = errno;
    if (fd < 0)
        fault_set(fault, "cannot open its directory: %s", strerror(error));
    close(above);
    errno = error;
    return fd;
}

/* Open the file, or create it. Not always with O_CREAT: before Linux 6.12 it would wait, even if the file
 * exists, while somebody else creates a file in that directory. */
static int open_file(const struct usage *usage, int directory, struct fault *fault)
{
    char name[DOMAIN_NAME_MAX + 16];
    uid_t owner = geteuid();
    int fd;

    snprintf(name, sizeof(name), "%s.%u", usage->domain, (unsigned)owner);
    fd = usage_open(directory, name, owner, O_RDWR, fault);
    if (fd < 0 && errno == ENOENT)
        fd = usage_open(directory, name, owner, O_RDWR | O_CREAT, fault);
    return fd;
}

/* False with fault and errno. ENOENT: there is no directory used/. */
static bool write_down(const struct usage *usage, const char *storeid, uint64_t serial, int64_t now,
                       struct fault *fault)
{
    int directory = open_directory(usage, fault), fd, error;
    bool done;

    if (directory < 0)
        return false;
    fd = open_file(usage, directory, fault);
    error = errno;
    close(directory);
    errno = error;
    if (fd < 0)
        return false;
    done = (claim(fd, storeid, now) && write_slot(fd, serial, now)) ||
           fault_set(fault, "cannot write it: %s", strerror(errno));
    error = errno;
    close(fd);
    errno = error;
    return done;
}

void usage_note(struct usage *usage, const char *storeid, uint64_t serial, int64_t now)
{
    uint64_t stamp = stamp_of(serial, now), before;
    struct fault fault;
    int cancel_state;

    if (!usage->stamps || serial == 0 || usage_offset(serial) < 0)
        return;
    before = atomic_load_explicit(stamp_at(usage, serial), memory_order_relaxed);
    if (stamps_near(before, stamp) ||
        near((uint64_t)now, (uint64_t)atomic_load_explicit(&usage->failed, memory_order_relaxed)) ||
        !atomic_compare_exchange_strong_explicit(stamp_at(usage, serial), &before, stamp,
                                                 memory_order_relaxed, memory_order_relaxed))
        return;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    if (!write_down(usage, storeid, serial, now, &fault)) {
        atomic_store_explicit(&usage->failed, now, memory_order_relaxed);
        if (errno != ENOENT) /* ENOENT: the tool has not yet created the directory */
            complain(usage, errno, &fault);
    }
    pthread_setcancelstate(cancel_state, NULL);
}
