/*
 * Could somebody have put something else where a path leads?
 *
 * Whoever can write a directory can rename what is in it and put something else in its place, however well
 * that is protected itself. So a path is followed here as the kernel follows it, name by name and symbolic
 * link by symbolic link, and each directory is judged before a name is looked up in it. Such a directory MUST
 * - belong to root or to the process's effective user, and
 * - be writable by nobody else: not by others, and by no group but gid 0 (an ACL shows in the group's bits).
 * It may be writable if it is sticky, or on a read-only mount (Kubernetes' volumes have the mode 0777). What
 * is found in a sticky one MUST belong to root or to the effective user too: else anybody could have made it.
 *
 * A host may have no descriptor left, and none is needed: once a directory is found trusted, nobody but root
 * and the effective user can change what the next name in it leads to. This holds for "/" and so, step by
 * step, for the whole path, which therefore still leads there when the caller opens it.
 *
 * That the owner of the store is not trusted with the directories above it is on purpose. Whoever owns one of
 * these can replace all that is below it by files of their own, and then is that owner.
 *
 * In a user namespace that does not map the host's root, the host's files belong to the overflow uid; there
 * the owner of "/" counts as root. Such a namespace is known by /proc, which belongs to the host's root:
 * /proc/self/uid_map would take a descriptor, and knows nothing of the namespaces further out. /proc is
 * looked at only where "/" does not belong to uid 0, and each time, so the answer is right after fork(2) and
 * unshare(2) too.
 */
#ifndef TRUST_H
#define TRUST_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "fault.h"

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
