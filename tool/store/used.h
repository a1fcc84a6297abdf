/*
 * When tokens were last used, as far as hosts have noted it (usage_file.h). The tool makes the directory, and
 * only reads the files in it.
 *
 * Any member of the stores' group may put a file there, and stall every call on it for as long as he likes:
 * by a write of his own whose data come from a file system of his own, which holds the inode's lock. So the
 * lock of a store MUST NOT be held meanwhile, and the calls are made in a child process that gets one second.
 * A thread would not do: the kernel does not end a thread that waits for such a lock, and whoever waits for
 * the tool waits for all its threads.
 */
#ifndef USED_H
#define USED_H

#include "caller/session.h"
#include "record.h"

struct use {
    uint64_t serial;
    uint64_t time; /* the latest that a host has noted, in seconds since the epoch; 0: none */
};

/*
 * Set the time of each use, in any order but quick where serials rise, for the session's domain, whose store
 * has this id. Returns when the first host began to note them; 0: that is not known. Prints why nothing can
 * be known, unless no host notes anything, or the caller may not look.
 */
int64_t used_read(const struct session *session, const char *storeid, struct use *uses, size_t count);

/* One file of the store with this id: the later times of its own for uses, the earlier beginning for *since.
 * Where it is another store's, or ends early, less is set. */
void used_merge(int fd, const char *storeid, int64_t now, struct use *uses, size_t count, int64_t *since);

/* Set record->used to a time that was noted, if it can be believed. */
void used_show(struct record *record, uint64_t noted);

/* Where the session's domain tracks uses: have a directory for hosts to note them in. That it cannot be had
 * is printed, once. */
void used_make_directory(const struct session *session);

#endif
