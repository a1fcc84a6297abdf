/*
 * Could somebody else have replaced the file at a path?
 *
 * Whoever can write a directory can rename its files and put others in their place, however well these files
 * are protected. So trust_path() follows a path as the kernel does, name by name and symbolic link by
 * symbolic link, and checks each directory before it looks up a name there. Such a directory MUST
 * - belong to root or to the process's effective user, and
 * - be writable by nobody else: not by others, and by no group but gid 0 (an ACL shows in the group's bits).
 * It may be writable if it is sticky, or on a read-only mount (Kubernetes' volumes have the mode 0777). What
 * the path finds in a sticky directory MUST belong to root or to the effective user too, since anybody could
 * have created it.
 *
 * This takes no descriptor, because a host may have none left: once a directory is trusted, only root and the
 * effective user can change what the next name in it leads to. This holds for "/" and so, step by step, for
 * the whole path, which therefore still leads there when the caller opens it.
 *
 * The owner of the store is not trusted with the directories above it, on purpose: whoever owns one of these
 * can replace everything below it with their own files, and then is that owner.
 *
 * In a user namespace that does not map the host's root, the host's files belong to the overflow uid; there
 * the owner of "/" counts as root. /proc, which belongs to the host's root, shows such a namespace:
 * /proc/self/uid_map would take a descriptor, and does not know the outer namespaces. /proc is examined only
 * if "/" does not belong to uid 0, and each time, so that the answer is right after fork(2) and unshare(2).
 */
#ifndef TRUST_H
#define TRUST_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "fault.h"

/* The end of a path. */
struct destination {
    char path[PATH_MAX]; /* absolute, without symbolic links, "." and ".." */
    struct stat status;  /* its lstat(2); all zeros after a fault */
};

/*
 * Follow an absolute path to its end, including a symbolic link there, and check each directory on the way.
 * The caller checks the file at the end. Thread-safe.
 *
 * False with fault and errno: EPERM if a directory cannot be trusted (the fault names it, its owner and its
 * mode, and says what to do); otherwise that of lstat(2).
 */
bool trust_path(struct destination *destination, const char *path, struct fault *fault);

#endif
