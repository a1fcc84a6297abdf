#include "freshness.h"

struct identity identity_of(const struct stat *status)
{
    return (struct identity){
        .device = (uint64_t)status->st_dev,
        .inode = (uint64_t)status->st_ino,
        .size = (uint64_t)status->st_size,
        .links = (uint64_t)status->st_nlink,
        .changed =
            (int64_t)((uint64_t)status->st_ctim.tv_sec * 1000000000 + (uint64_t)status->st_ctim.tv_nsec),
    };
}

bool identity_same_file(const struct identity *a, const struct identity *b)
{
    return a->device == b->device && a->inode == b->inode;
}

bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool identity_equal(const struct identity *a, const struct identity *b)
{
    return identity_same_file(a, b) && a->size == b->size && a->links == b->links && a->changed == b->changed;
}

void freshness_publish(struct freshness *seen, const struct identity *identity)
{
    /* odd, even if a fork interrupted the last write */
    unsigned version = atomic_load_explicit(&seen->version, memory_order_relaxed) | 1;

    atomic_exchange_explicit(&seen->version, version, memory_order_acq_rel);
    atomic_store_explicit(&seen->device, identity->device, memory_order_release);
    atomic_store_explicit(&seen->inode, identity->inode, memory_order_release);
    atomic_store_explicit(&seen->size, identity->size, memory_order_release);
    atomic_store_explicit(&seen->links, identity->links, memory_order_release);
    atomic_store_explicit(&seen->changed, identity->changed, memory_order_release);
    atomic_store_explicit(&seen->version, version + 1, memory_order_release);
}

/* The loads acquire, so that the second load of the version comes last. */
bool freshness_equals(struct freshness *seen, const struct identity *identity)
{
    unsigned version = atomic_load_explicit(&seen->version, memory_order_acquire);
    struct identity last = {
        .device = atomic_load_explicit(&seen->device, memory_order_acquire),
        .inode = atomic_load_explicit(&seen->inode, memory_order_acquire),
        .size = atomic_load_explicit(&seen->size, memory_order_acquire),
        .links = atomic_load_explicit(&seen->links, memory_order_acquire),
        .changed = atomic_load_explicit(&seen->changed, memory_order_acquire),
    };

    return version % 2 == 0 && identity_equal(&last, identity) &&
           atomic_load_explicit(&seen->version, memory_order_relaxed) == version;
}
