#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "header.h"

static int64_t patience = LOCK_SECONDS * SECOND;
static bool shared; /* the patience, by all locks of this process */

void lock_wait_once(void)
{
    shared = true;
}

static void fault_held(struct fault *fault, int lock)
{
    const char *advice = "try again";
    char text[48], by[64] = "";
    ssize_t got = pread(lock, text, sizeof(text) - 1, 0);
    long pid = 0, uid = 0;

    text[got > 0 ? got : 0] = '\0';
    if (sscanf(text, "%ld %ld", &pid, &uid) == 2) {
        snprintf(by, sizeof(by), " by process %ld of uid %ld", pid, uid);
        advice = "try again, or find out what that process is doing";
    }
    if (patience == LOCK_SECONDS * SECOND)
        fault_set(fault, "has been locked for more than %d seconds%s: %s", LOCK_SECONDS, by, advice);
    else
        fault_set(fault, "is locked%s, and the %d seconds to wait for locks are over: %s", by, LOCK_SECONDS,
                  advice);
}

static enum status open_lock(int *lock, int directory, const char *name, const struct stat *directory_status,
                             struct fault *fault)
{
    int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    struct stat status;

    /* without O_CREAT first: before Linux 6.12 that waits for anybody who reads the directory, even if the
     * lock exists */
    *lock = openat(directory, name, flags);
    if (*lock < 0 && errno == ENOENT)
        *lock = openat(directory, name, flags | O_CREAT, 0600);
    if (*lock < 0 && errno != ELOOP && errno != EISDIR && errno != ENXIO) {
        fault_set(fault, "cannot open its lock %s: %s%s", name, strerror(errno),
                  errno == EACCES ? ": only the owner of the store can change it" : "");
        return errno == EACCES ? STATUS_NOT_PERMITTED : STATUS_CANNOT_CREATE;
    }
    if (*lock >= 0 && fstat(*lock, &status) < 0) {
        fault_set(fault, "cannot stat its lock %s: %s", name, strerror(errno));
        return STATUS_IO;
    }
    /* a second link does not count: where fs.protected_hardlinks is 0, any member of the group can make one
     */
    if (*lock >= 0 && S_ISREG(status.st_mode) &&
        (status.st_uid == 0 || status.st_uid == directory_status->st_uid))
        return STATUS_DONE;
    fault_set(fault, "its lock %s is not a regular file of the directory's owner: move it away", name);
    return STATUS_NOT_PERMITTED;
}

/* Try to lock the open file. STATUS_LOCKED: somebody else has locked it, or the name now leads to another
 * file, and *lock was closed. */
static enum status try(int *lock, int directory, const char *name, struct fault *fault)
{
    struct stat held, there;

    if (flock(*lock, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK || errno == EINTR) {
            fault_held(fault, *lock);
            return STATUS_LOCKED;
        }
        fault_set(fault, "cannot lock %s: %s", name, strerror(errno));
        return STATUS_IO;
    }
    /* if somebody removed the name, others lock a new file */
    if (fstat(*lock, &held) == 0 && fstatat(directory, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
        held.st_ino == there.st_ino && held.st_dev == there.st_dev)
        return STATUS_DONE;
    close(*lock);
    *lock = -1;
    fault_set(fault, "%s keeps being replaced: try again", name);
    return STATUS_LOCKED;
}

/* Between two tries to take it. */
static const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};

enum status lock_take(int *lock, int directory, const char *domain, const struct stat *directory_status,
                      struct fault *fault)
{
    int64_t begun = clock_now(), end = begun + patience;
    enum status status = STATUS_DONE;
    char name[DOMAIN_NAME_MAX + 8], who[48];
    int length;

    snprintf(name, sizeof(name), "%s.lock", domain);
    *lock = -1;
    /* poll: only a signal could end a blocking flock(), and the caller may have blocked signals */
    for (;;) {
        if (*lock < 0)
            status = open_lock(lock, directory, name, directory_status, fault);
        if (status == STATUS_DONE || status == STATUS_LOCKED)
            status = try(lock, directory, name, fault);
        if (status != STATUS_LOCKED || clock_now() >= end)
            break;
        nanosleep(&moment, NULL);
    }
    if (shared)
        patience -= clock_now() < end ? clock_now() - begun : patience;
    if (status == STATUS_DONE) {
        fchmod(*lock, 0600); /* a copied or restored lock may have another mode */
        length = snprintf(who, sizeof(who), "%ld %ld\n", (long)getpid(), (long)getuid());
        if (ftruncate(*lock, 0) == 0 && pwrite(*lock, who, (size_t)length, 0) != length)
            errno = 0; /* only a hint for whoever has to wait, so a failure is ignored */
    } else if (*lock >= 0) {
        close(*lock);
        *lock = -1;
    }
    return status;
}

void lock_release(int lock)
{
    if (lock < 0)
        return;
    if (ftruncate(lock, 0) < 0)
        errno = 0; /* then the next message may name the wrong process */
    close(lock);
}

void lock_let_others(void)
{
    for (int i = 0; i < 5; i++)
        nanosleep(&moment, NULL);
}
