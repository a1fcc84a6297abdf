/* What fstat(2) said when the file was last read: one thread writes it, any number compare it. */
#ifndef FRESHNESS_H
#define FRESHNESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* A file and its state: if any of these differs, something has happened. */
struct identity {
    uint64_t device, inode, size, links;
    int64_t changed; /* ctime in nanoseconds */
};

struct identity identity_of(const struct stat *status);
bool identity_equal(const struct identity *a, const struct identity *b);
bool identity_same_file(const struct identity *a, const struct identity *b);

bool same_file(const struct stat *a, const struct stat *b);

struct freshness {
    _Atomic unsigned version; /* odd during a write */
    _Atomic uint64_t device, inode, size, links;
    _Atomic int64_t changed;
};

/* Only for the thread that holds the lock. */
void freshness_publish(struct freshness *seen, const struct identity *identity);

/* False also during a write. */
bool freshness_equals(struct freshness *seen, const struct identity *identity);

#endif
