/* Allocations that fail as planned, are filled with rubbish, and are looked for at the end. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <libconfig.h>
#include <link.h>
#include <locale.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "shim.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);
extern void *__libc_stack_end;

enum { BLOCKS = 1 << 15, FRESH = 0xA5, FREED = 0xDD };

#define SHOWN __attribute__((visibility("default")))
#define CALLER ((uintptr_t)__builtin_return_address(0))

/* The live blocks, hashed by address; address 1: one was here. */
static struct block {
    uintptr_t address, caller;
    size_t size;
    bool seen, of_others;
} blocks[BLOCKS];
static size_t live;
static atomic_flag busy = ATOMIC_FLAG_INIT;
static bool too_many; /* then nothing is known any more */
static int depth;     /* of calls into what crashes or loses memory if it gets none */

bool in_others(void)
{
    return depth > 0;
}

static void lock(void)
{
    while (atomic_flag_test_and_set(&busy))
        continue;
}

static void unlock(void)
{
    atomic_flag_clear(&busy);
}

static size_t place_of(uintptr_t address)
{
    return (size_t)((address >> 4) * 0x9E3779B97F4A7C15ULL >> (64 - 15));
}

static struct block *find(uintptr_t address)
{
    size_t at = place_of(address);

    for (size_t i = 0; i < BLOCKS && blocks[at].address != 0; i++, at = (at + 1) % BLOCKS)
        if (blocks[at].address == address)
            return &blocks[at];
    return NULL;
}

static void note(void *made, size_t size, uintptr_t caller)
{
    size_t at = place_of((uintptr_t)made);

    if (!made || !control)
        return;
    lock();
    too_many |= ++live > BLOCKS / 2;
    while (!too_many && blocks[at].address > 1)
        at = (at + 1) % BLOCKS;
    if (!too_many)
        blocks[at] = (struct block){(uintptr_t)made, caller, size, false, in_others()};
    unlock();
}

static size_t forget(void *block)
{
    struct block *found;
    size_t size = 0;

    lock();
    found = block ? find((uintptr_t)block) : NULL;
    if (found) {
        live--;
        found->address = 1;
        size = found->size;
    }
    unlock();
    return size;
}

static size_t descriptors(void)
{
    DIR *entries = opendir("/proc/self/fd");
    size_t count = 0;

    while (entries && readdir(entries))
        count++;
    if (entries)
        closedir(entries);
    return count;
}

static size_t descriptors_held, blocks_held;

SHOWN void fault_note_held(void)
{
    descriptors_held = descriptors();
    blocks_held = live;
}

SHOWN void fault_print_lost(void)
{
    printf("lost %zu descriptors and %zu blocks\n", descriptors() - descriptors_held, live - blocks_held);
}

static bool refused(void)
{
    if (in_others() || !is_planned(MEMORY, 0))
        return false;
    errno = ENOMEM;
    return true;
}

SHOWN void *malloc(size_t size)
{
    void *made = refused() ? NULL : __libc_malloc(size);

    if (made)
        memset(made, FRESH, size);
    note(made, size, CALLER);
    return made;
}

SHOWN void *calloc(size_t count, size_t size)
{
    void *made = refused() ? NULL : __libc_calloc(count, size);

    note(made, count * size, CALLER);
    return made;
}

static void *resize(void *block, size_t size, uintptr_t caller)
{
    void *made;
    size_t old;

    if (refused())
        return NULL;
    old = forget(block);
    made = __libc_realloc(block, size);
    if (made || size == 0)
        note(made, size, caller);
    else
        note(block, old, caller);
    return made;
}

SHOWN void *realloc(void *block, size_t size)
{
    return resize(block, size, CALLER);
}

SHOWN void *reallocarray(void *block, size_t count, size_t size)
{
    size_t bytes;

    if (!__builtin_mul_overflow(count, size, &bytes))
        return resize(block, bytes, CALLER);
    errno = ENOMEM;
    return NULL;
}

static void *make_aligned(size_t alignment, size_t size, uintptr_t caller)
{
    void *made = refused() ? NULL : __libc_memalign(alignment, size);

    note(made, size, caller);
    return made;
}

SHOWN void *aligned_alloc(size_t alignment, size_t size)
{
    return make_aligned(alignment, size, CALLER);
}

SHOWN int posix_memalign(void **block, size_t alignment, size_t size)
{
    *block = make_aligned(alignment, size, CALLER);
    return *block ? 0 : ENOMEM;
}

SHOWN void free(void *block)
{
    size_t size = forget(block);

    if (size > 0)
        memset(block, FREED, size);
    __libc_free(block);
}

/* ---- what nothing refers to ---- */

static void look_at(const void *from, const void *to)
{
    const uintptr_t *word = (const uintptr_t *)(((uintptr_t)from + 7) & ~(uintptr_t)7);

    for (; word + 1 <= (const uintptr_t *)to; word++) {
        uintptr_t address = *word & ~(uintptr_t)1; /* tsearch(3) keeps a colour in the lowest bit */
        struct block *found = address ? find(address) : NULL;

        if (found && !found->seen) {
            found->seen = true;
            look_at((const void *)found->address, (const char *)found->address + found->size);
        }
    }
}

static int look_at_object(struct dl_phdr_info *object, size_t size, void *context)
{
    const char *own = (const char *)blocks;

    (void)size;
    (void)context;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        const char *from = (const char *)(object->dlpi_addr + part->p_vaddr), *to = from + part->p_memsz;

        if (part->p_type == PT_LOAD && part->p_flags & PF_W && !(own >= from && own < to))
            look_at(from, to);
        if (part->p_type == PT_TLS && object->dlpi_tls_data)
            look_at(object->dlpi_tls_data, (const char *)object->dlpi_tls_data + part->p_memsz);
    }
    return 0;
}

static void report(const struct block *block)
{
    Dl_info place = {0};

    dladdr((const void *)block->caller, &place);
    /* what the dynamic linker keeps of a thread is in the stack that it had, which is kept for the next */
    if (block->of_others || (place.dli_fname && strstr(place.dli_fname, "/ld-linux")))
        return;
    control->leaked++;
    control->leaked_bytes += block->size;
    snprintf(control->leaked_by, sizeof(control->leaked_by), "%.40s+%#zx",
             place.dli_fname ? place.dli_fname : "?", (size_t)(block->caller - (uintptr_t)place.dli_fbase));
}

void find_leaks(const void *stack)
{
    if (too_many)
        return;
    look_at(stack, __libc_stack_end);
    dl_iterate_phdr(look_at_object, NULL);
    for (size_t i = 0; i < BLOCKS; i++)
        if (blocks[i].address > 1 && !blocks[i].seen)
            report(&blocks[i]);
}

/*
 * ---- others ----
 *
 * libconfig crashes if it gets no memory (toktab.conf(5)), and so does glibc where it reads nsswitch.conf;
 * its setlocale(3) loses some, and localtime_r(3) the
 * name of the zone. What toktab makes of their failures is tested by the system calls.
 */

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* name(arguments) as it is, but that no allocation is refused meanwhile. */
#define OTHERS(type, name, parameters, arguments) \
    SHOWN type name parameters                    \
    {                                             \
        type result;                              \
        depth++;                                  \
        result = NEXT(name) arguments;            \
        depth--;                                  \
        return result;                            \
    }

OTHERS(int, config_read_string, (config_t * config, const char *text), (config, text))
OTHERS(config_setting_t *, config_lookup, (const config_t *config, const char *path), (config, path))
OTHERS(struct passwd *, getpwuid, (uid_t uid), (uid))
OTHERS(struct passwd *, getpwnam, (const char *name), (name))
OTHERS(struct group *, getgrnam, (const char *name), (name))
OTHERS(int, getgrouplist, (const char *name, gid_t gid, gid_t *groups, int *count),
       (name, gid, groups, count))
OTHERS(char *, setlocale, (int category, const char *name), (category, name))
OTHERS(struct tm *, localtime_r, (const time_t *when, struct tm *into), (when, into))

SHOWN void config_init(config_t *config)
{
    depth++;
    NEXT(config_init)(config);
    depth--;
}

SHOWN int sodium_init(void)
{
    return is_planned(SODIUM, 0) ? -1 : NEXT(sodium_init)();
}

SHOWN void *sodium_malloc(size_t size)
{
    if (!is_planned(SODIUM, 0))
        return NEXT(sodium_malloc)(size);
    errno = ENOMEM;
    return NULL;
}
