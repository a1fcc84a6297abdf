#include "store/used.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "storefile.h"
#include "usage_file.h"

enum {
    WINDOW = 4096,   /* slots per read */
    PATIENCE = 1000, /* milliseconds, for all files of all domains */
};

/* The child's results, in shared memory. */
struct findings {
    int64_t since;
    struct use uses[];
};

void used_merge(int fd, const char *storeid, int64_t now, struct use *uses, size_t count, int64_t *since)
{
    unsigned char wanted[USAGE_HEAD], head[USAGE_HEAD], slots[WINDOW][USAGE_SLOT];
    uint64_t first = 0, held = 0, time;

    usage_head(wanted, storeid, 0);
    if (pread(fd, head, sizeof(head), 0) != sizeof(head) || memcmp(head, wanted, USAGE_ID) != 0)
        return;
    time = (uint64_t)usage_believed(usage_decode(head + USAGE_ID), 1, now);
    if (time > 0 && (*since == 0 || (int64_t)time < *since))
        *since = (int64_t)time;
    for (size_t i = 0; i < count; i++) {
        uint64_t serial = uses[i].serial;

        if (serial < first || serial - first >= held) {
            off_t offset = usage_offset(serial);
            ssize_t got = offset < 0 ? -1 : pread(fd, slots, sizeof(slots), offset);

            first = serial;
            held = got > 0 ? (uint64_t)got / USAGE_SLOT : 0;
        }
        /* skip an impossible time here, so that it hides no time from another host */
        time = held > 0 && serial > 0 ? (uint64_t)usage_believed(usage_decode(slots[serial - first]), 1, now)
                                      : 0;
        if (time > uses[i].time)
            uses[i].time = time;
    }
}

/* Merge the hosts' files of the domain, which are named DOMAIN.UID. */
static bool merge_all(int directory, const char *domain, const char *storeid, struct findings *findings,
                      size_t count)
{
    int64_t now = (int64_t)time(NULL);
    DIR *listing = fdopendir(directory);
    size_t length = strlen(domain);
    struct dirent *entry;
    struct fault fault;
    uint64_t owner;
    int fd;

    if (!listing)
        return false;
    while ((errno = 0, entry = readdir(listing))) {
        const char *name = entry->d_name;

        if (strncmp(name, domain, length) != 0 || name[length] != '.' ||
            !decimal_parse(span_of(name + length + 1), &owner) || owner > (uid_t)-1)
            continue;
        fd = usage_open(directory, name, (uid_t)owner, O_RDONLY, &fault);
        if (fd < 0)
            continue; /* not a host's file, or not readable for this caller */
        used_merge(fd, storeid, now, findings->uses, count, &findings->since);
        close(fd);
    }
    return errno == 0;
}

/* Wait for the child's answer, at most as long as time is left. If none comes, do not wait for the child
 * itself: it may hang for ever. */
static bool wait_for(pid_t child, int answer, int64_t *left)
{
    struct pollfd awaited = {.fd = answer, .events = POLLIN};
    int64_t end = clock_now() / MILLISECOND + *left;
    char byte;
    bool done;
    int ready;

    do {
        *left = end - clock_now() / MILLISECOND;
        ready = poll(&awaited, 1, *left > 0 ? (int)*left : 0);
    } while (ready < 0 && errno == EINTR);
    *left = end - clock_now() / MILLISECOND;
    done = ready > 0 && read(answer, &byte, 1) == 1;
    if (ready == 0)
        kill(child, SIGKILL);
    waitpid(child, NULL, done ? 0 : WNOHANG);
    return done;
}

/* False with fault. */
static bool read_by_child(int directory, const char *domain, const char *storeid, struct findings *findings,
                          size_t count, struct fault *fault)
{
    static int64_t left = PATIENCE;
    int ends[2];
    pid_t child;
    bool done;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return fault_set(fault, "cannot be read: %s", strerror(errno));
    child = fork();
    if (child == 0) {
        /* it may hang, so it must not keep a pipe or terminal open that somebody waits for */
        if (dup2(directory, 0) < 0 || dup2(ends[1], 1) < 0)
            _exit(1);
        closefrom(2);
        _exit(merge_all(0, domain, storeid, findings, count) && write(1, "", 1) == 1 ? 0 : 1);
    }
    if (child < 0)
        fault_set(fault, "cannot be read: %s", strerror(errno));
    close(ends[1]);
    done = child > 0 && wait_for(child, ends[0], &left);
    if (child > 0 && !done)
        fault_set(fault, left > 0 ? "cannot be read"
                                  : "reading took too long: `fuser -v` shows who has a file there open");
    close(ends[0]);
    return done;
}

int64_t used_read(const struct session *session, const char *storeid, struct use *uses, size_t count)
{
    static bool given_up;
    size_t size = sizeof(struct findings) + count * sizeof(*uses);
    char path[PATH_MAX];
    struct findings *findings;
    struct fault fault;
    int64_t since = 0;
    int directory;

    if (!session->domain->track_usage || count == 0 || given_up)
        return 0;
    snprintf(path, sizeof(path), "%s/" USAGE_DIRECTORY, session->config.store_dir);
    directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) /* not made yet, or not readable for this caller */
        return 0;
    findings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must_have(findings == MAP_FAILED ? NULL : findings);
    memcpy(findings->uses, uses, count * sizeof(*uses));
    if (read_by_child(directory, session->domain->name, storeid, findings, count, &fault)) {
        memcpy(uses, findings->uses, count * sizeof(*uses));
        since = findings->since;
    } else {
        given_up = true;
        say("%s: %s; no last use is shown", path, fault.text);
    }
    munmap(findings, size);
    close(directory);
    return since;
}

void used_show(struct record *record, uint64_t noted)
{
    record->used = usage_believed(noted, record->created, (int64_t)time(NULL));
}

/* above: the directory to make it in, with its fstat(2) result. False with errno. */
static bool make_directory(int above, const struct stat *status)
{
    mode_t umask_before = umask(0);
    struct stat made;
    int fd, error;
    bool good;

    /* if the directory above has the set-group-ID bit, the group is inherited and this is all */
    good = mkdirat(above, USAGE_DIRECTORY, 01730) == 0;
    umask(umask_before);
    if (!good)
        return errno == EEXIST; /* another process was faster */
    fd = openat(above, USAGE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    good = fd >= 0 && fstat(fd, &made) == 0 &&
           (made.st_mode & S_ISGID || (fchown(fd, (uid_t)-1, status->st_gid) == 0 && fchmod(fd, 03730) == 0));
    error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return good;
}

void used_make_directory(const struct session *session)
{
    struct storefile storefile = {.directory = session->config.store_dir};
    static bool complained;
    struct fault fault;
    struct stat status, found;
    int above;

    if (!session->domain->track_usage || complained)
        return;
    above = storefile_open_directory(&storefile, &status, &fault);
    if (above < 0)
        return; /* the command itself reports why */
    /* look first: mkdir(2) would wait for anybody who reads the directory above */
    if (fstatat(above, USAGE_DIRECTORY, &found, AT_SYMLINK_NOFOLLOW) < 0 && !make_directory(above, &status)) {
        complained = true;
        say("%s/" USAGE_DIRECTORY ": cannot be created: %s; the last use of tokens is not noted",
            storefile.directory, strerror(errno));
    }
    close(above);
}
