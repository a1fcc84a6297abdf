/* What the preloaded shim shares with the tests, in a file that both map: fault.py has the same layout. */
#ifndef TOKTAB_FAULT_SHIM_H
#define TOKTAB_FAULT_SHIM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum source { CALLS, MEMORY, SODIUM, SOURCES }; /* system calls, allocations, functions of libsodium */

enum plan {
    PLAN_NONE,
    PLAN_KILL, /* SIGKILL before the call */
    PLAN_FAIL, /* it fails with the error */
    PLAN_CUT,  /* a read or write that does only a part */
    PLAN_TEAR, /* SIGKILL after the call; of a write only a part is done before */
};

enum {
    TRACE_MAX = 8192,
    NUMBERS = 512,
    LOG_OFFSET = 1 << 20,
    PART_HALF = 0,
    PART_ALL_BUT_ONE = -1,
    ANY_CALL = -1
};

/* A system call that was made. exempt: it was made in_others(). */
struct traced {
    int32_t call, exempt;
    int64_t first, second, third, result;
};

struct control {
    uint32_t plan, source;
    uint64_t at;      /* which call of that source, or which `call`, from 1; 0: the first */
    int32_t error;    /* PLAN_FAIL */
    int32_t part;     /* PLAN_CUT, PLAN_TEAR: bytes, or a PART_ */
    int32_t call;     /* of CALLS: only if it is this one; ANY_CALL: whatever it is */
    uint32_t records; /* note what is written, synced and renamed: the log is at LOG_OFFSET */
    _Atomic uint32_t happened;
    int32_t owner; /* the process that is meant; what it starts is left alone */
    _Atomic uint64_t count[SOURCES];
    uint64_t leaked, leaked_bytes; /* blocks that nothing refers to at the end */
    _Atomic uint64_t log_size;
    char leaked_by[64];             /* object+offset */
    struct traced trace[TRACE_MAX]; /* the first calls, in order */
    _Atomic uint32_t made[NUMBERS]; /* how often each call was made */
};

_Static_assert(sizeof(struct control) <= LOG_OFFSET, "the log lies behind it");

extern struct control *control; /* NULL: the shim is not asked for anything */

/* The system call itself, which is not trapped. Like the kernel, returns minus errno. */
long raw(long number, long a, long b, long c, long d, long e, long f);

/* Count a call of the source. Is it the planned one? call: of CALLS, which. */
bool is_planned(enum source source, int32_t call);

/* Is the program in a function of others that crashes where it gets no memory? See memory.c. */
bool in_others(void);

/* For a host of the tests, which wants to know what it does not get back. While paused nothing is counted. */
void fault_pause(bool pause);

/* While paused: note what descriptors and blocks it has; print how many more it has since. */
void fault_note_held(void);
void fault_print_lost(void);

/* Not one that it has forked, nor a second thread. */
bool in_first_thread(void);

/* Look for blocks that nothing refers to; stack: where the program's stack ends. */
void find_leaks(const void *stack);

/* ---- log.c ---- */

struct call {
    long number, argument[6];
};

struct before {
    int64_t offset; /* of a write */
    bool existed;   /* what is opened or created */
};

/* Before and after a call that may change a file. */
void log_before(struct before *before, const struct call *call);
void log_after(const struct before *before, const struct call *call, long result);

#endif
