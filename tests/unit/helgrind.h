/*
 * For a build that helgrind (valgrind) watches: it knows locks and threads, but takes an atomic of C11 for an
 * ordinary access. With -include of this file each atomic tells it what its memory order promises: what was
 * written before a release may be read after an acquire of the same object, and the object itself is nobody's
 * race. A relaxed access promises nothing.
 */
#ifndef HELGRIND_H
#define HELGRIND_H

#include <stdatomic.h>
#include <stddef.h>
#include <valgrind/helgrind.h>

#undef atomic_load
#undef atomic_load_explicit
#undef atomic_store
#undef atomic_store_explicit
#undef atomic_exchange
#undef atomic_exchange_explicit
#undef atomic_fetch_add
#undef atomic_fetch_sub
#undef atomic_fetch_sub_explicit
#undef atomic_compare_exchange_strong

static inline void before_atomic(const volatile void *object, size_t size, int order)
{
    VALGRIND_HG_DISABLE_CHECKING(object, size);
    if (order == memory_order_release || order == memory_order_acq_rel || order == memory_order_seq_cst)
        ANNOTATE_HAPPENS_BEFORE(object);
}

static inline void after_atomic(const volatile void *object, int order)
{
    if (order == memory_order_acquire || order == memory_order_acq_rel || order == memory_order_seq_cst)
        ANNOTATE_HAPPENS_AFTER(object);
}

/* builtin: gcc's function, which is given the object, the arguments and the order */
#define WATCHED(builtin, object, order, ...)                           \
    __extension__({                                                    \
        __auto_type object_ = (object);                                \
        before_atomic(object_, sizeof(*object_), order);               \
        __auto_type value_ = builtin(object_, ##__VA_ARGS__, (order)); \
        after_atomic(object_, order);                                  \
        value_;                                                        \
    })

/* A load releases nothing, and a store acquires nothing, in whichever order. */
#define atomic_load_explicit(object, order)                             \
    __extension__({                                                     \
        __auto_type object_ = (object);                                 \
        before_atomic(object_, sizeof(*object_), memory_order_relaxed); \
        __auto_type value_ = __atomic_load_n(object_, (order));         \
        after_atomic(object_, order);                                   \
        value_;                                                         \
    })
#define atomic_store_explicit(object, value, order)      \
    __extension__({                                      \
        __auto_type object_ = (object);                  \
        before_atomic(object_, sizeof(*object_), order); \
        __atomic_store_n(object_, (value), (order));     \
    })

#define atomic_load(object) atomic_load_explicit(object, memory_order_seq_cst)
#define atomic_store(object, value) atomic_store_explicit(object, value, memory_order_seq_cst)
#define atomic_exchange_explicit(object, value, order) WATCHED(__atomic_exchange_n, object, order, value)
#define atomic_exchange(object, value) atomic_exchange_explicit(object, value, memory_order_seq_cst)
#define atomic_fetch_add(object, value) WATCHED(__atomic_fetch_add, object, memory_order_seq_cst, value)
#define atomic_fetch_sub_explicit(object, value, order) WATCHED(__atomic_fetch_sub, object, order, value)
#define atomic_fetch_sub(object, value) atomic_fetch_sub_explicit(object, value, memory_order_seq_cst)
#define atomic_compare_exchange_strong(object, expected, value)                                          \
    __extension__({                                                                                      \
        __auto_type object_ = (object);                                                                  \
        before_atomic(object_, sizeof(*object_), memory_order_seq_cst);                                  \
        _Bool done_ = __atomic_compare_exchange_n(object_, (expected), (value), 0, memory_order_seq_cst, \
                                                  memory_order_seq_cst);                                 \
        after_atomic(object_, memory_order_seq_cst);                                                     \
        done_;                                                                                           \
    })

#endif
