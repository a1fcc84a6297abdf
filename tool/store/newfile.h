/*
 * A file that takes the place of another, or of none, at once and complete: written under a name that nobody
 * guesses, synced, renamed.
 *
 * The writer MUST hold the lock of the store whose file it is: whatever an earlier one has left behind is
 * removed. Each function that returns false leaves errno, and the file that is to be replaced as it was, but
 * for newfile_install().
 */
#ifndef NEWFILE_H
#define NEWFILE_H

#include <sys/stat.h>

#include "store/disk.h"

enum { NEWFILE_NAME_SIZE = 160, NEWFILE_BUFFER = 256 * 1024 };

struct newfile {
    int directory, fd;
    const char *target;           /* the name whose place it is to take */
    char name[NEWFILE_NAME_SIZE]; /* that it has meanwhile */
    uint64_t end;                 /* behind what was added */
    size_t buffered;              /* of that, bytes that are not yet written */
    char *buffer;
};

/* Begin an empty file of mode 0600 beside the target, whose name is kept. If it returns true, one of
 * newfile_install() and newfile_abandon() ends it. */
bool newfile_begin(struct newfile *newfile, int directory, const char *target);

/* The owner, the group, the mode and the access control list of the file that `as` is open on, whatever the
 * umask; call it before the first byte. EPERM if they may not be given. */
bool newfile_dress(struct newfile *newfile, int as);

/* Leave that many bytes out, which newfile_fill() writes later. */
void newfile_skip(struct newfile *newfile, size_t length);
bool newfile_fill(struct newfile *newfile, const char *bytes, size_t length, uint64_t offset);

bool newfile_add(struct newfile *newfile, const char *bytes, size_t length);

/* Write and sync what was added, but leave the target alone. newfile->fd can be read then. */
bool newfile_finish(struct newfile *newfile);

enum installed {
    INSTALLED,       /* it has taken the target's place, and the disk has it */
    INSTALL_FAILED,  /* the target is what it was */
    INSTALL_UNKNOWN, /* it has taken its place, but after a crash the old file may be there again */
};

/* After newfile_finish(). It is ended, whatever is returned. */
enum installed newfile_install(struct newfile *newfile);
void newfile_abandon(struct newfile *newfile);

#endif
