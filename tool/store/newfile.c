#include "replace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto.h"
#include "say.h"

enum { SECRET_SIZE = 16, SECRET_HEX = 2 * SECRET_SIZE };

/* ".example.com.tokens.new-" and hexadecimal digits: a name that is no domain's, and that nobody can have put
 * something under. */
static void choose_name(struct replacement *replacement)
{
    unsigned char secret[SECRET_SIZE];
    char hex[SECRET_HEX + 1] = "";

    crypto_random_bytes(secret, sizeof(secret));
    hex_encode(hex, secret, sizeof(secret));
    snprintf(replacement->name, sizeof(replacement->name), ".%s.new-%s", replacement->target, hex);
}

/* Is this the name of such a file for the target? Those of other stores are none of our business: their
 * writers may be at work. */
static bool is_left_over(const char *name, const char *target)
{
    size_t length = strlen(target);
    unsigned char secret[SECRET_SIZE];

    return name[0] == '.' && strncmp(name + 1, target, length) == 0 &&
           strncmp(name + 1 + length, ".new-", 5) == 0 && strlen(name + 6 + length) == SECRET_HEX &&
           hex_decode(secret, name + 6 + length, SECRET_SIZE);
}

/* What writers that were killed have left. That one cannot be removed does not keep us from our work. */
static void remove_leftovers(int directory, const char *target)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    while (entries && (entry = readdir(entries)) != NULL)
        if (is_left_over(entry->d_name, target))
            unlinkat(directory, entry->d_name, 0);
    if (entries)
        closedir(entries);
    else if (fd >= 0)
        close(fd);
}

bool replacement_begin(struct replacement *replacement, int directory, const char *target)
{
    *replacement = (struct replacement){.directory = directory, .target = target};
    remove_leftovers(directory, target);
    choose_name(replacement);
    replacement->fd =
        openat(directory, replacement->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (replacement->fd < 0)
        return false;
    replacement->buffer = must_have(malloc(REPLACEMENT_BUFFER));
    return true;
}

/* The owner first: to change it takes bits of the mode away. */
bool replacement_dress(struct replacement *replacement, const struct stat *as)
{
    struct stat now;

    if (fstat(replacement->fd, &now) < 0)
        return false;
    if ((now.st_uid != as->st_uid || now.st_gid != as->st_gid) &&
        fchown(replacement->fd, as->st_uid, as->st_gid) < 0)
        return false;
    return fchmod(replacement->fd, as->st_mode & 07777) == 0;
}

void replacement_skip(struct replacement *replacement, size_t length)
{
    replacement->end += length;
}

bool replacement_fill(struct replacement *replacement, const char *bytes, size_t length, uint64_t offset)
{
    return write_all(replacement->fd, bytes, length, offset);
}

static bool flush(struct replacement *replacement)
{
    size_t length = replacement->buffered;

    replacement->buffered = 0;
    return write_all(replacement->fd, replacement->buffer, length, replacement->end - length);
}

/* length: at most REPLACEMENT_BUFFER */
static bool add_piece(struct replacement *replacement, const char *bytes, size_t length)
{
    if (length > REPLACEMENT_BUFFER - replacement->buffered && !flush(replacement))
        return false;
    memcpy(replacement->buffer + replacement->buffered, bytes, length);
    replacement->buffered += length;
    replacement->end += length;
    return true;
}

bool replacement_add(struct replacement *replacement, const char *bytes, size_t length)
{
    while (length > 0) {
        size_t piece = length < REPLACEMENT_BUFFER ? length : REPLACEMENT_BUFFER;

        if (!add_piece(replacement, bytes, piece))
            return false;
        bytes += piece;
        length -= piece;
    }
    return true;
}

bool replacement_finish(struct replacement *replacement)
{
    return flush(replacement) && fsync(replacement->fd) == 0;
}

static void end(struct replacement *replacement)
{
    int error = errno;

    close(replacement->fd);
    free(replacement->buffer);
    errno = error;
}

enum installed replacement_install(struct replacement *replacement)
{
    bool synced;

    if (renameat(replacement->directory, replacement->name, replacement->directory, replacement->target) <
        0) {
        replacement_abandon(replacement);
        return INSTALL_FAILED;
    }
    synced = sync_directory(replacement->directory);
    end(replacement);
    return synced ? INSTALLED : INSTALL_UNKNOWN;
}

void replacement_abandon(struct replacement *replacement)
{
    int error = errno;

    unlinkat(replacement->directory, replacement->name, 0);
    errno = error;
    end(replacement);
}
