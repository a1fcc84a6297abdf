#include "store/newfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "crypto.h"
#include "terminal/say.h"

enum { SECRET_SIZE = 16, SECRET_HEX = 2 * SECRET_SIZE, ACCESS_LIST_MAX = 64 * 1024 };

/* Remove what killed writers of the same target left: files with such a name as newfile_begin() chooses.
 * Other stores' writers may be using theirs. A failure is ignored. */
static void remove_leftovers(int directory, const char *target)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    size_t length = strlen(target);
    unsigned char secret[SECRET_SIZE];
    const struct dirent *entry;

    while (entries && (entry = readdir(entries)) != NULL) {
        const char *name = entry->d_name;

        if (name[0] == '.' && strncmp(name + 1, target, length) == 0 &&
            strncmp(name + 1 + length, ".new-", 5) == 0 && strlen(name + 6 + length) == SECRET_HEX &&
            hex_decode(secret, name + 6 + length, SECRET_SIZE))
            unlinkat(directory, name, 0);
    }
    if (entries)
        closedir(entries);
    else if (fd >= 0)
        close(fd);
}

static const struct newfile *unfinished;

/* The tool may run out of memory, and exit, while somebody fills a file. */
static void remove_unfinished(void)
{
    if (unfinished)
        unlinkat(unfinished->directory, unfinished->name, 0);
}

bool newfile_begin(struct newfile *newfile, int directory, const char *target)
{
    static bool registered;
    unsigned char secret[SECRET_SIZE];
    char hex[SECRET_HEX + 1] = "";

    *newfile = (struct newfile){.directory = directory, .target = target};
    remove_leftovers(directory, target);
    /* ".example.com.tokens.new-" and random digits: never a store's name, and nobody can guess it */
    crypto_random_bytes(secret, sizeof(secret));
    hex_encode(hex, secret, sizeof(secret));
    snprintf(newfile->name, sizeof(newfile->name), ".%s.new-%s", newfile->target, hex);
    newfile->buffer =
        must_have(malloc(NEWFILE_BUFFER)); /* before there is a file that would be left behind */
    newfile->fd = openat(directory, newfile->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (newfile->fd < 0) {
        free(newfile->buffer);
        return false;
    }
    unfinished = newfile;
    registered = registered || atexit(remove_unfinished) == 0;
    return true;
}

/* The group bits of a file with such a list are its mask: without the list they would be the group's rights.
 * A new file has the directory's default list, which would let in others than the old file did. */
static bool keep_access_list(int fd, int as)
{
    static const char name[] = "system.posix_acl_access";
    static char list[ACCESS_LIST_MAX]; /* too large for a small stack */
    ssize_t size = fgetxattr(as, name, list, sizeof(list));

    if (size < 0 && errno == EOPNOTSUPP)
        return true;
    if (size < 0)
        return errno == ENODATA && (fremovexattr(fd, name) == 0 || errno == ENODATA);
    return fsetxattr(fd, name, list, (size_t)size, 0) == 0;
}

/* The owner first: changing it clears mode bits. The mode last: it is the list's mask. */
bool newfile_dress(struct newfile *newfile, int as)
{
    struct stat now, old;

    if (fstat(newfile->fd, &now) < 0 || fstat(as, &old) < 0)
        return false;
    if ((now.st_uid != old.st_uid || now.st_gid != old.st_gid) &&
        fchown(newfile->fd, old.st_uid, old.st_gid) < 0)
        return false;
    return keep_access_list(newfile->fd, as) && fchmod(newfile->fd, old.st_mode & 07777) == 0;
}

bool newfile_dress_first(struct newfile *newfile, gid_t group)
{
    return (fchown(newfile->fd, (uid_t)-1, group) == 0 || errno == EPERM) && fchmod(newfile->fd, 0640) == 0;
}

void newfile_skip(struct newfile *newfile, size_t length)
{
    newfile->end += length;
}

bool newfile_fill(struct newfile *newfile, const char *bytes, size_t length, uint64_t offset)
{
    return write_all(newfile->fd, bytes, length, offset);
}

static bool flush(struct newfile *newfile)
{
    size_t length = newfile->buffered;

    newfile->buffered = 0;
    return write_all(newfile->fd, newfile->buffer, length, newfile->end - length);
}

bool newfile_add(struct newfile *newfile, const char *bytes, size_t length)
{
    while (length > 0) {
        size_t piece = length < NEWFILE_BUFFER ? length : NEWFILE_BUFFER;

        if (piece > NEWFILE_BUFFER - newfile->buffered && !flush(newfile))
            return false;
        memcpy(newfile->buffer + newfile->buffered, bytes, piece);
        newfile->buffered += piece;
        newfile->end += piece;
        bytes += piece;
        length -= piece;
    }
    return true;
}

bool newfile_finish(struct newfile *newfile)
{
    return flush(newfile) && fsync(newfile->fd) == 0;
}

static void end(struct newfile *newfile)
{
    int error = errno;

    unfinished = NULL;
    close(newfile->fd);
    free(newfile->buffer);
    errno = error;
}

/* That there is no store yet may have been an error of the disk, or somebody may restore a backup right now:
 * the first store must not replace either. Some file systems cannot tell (EINVAL). */
static bool name_it(const struct newfile *newfile)
{
    int directory = newfile->directory;

    if (newfile->first) {
        if (renameat2(directory, newfile->name, directory, newfile->target, RENAME_NOREPLACE) == 0)
            return true;
        if (errno != EINVAL && errno != ENOSYS)
            return false;
    }
    return renameat(directory, newfile->name, directory, newfile->target) == 0;
}

enum installed newfile_install(struct newfile *newfile)
{
    bool synced;

    if (!name_it(newfile)) {
        newfile_abandon(newfile);
        return INSTALL_FAILED;
    }
    synced = sync_directory(newfile->directory);
    end(newfile);
    return synced ? INSTALLED : INSTALL_UNKNOWN;
}

void newfile_abandon(struct newfile *newfile)
{
    int error = errno;

    unlinkat(newfile->directory, newfile->name, 0);
    errno = error;
    end(newfile);
}
