#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

/* Stamps of serials that are this far apart lie in the same place: who thus loses its own is still noted only
 * once a minute, since the file is asked before it is written. */
enum { STAMPS = 1 << 20 };

/* A stamp: the part of a serial that its place does not tell, and the time, 32 bits each. */
static uint64_t stamp_of(uint64_t serial, int64_t now)
{
    return (uint64_t)(uint32_t)(serial / STAMPS) << 32 | (uint32_t)now;
}

static _Atomic uint64_t *stamp_at(const struct usage *usage, uint64_t serial)
{
    return &usage->stamps[serial % STAMPS];
}

/* Less than the interval apart? Either may be the later: clocks are set. */
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

    usage_place(&usage->place, directory, domain);
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

/* Said once for each reason, as long as that is the reason. */
static void complain(struct usage *usage, int reason, const struct fault *fault)
{
    if (atomic_exchange_explicit(&usage->complaint, reason, memory_order_relaxed) != reason)
        notice_say(usage->notice, LOG_WARNING, "%s/%s: %s; the last use of tokens is not noted",
                   usage->place.directory, usage->place.name, fault->text);
}

/* A write at or beyond this limit would end the process by a signal, even inside the file. */
static bool within_limit(off_t end)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
           (limit.rlim_cur == RLIM_INFINITY || (rlim_t)end <= limit.rlim_cur);
}

/* Another process, or this one before a fork, may have noted it meanwhile. */
static bool write_slot(int fd, uint64_t serial, int64_t now, struct fault *fault)
{
    off_t offset = (off_t)(serial * USAGE_SLOT);
    unsigned char slot[USAGE_SLOT];
    ssize_t got = pread(fd, slot, sizeof(slot), offset);

    if (got == sizeof(slot) && near(usage_decode(slot), (uint64_t)now))
        return true;
    usage_encode(slot, (uint64_t)now);
    errno = got < 0 ? errno : EFBIG;
    if (got == sizeof(slot) && within_limit(offset + USAGE_SLOT)) {
        errno = ENOSPC;
        if (pwrite(fd, slot, sizeof(slot), offset) == sizeof(slot))
            return true;
    }
    return fault_set(fault, "it cannot be written: %s", strerror(errno));
}

/* False with fault and errno. */
static bool write_down(const struct usage *usage, const char *storeid, uint64_t last_line, uint64_t serial,
                       int64_t now, struct fault *fault)
{
    struct stat status;
    int fd = usage_open(&usage->place, storeid, usage_size_max(last_line), O_RDWR, &status, fault), error;
    bool done;

    if (fd < 0)
        return false;
    /* that there is no slot is the matter of this token alone, and not said: others can be noted */
    done = serial >= (uint64_t)status.st_size / USAGE_SLOT || write_slot(fd, serial, now, fault);
    error = errno;
    close(fd);
    errno = error;
    return done;
}

void usage_note(struct usage *usage, const char *storeid, uint64_t last_line, uint64_t serial, int64_t now)
{
    uint64_t stamp = stamp_of(serial, now), before;
    struct fault fault;
    int cancel_state;

    if (!usage->stamps || serial == 0)
        return;
    before = atomic_load_explicit(stamp_at(usage, serial), memory_order_relaxed);
    if (stamps_near(before, stamp) ||
        near((uint64_t)now, (uint64_t)atomic_load_explicit(&usage->failed, memory_order_relaxed)) ||
        !atomic_compare_exchange_strong_explicit(stamp_at(usage, serial), &before, stamp,
                                                 memory_order_relaxed, memory_order_relaxed))
        return;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    if (!write_down(usage, storeid, last_line, serial, now, &fault)) {
        atomic_store_explicit(&usage->failed, now, memory_order_relaxed);
        complain(usage, errno, &fault);
    }
    pthread_setcancelstate(cancel_state, NULL);
}
