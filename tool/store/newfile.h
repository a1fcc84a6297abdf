/*
 * Creates or replaces a file atomically: writes it under a name that nobody can guess, syncs it and renames
 * it.
 *
 * The writer MUST hold the lock of the store, for newfile_begin() removes what earlier writers left. Each
 * function that returns false sets errno and leaves the target unchanged.
 */
#ifndef NEWFILE_H
#define NEWFILE_H

#include <sys/stat.h>

#include "store/disk.h"

enum { NEWFILE_NAME_SIZE = 160, NEWFILE_BUFFER = 256 * 1024 };

struct newfile {
    int directory, fd;
    const char *target;           /* the name it will get */
    bool first;                   /* for the caller to set: it takes no other file's place */
    char name[NEWFILE_NAME_SIZE]; /* the name it has until then */
    uint64_t end;                 /* offset after what was added */
    size_t buffered;              /* the last bytes of that, not yet written */
    char *buffer;
};

/* Begin an empty file of mode 0600 beside the target. Keeps the pointer to the target's name. After true, the
 * caller calls newfile_install() or newfile_abandon(). */
bool newfile_begin(struct newfile *newfile, int directory, const char *target);

/* Give the file the owner, group, mode and access control list of the file that `as` is open on, whatever
 * the umask. Call it before the first byte. EPERM if the process may not give them. */
bool newfile_dress(struct newfile *newfile, int as);

/* Give it group and mode of a domain's first store, whatever the umask. If the group is not permitted, the
 * file keeps ours and is no less safe. */
bool newfile_dress_first(struct newfile *newfile, gid_t group);

/* Leave out that many bytes, for newfile_fill() to write later. */
void newfile_skip(struct newfile *newfile, size_t length);
bool newfile_fill(struct newfile *newfile, const char *bytes, size_t length, uint64_t offset);

bool newfile_add(struct newfile *newfile, const char *bytes, size_t length);

/* Write and sync what was added. Then newfile->fd can be read; the target is still unchanged. */
bool newfile_finish(struct newfile *newfile);

enum installed {
    INSTALLED,       /* in place, and durable */
    INSTALL_FAILED,  /* the target is unchanged */
    INSTALL_UNKNOWN, /* in place, but after a crash the old file may be back */
};

/* Put the file in place after newfile_finish(). INSTALL_FAILED with EEXIST: it is the first, and another file
 * is there. Releases newfile whatever is returned. */
enum installed newfile_install(struct newfile *newfile);
void newfile_abandon(struct newfile *newfile);

#endif
