#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "header.h"

static void wake_up(int signal)
{
    (void)signal;
}

/* flock() that gives up: SIGALRM interrupts it. */
static bool wait_for(int lock)
{
    struct sigaction wake = {.sa_handler = wake_up}, before;
    bool taken;
    int error;

    sigemptyset(&wake.sa_mask);
    sigaction(SIGALRM, &wake, &before);
    alarm(LOCK_SECONDS);
    taken = flock(lock, LOCK_EX) == 0;
    error = errno;
    alarm(0);
    sigaction(SIGALRM, &before, NULL);
    errno = error;
    return taken;
}

/* "pid uid", for whoever has to wait. A hint: that it cannot be written does not matter. */
static void say_who(int lock)
{
    char text[48];
    int length = snprintf(text, sizeof(text), "%ld %ld\n", (long)getpid(), (long)getuid());

    if (ftruncate(lock, 0) == 0 && pwrite(lock, text, (size_t)length, 0) != length)
        errno = 0;
}

static void fault_held(struct fault *fault, int lock)
{
    char text[48];
    ssize_t got = pread(lock, text, sizeof(text) - 1, 0);
    long pid = 0, uid = 0;

    text[got > 0 ? got : 0] = '\0';
    if (sscanf(text, "%ld %ld", &pid, &uid) == 2)
        fault_set(fault,
                  "it is locked since more than %d seconds by process %ld of uid %ld: try again, or see what "
                  "that does",
                  LOCK_SECONDS, pid, uid);
    else
        fault_set(fault, "it is locked since more than %d seconds", LOCK_SECONDS);
}

static enum status take(int lock, const char *name, const struct stat *directory_status, struct fault *fault)
{
    struct stat status;

    if (fstat(lock, &status) < 0 || !S_ISREG(status.st_mode) ||
        (status.st_uid != 0 && status.st_uid != directory_status->st_uid)) {
        fault_set(fault, "its lock %s is not a regular file of the directory's owner: move it away", name);
        return STATUS_NOT_PERMITTED;
    }
    if (!wait_for(lock)) {
        if (errno == EINTR) {
            fault_held(fault, lock);
            return STATUS_LOCKED;
        }
        fault_set(fault, "cannot lock %s: %s", name, strerror(errno));
        return STATUS_IO;
    }
    fchmod(lock, 0600); /* one that was copied or restored may have another mode */
    say_who(lock);
    return STATUS_DONE;
}

enum status lock_take(int *lock, int directory, const char *domain, const struct stat *directory_status,
                      struct fault *fault)
{
    char name[DOMAIN_NAME_MAX + 8];
    enum status status;

    snprintf(name, sizeof(name), "%s.lock", domain);
    *lock = openat(directory, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
    if (*lock < 0) {
        fault_set(fault, "cannot open its lock %s: %s%s", name, strerror(errno),
                  errno == EACCES ? ": you may not change this store" : "");
        return errno == EACCES || errno == ELOOP ? STATUS_NOT_PERMITTED : STATUS_CANNOT_CREATE;
    }
    status = take(*lock, name, directory_status, fault);
    if (status != STATUS_DONE) {
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
        errno = 0; /* whoever waits next may be told of the wrong process */
    close(lock);
}
