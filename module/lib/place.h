/*
 * Where a store is, and whether what lies there may be trusted.
 *
 * A reader MUST NOT believe a file that anybody could have put there or changed but root, its own user and
 * the owner of the directory. It MUST check what it has opened, not what the path led to a moment ago;
 * trust.h says why the path still leads there.
 */
#ifndef PLACE_H
#define PLACE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "notice.h"

struct place {
    const char *directory; /* absolute path */
    char name[80];         /* of the file in it */
};

/* The place of a domain's store. directory is kept, not copied. */
void place_of_store(struct place *place, const char *directory, const char *domain);

/* May this directory, this store be trusted? Both descriptors' fstat(2). Else what is wrong, and what to do,
 * in fault. */
bool place_directory_trusted(struct fault *fault, const struct stat *directory);
bool place_store_trusted(struct fault *fault, const struct stat *store, const struct stat *directory);

/* Open the directory, for openat(2), if it and the path to it may be trusted. Returns a descriptor, or -1
 * with fault and errno (EPERM: not to be trusted). */
int place_open_directory(const struct place *place, struct stat *directory, struct fault *fault);

/* Open the store, if it and the path to it may be trusted; flags O_RDONLY or O_RDWR. Neither a symlink is
 * followed nor is a FIFO waited for. Returns a descriptor, or -1 with fault and errno (EPERM: not to be
 * trusted). */
int place_open(const struct place *place, int flags, struct stat *store, struct fault *fault);

/* What lies at the path now? Wants no descriptor: a host may have none left. False with fault and errno if it
 * is nothing that could be trusted. directory: of the directory, all zeros if the path to it cannot be
 * followed or trusted. */
bool place_look(const struct place *place, struct stat *store, struct stat *directory, struct fault *fault);

#endif
