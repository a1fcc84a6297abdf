/*
 * Preloaded into the tool or a host: every system call fails, is cut short or is the last one, as the tests
 * plan it. A seccomp filter sends all of them here but those made by raw(). That needs no ptrace(2), no
 * privilege and no second process, and misses no call, whichever library makes it.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef __x86_64__
#error "raw() and the registers are those of x86-64"
#endif

struct control *control;
static pid_t first_process;
static bool paused;                   /* see fault_pause() */
static bool hurries;                  /* TOKTAB_HURRY: a pause until some moment is over at once */
static struct sockaddr_un system_log; /* what takes the place of /dev/log */

__asm__(".text\n"
        ".hidden raw\n"
        ".globl raw\n"
        ".type raw, @function\n"
        "raw:\n"
        "    mov %rdi, %rax\n"
        "    mov %rsi, %rdi\n"
        "    mov %rdx, %rsi\n"
        "    mov %rcx, %rdx\n"
        "    mov %r8, %r10\n"
        "    mov %r9, %r8\n"
        "    mov 8(%rsp), %r9\n"
        "    syscall\n"
        ".hidden raw_called\n"
        ".globl raw_called\n"
        "raw_called:\n"
        "    ret\n");
extern const char raw_called[];

/* While a host does what is no part of the test, nothing is counted. */
__attribute__((visibility("default"))) void fault_pause(bool pause)
{
    paused = pause;
}

static bool is_it(enum source source, int32_t call, uint64_t number)
{
    bool at = control->at == number || (control->at == 0 && atomic_load(&control->happened) == 0);

    if (control->plan == PLAN_NONE || control->source != source || !at ||
        (control->call != ANY_CALL && control->call != call))
        return false;
    atomic_store(&control->happened, 1);
    return true;
}

bool is_planned(enum source source, int32_t call)
{
    return control && !paused && is_it(source, call, atomic_fetch_add(&control->count[source], 1) + 1);
}

bool in_first_thread(void)
{
    return raw(SYS_gettid, 0, 0, 0, 0, 0, 0) == first_process;
}

static void die(void)
{
    raw(SYS_kill, raw(SYS_getpid, 0, 0, 0, 0, 0, 0), SIGKILL, 0, 0, 0, 0);
}

/* The mask is set in what the handler returns to. SIGSYS stays out of it: a trap while it is blocked would
 * kill. */
static long set_mask(const struct call *call, ucontext_t *context)
{
    uint64_t *mask = (uint64_t *)(void *)&context->uc_sigmask, old = *mask, given;

    if (call->argument[1]) {
        memcpy(&given, (const void *)call->argument[1], sizeof(given));
        if (call->argument[0] == SIG_BLOCK)
            *mask |= given;
        else if (call->argument[0] == SIG_UNBLOCK)
            *mask &= ~given;
        else
            *mask = given;
        *mask &= ~(uint64_t)(1ULL << (SIGSYS - 1));
    }
    if (call->argument[2])
        memcpy((void *)call->argument[2], &old, sizeof(old));
    return 0;
}

static bool is_transfer(long number)
{
    return number == SYS_read || number == SYS_write || number == SYS_pread64 || number == SYS_pwrite64;
}

static void cut(struct call *call)
{
    long length = call->argument[2], part = control->part;

    if (!is_transfer(call->number) || length < 2)
        return;
    part = part == PART_HALF ? length / 2 : part == PART_ALL_BUT_ONE ? length - 1 : part;
    call->argument[2] = part < length ? part : length - 1;
}

static long fail(const struct call *call)
{
    if (call->number == SYS_close) /* the descriptor is gone, whatever is reported */
        raw(SYS_close, call->argument[0], 0, 0, 0, 0, 0);
    if (call->number == SYS_brk) /* it reports where the end still is */
        return raw(SYS_brk, 0, 0, 0, 0, 0, 0);
    return -control->error;
}

static void trace(uint64_t number, const struct call *call, long result)
{
    if (number <= TRACE_MAX)
        control->trace[number - 1] =
            (struct traced){(int32_t)call->number, in_others(),       call->argument[0],
                            call->argument[1],     call->argument[2], result};
}

static void lead_to_log(struct call *call)
{
    const struct sockaddr_un *to = (const struct sockaddr_un *)call->argument[1];

    if (call->number == SYS_connect && to->sun_family == AF_UNIX && strcmp(to->sun_path, _PATH_LOG) == 0) {
        call->argument[1] = (long)&system_log;
        call->argument[2] = sizeof(system_log);
    }
    if (call->number == SYS_access && strcmp((const char *)call->argument[0], _PATH_LOG) == 0)
        call->argument[0] = (long)system_log.sun_path;
}

static long answer(struct call *call, ucontext_t *context)
{
    const long *a = call->argument;
    struct before before;
    bool planned, is_end = call->number == SYS_exit_group;
    uint64_t number, nth;
    long result;

    if (call->number == SYS_rt_sigprocmask)
        return set_mask(call, context);
    if (call->number == SYS_rt_sigaction && a[0] == SIGSYS)
        return 0;
    if (hurries && call->number == SYS_clock_nanosleep && a[1] == TIMER_ABSTIME)
        return 0;
    if (system_log.sun_path[0] != '\0')
        lead_to_log(call);
    if (paused)
        return raw(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
    number = atomic_fetch_add(&control->count[CALLS], 1) + 1;
    nth = atomic_fetch_add(&control->made[call->number % NUMBERS], 1) + 1;
    trace(number, call, 0);
    planned = is_it(CALLS, (int32_t)call->number, control->call == ANY_CALL ? number : nth);
    if (planned && control->plan == PLAN_KILL)
        die();
    if (planned && control->plan == PLAN_FAIL)
        return fail(call);
    if (planned)
        cut(call);
    if (is_end && in_first_thread())
        find_leaks((const void *)context->uc_mcontext.gregs[REG_RSP]);
    if (control->records)
        log_before(&before, call);
    result = raw(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (control->records)
        log_after(&before, call, result);
    if (planned && control->plan == PLAN_TEAR)
        die();
    trace(number, call, result);
    return result;
}

static void on_trap(int signal, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    struct call call = {info->si_syscall,
                        {registers[REG_RDI], registers[REG_RSI], registers[REG_RDX], registers[REG_R10],
                         registers[REG_R8], registers[REG_R9]}};

    (void)signal;
    registers[REG_RAX] = answer(&call, context);
}

enum { SEGMENTS = 64, OF_SEGMENT = 6 };

static struct sock_filter filter[16 + SEGMENTS * OF_SEGMENT];
static size_t filter_length;

static void add(struct sock_filter step)
{
    filter[filter_length++] = step;
}

/* Trap what is called from there. It does not go on behind a multiple of 4 GiB. */
static void trap_range(uint64_t from, uint64_t to)
{
    if (from >= to || filter_length + OF_SEGMENT >= sizeof(filter) / sizeof(filter[0]))
        return;
    add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                     offsetof(struct seccomp_data, instruction_pointer) + 4));
    add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(from >> 32), 0, 4));
    add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                     offsetof(struct seccomp_data, instruction_pointer)));
    add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)from, 0, 2));
    add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)(to - 1), 1, 0));
    add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP));
}

static int trap_object(struct dl_phdr_info *object, size_t size, void *context)
{
    (void)size;
    (void)context;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        uint64_t from = object->dlpi_addr + part->p_vaddr, to = from + part->p_memsz;
        uint64_t border = (from | 0xffffffff) + 1, own = (uint64_t)(uintptr_t)raw_called;

        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X) || (own >= from && own < to))
            continue;
        trap_range(from, to < border ? to : border);
        trap_range(border, to);
    }
    return 0;
}

/* Only what the program's own text and libraries call, where they are: so the programs that it starts, which
 * inherit the filter, are not trapped. */
static bool trap_all(void)
{
    const struct sock_filter begin[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 4, 0), /* glibc then uses clone(2) */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4),
        /* a thread has a stack of its own to return on */
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_VM, 0, 2),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    };
    struct sock_fprog program = {.filter = filter};
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART};

    for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++)
        add(begin[i]);
    dl_iterate_phdr(trap_object, NULL);
    add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    program.len = (unsigned short)filter_length;
    return sigaction(SIGSYS, &action, NULL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

__attribute__((constructor)) static void begin(void)
{
    static const char wrong[] = "shim: no control file, or no seccomp(2)\n";
    const char *path = getenv("TOKTAB_FAULT"), *log = getenv("TOKTAB_LOG");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    struct stat status;
    void *mapped;

    if (!path)
        return;
    if (fd < 0 || fstat(fd, &status) < 0)
        goto failed;
    mapped = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED)
        goto failed;
    first_process = getpid();
    if (((struct control *)mapped)->owner != 0)
        return; /* started by the program that is meant */
    system_log.sun_family = AF_UNIX;
    if (log)
        strncpy(system_log.sun_path, log, sizeof(system_log.sun_path) - 1);
    hurries = getenv("TOKTAB_HURRY") != NULL;
    control = mapped;
    control->owner = first_process;
    if (trap_all())
        return;
failed:
    raw(SYS_write, 2, (long)(intptr_t)wrong, sizeof(wrong) - 1, 0, 0, 0);
    _exit(99);
}
