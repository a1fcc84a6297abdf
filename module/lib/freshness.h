/* What fstat(2) said of the file when it was last read: written by one thread, compared by any number. */
#ifndef FRESHNESS_H
#define FRESHNESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Which file it is, and in which state: where any of these differs, something has happened. */
struct identity {
    uint64_t device, inode, size, links;
    int64_t changed; /* ctime in nanoseconds */
};

struct identity identity_of(const struct stat *status);
bool identity_equal(const struct identity *a, const struct identity *b);
bool identity_same_file(const struct identity *a, const struct identity *b);

/* Is this the same file? */
bool same_file(const struct stat *a, const struct stat *b);

struct freshness {
    _Atomic unsigned version; /* odd while it is being written */
    _Atomic uint64_t device, inode, size, links;
    _Atomic int64_t changed;
};

/* By the thread that holds the lock of refreshing. */
void freshness_publish(struct freshness *seen, const struct identity *identity);

/* False also while it is being written. */
bool freshness_equals(struct freshness *seen, const struct identity *identity);

#endif
