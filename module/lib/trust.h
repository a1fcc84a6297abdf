/*
 * Could somebody have put something else where a path leads?
 *
 * Whoever can write a directory can rename what is in it and put something else in its place, however well
 * that is protected itself. So a path is followed here as the kernel follows it, name by name and symbolic
 * link by symbolic link, and each directory is judged before the next name is looked up in it. Such a
 * directory MUST
 * - belong to root or to the process's effective user, and
 * - be writable by nobody else: not by others, and by no group but gid 0 (an ACL shows in the group's bits);
 *   one that is sticky or on a read-only mount may be (Kubernetes mounts its volumes with the mode 0777).
 * What is found in a sticky directory that more people can write MUST belong to root or to the effective
 * user: else anybody could have made it.
 *
 * This needs no descriptor, of which a host may have none left, and loses nothing by it: once a directory is
 * found trusted, nobody but root and the effective user can change what the next name in it leads to; this
 * holds for "/" and so, step by step, for the whole path. It still leads there when the caller opens it.
 *
 * The owner of the file at the end is not asked for. Whoever owns a directory on the way can replace all that
 * is below it by files of his own, and would then be that owner.
 *
 * In a user namespace that does not map the host's root, the host's files belong to the overflow uid; there
 * the owner of "/" counts as root. Such a namespace is known by the owner of /proc, which is the host's root:
 * /proc/self/uid_map takes a descriptor, and knows nothing of the namespaces further out. This is asked only
 * where "/" does not belong to uid 0, and each time, so the answer is right after fork(2) and unshare(2) too.
 */
#ifndef TRUST_H
#define TRUST_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "notice.h"

/* Where a path leads. */
struct destination {
    char path[PATH_MAX]; /* absolute, without symbolic links, "." and ".." */
    struct stat status;  /* its lstat(2); all zeros if the path does not lead there */
};

/*
 * Follow an absolute path to its end, symbolic links there too, and judge each directory on the way. What the
 * path leads to is for the caller to judge. Thread-safe.
 *
 * False with fault and errno: EPERM if a directory must not be trusted: which, its owner, its mode, and what
 * to do; else that of lstat(2).
 */
bool trust_path(struct destination *destination, const char *path, struct fault *fault);

#endif
