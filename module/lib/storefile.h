/*
 * Where a store is, and whether what lies there may be trusted.
 *
 * A reader MUST NOT believe a file that anybody could have put there or changed but root, its own user and
 * the owner of the directory. It MUST check what it has opened, not what the path led to a moment ago;
 * trust.h says why the path still leads there.
 */
#ifndef STOREFILE_H
#define STOREFILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "fault.h"

struct storefile {
    const char *directory; /* absolute path */
    char name[80];         /* of the file in it */
};

/* The place of a domain's store. directory is kept, not copied. */
void storefile_of_domain(struct storefile *storefile, const char *directory, const char *domain);

/* May this directory, this store be trusted? Both descriptors' fstat(2). Else what is wrong, and what to do,
 * in fault. */
bool storefile_directory_trusted(struct fault *fault, const struct stat *directory);
bool storefile_trusted(struct fault *fault, const struct stat *store, const struct stat *directory);

/* Open the directory, for openat(2), if it and the path to it may be trusted. Returns a descriptor, or -1
 * with fault and errno (EPERM: not to be trusted). */
int storefile_open_directory(const struct storefile *storefile, struct stat *directory, struct fault *fault);

/* Open the store, if it and the path to it may be trusted; flags O_RDONLY or O_RDWR. Neither a symlink is
 * followed nor is a FIFO waited for. Returns a descriptor, or -1 with fault and errno (EPERM: not to be
 * trusted). */
int storefile_open(const struct storefile *storefile, int flags, struct stat *store, struct fault *fault);

/* What lies at the path now? Wants no descriptor: a host may have none left. False with fault and errno if it
 * is nothing that could be trusted. directory: of the directory, all zeros if the path to it cannot be
 * followed or trusted. */
bool storefile_look(const struct storefile *storefile, struct stat *store, struct stat *directory,
                    struct fault *fault);

#endif
