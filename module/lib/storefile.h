/*
 * Finds the file of a store, and decides whether it can be trusted.
 *
 * A reader MUST NOT trust a file that could have been put there or changed by anybody but root, the reader's
 * own user and the owner of the directory. It MUST check the file that it has opened, not what the path led
 * to a moment ago; trust.h says why the path still leads there.
 */
#ifndef STOREFILE_H
#define STOREFILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "fault.h"

struct storefile {
    const char *directory; /* absolute path */
    char name[80];         /* of the file in that directory */
};

/* Set the path of a domain's store. directory is kept, not copied. */
void storefile_of_domain(struct storefile *storefile, const char *directory, const char *domain);

/* Can this directory, this store be trusted? The arguments are from fstat(2) or lstat(2). False: the
 * fault says what is wrong and what to do. */
bool storefile_directory_trusted(struct fault *fault, const struct stat *directory);
bool storefile_trusted(struct fault *fault, const struct stat *store, const struct stat *directory);

/* Open the directory, for openat(2), if it and the path to it can be trusted. Returns a descriptor, or -1
 * with fault and errno (EPERM: not trusted). */
int storefile_open_directory(const struct storefile *storefile, struct stat *directory, struct fault *fault);

/* Open the store, if it and the path to it can be trusted; flags: O_RDONLY or O_RDWR. Does not follow a
 * symbolic link, nor wait for a FIFO. Returns a descriptor, or -1 with fault and errno (EPERM: not trusted).
 */
int storefile_open(const struct storefile *storefile, int flags, struct stat *store, struct fault *fault);

/* Which file is at the path now? Needs no descriptor: a host may have none left. False with fault and errno
 * if there is no file, or it cannot be trusted. directory: lstat(2) of the directory; all zeros if the path
 * to it cannot be followed or trusted. */
bool storefile_look(const struct storefile *storefile, struct stat *store, struct stat *directory,
                    struct fault *fault);

#endif
