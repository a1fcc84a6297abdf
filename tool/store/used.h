/*
 * When tokens were last used, as far as hosts have noted it (usage_file.h). The tool makes the directory and
 * only reads the files in it.
 *
 * Any member of the stores' group may put a file there and stall every call on it for as long as he likes: a
 * write whose data come from his own file system holds the inode's lock. So the tool MUST NOT read these
 * files while it holds a store's lock, and reads them in a child process that gets one second. A thread would
 * not do: the kernel cannot end a thread that waits for an inode's lock, and the process would not end before
 * its thread.
 */
#ifndef USED_H
#define USED_H

#include "caller/session.h"
#include "record.h"

struct use {
    uint64_t serial;
    uint64_t time; /* the latest that any host noted, in seconds since the epoch; 0: none */
};

/*
 * Set the time of each use for the session's domain, whose store has this id. Any order of serials will do;
 * rising is fastest. Returns when the first host began to note uses, or 0 if that is not known. Prints why
 * the files cannot be read, unless there are none, or the caller may not read them.
 */
int64_t used_read(const struct session *session, const char *storeid, struct use *uses, size_t count);

/* Merge one host's file: later times into uses, an earlier beginning into *since. Ignores a file of another
 * store, and slots after the file's end. */
void used_merge(int fd, const char *storeid, int64_t now, struct use *uses, size_t count, int64_t *since);

/* Set record->used to a noted time, if it is believable. */
void used_show(struct record *record, uint64_t noted);

/* If the session's domain tracks usage, make the directory in which hosts note it. Prints a failure, once. */
void used_make_directory(const struct session *session);

#endif
