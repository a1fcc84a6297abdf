#include "used.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GROWTH = 4096 }; /* bytes */

void used_open(struct used *used, const struct session *session, const char *storeid)
{
    struct place place;
    struct stat status;
    struct fault fault;

    used->fd = -1;
    used->first = used->count = 0;
    if (!session->domain->track_usage)
        return;
    usage_place(&place, session->config.store_dir, session->domain->name);
    used->fd = usage_open(&place, storeid, USAGE_ANY_SIZE, O_RDONLY, &status, &fault);
    if (used->fd < 0 && errno != ENOENT && errno != ESTALE)
        say("%s/%s: %s; no last use is shown", place.directory, place.name, fault.text);
}

void used_close(struct used *used)
{
    if (used->fd >= 0)
        close(used->fd);
}

static void move_window(struct used *used, uint64_t serial)
{
    ssize_t got = -1;

    used->first = serial;
    if (serial < (uint64_t)INT64_MAX / USAGE_SLOT)
        got = pread(used->fd, used->slots, sizeof(used->slots), (off_t)(serial * USAGE_SLOT));
    used->count = got > 0 ? (size_t)got / USAGE_SLOT : 0;
}

uint64_t used_time(struct used *used, uint64_t serial)
{
    if (used->fd < 0)
        return 0;
    if (serial < used->first || serial - used->first >= used->count)
        move_window(used, serial);
    return used->count > 0 ? usage_decode(used->slots[serial - used->first]) : 0;
}

void used_show(struct record *record, uint64_t noted)
{
    record->used = usage_believed(noted, record->created, (int64_t)time(NULL));
}

/* The group is the store's, and the mode as it should be, whatever the umask. Where the group cannot be had,
 * the store's hosts only cannot note anything, and say so. */
static bool dress(int fd, const struct log *log)
{
    struct stat store;

    if (fstat(log->file, &store) < 0 || (fchown(fd, (uid_t)-1, store.st_gid) < 0 && errno != EPERM))
        return false;
    return fchmod(fd, 0660) == 0;
}

/* The new file appears complete, in the place of one that is not this store's. Nothing is synced: a hint may
 * be lost. */
static bool make(const struct log *log, const struct place *place, const char *storeid, off_t size)
{
    char name[sizeof(place->name) + 8];
    unsigned char mark[USAGE_SLOT];
    bool made;
    int fd, error;

    snprintf(name, sizeof(name), ".%s.new", place->name);
    unlinkat(log->directory, name, 0); /* what a crash may have left */
    fd = openat(log->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    usage_mark(mark, storeid);
    made = dress(fd, log) && ftruncate(fd, size) == 0 && pwrite(fd, mark, sizeof(mark), 0) == sizeof(mark) &&
           renameat(log->directory, name, log->directory, place->name) == 0;
    error = errno;
    close(fd);
    if (!made)
        unlinkat(log->directory, name, 0);
    errno = error;
    return made;
}

static bool provide(const struct log *log, const struct place *place, const char *storeid, off_t size,
                    struct fault *fault)
{
    struct stat status;
    int fd = usage_open(place, storeid, USAGE_ANY_SIZE, O_RDWR, &status, fault);
    bool good;

    if (fd < 0 && errno != ENOENT && errno != ESTALE)
        return false;
    good = fd < 0 ? make(log, place, storeid, size) : status.st_size >= size || ftruncate(fd, size) == 0;
    if (!good)
        fault_set(fault, "it cannot be %s: %s", fd < 0 ? "made" : "made longer", strerror(errno));
    if (fd >= 0)
        close(fd);
    return good;
}

void used_provide(struct log *log, const char *storeid, uint64_t last)
{
    uint64_t slots = (last / (GROWTH / USAGE_SLOT) + 1) * (GROWTH / USAGE_SLOT);
    struct place place;
    struct fault fault;

    usage_place(&place, log->place.directory, log->domain);
    if (slots > (uint64_t)INT64_MAX / USAGE_SLOT)
        slots = (uint64_t)INT64_MAX / USAGE_SLOT;
    if (!provide(log, &place, storeid, (off_t)(slots * USAGE_SLOT), &fault))
        fault_set(&log->aside, "%s/%s: %s; the last use of tokens is not noted", place.directory, place.name,
                  fault.text);
}
