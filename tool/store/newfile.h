/*
 * A file that takes the place of another, or of none, at once and complete: written under a name that nobody
 * guesses, synced, renamed.
 *
 * The writer MUST hold the lock of the store whose file it is: whatever an earlier one has left behind is
 * removed. Each function that returns false leaves errno, and the file that is to be replaced as it was, but
 * for replacement_install().
 */
#ifndef REPLACE_H
#define REPLACE_H

#include <sys/stat.h>

#include "disk.h"

enum { REPLACEMENT_NAME_SIZE = 160, REPLACEMENT_BUFFER = 256 * 1024 };

struct replacement {
    int directory, fd;
    const char *target;               /* the name whose place it is to take */
    char name[REPLACEMENT_NAME_SIZE]; /* that it has meanwhile */
    uint64_t end;                     /* behind what was added */
    size_t buffered;                  /* of that, bytes that are not yet written */
    char *buffer;
};

/* Begin an empty file of mode 0600 beside the target, whose name is kept. If it returns true, one of
 * replacement_install() and replacement_abandon() ends it. */
bool replacement_begin(struct replacement *replacement, int directory, const char *target);

/* The owner, the group and the mode of another file, whatever the umask; call it before the first byte. EPERM
 * if they may not be given. */
bool replacement_dress(struct replacement *replacement, const struct stat *as);

/* Leave that many bytes out, which replacement_fill() writes later. */
void replacement_skip(struct replacement *replacement, size_t length);
bool replacement_fill(struct replacement *replacement, const char *bytes, size_t length, uint64_t offset);

bool replacement_add(struct replacement *replacement, const char *bytes, size_t length);

/* Write and sync what was added, but leave the target alone. replacement->fd can be read then. */
bool replacement_finish(struct replacement *replacement);

enum installed {
    INSTALLED,       /* it has taken the target's place, and the disk has it */
    INSTALL_FAILED,  /* the target is what it was */
    INSTALL_UNKNOWN, /* it has taken its place, but after a crash the old file may be there again */
};

/* After replacement_finish(). It is ended, whatever is returned. */
enum installed replacement_install(struct replacement *replacement);
void replacement_abandon(struct replacement *replacement);

#endif
