/*
 * Linked into all that tests/coverage/run builds. What a process has covered is written also if the process
 * ends by _exit(), by execv() or by a signal, and whoever kills it: another process writes it, else a file
 * that was half written would make libgcov give up on it for good. No test notices: there is no message, no
 * fault of tests/fault is counted, no limit holds.
 */
#include <dlfcn.h>
#include <gcov.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

_Noreturn void __real__exit(int status);
int __real_execv(const char *path, char *const argv[]);
int __real_raise(int signal_number);
_Noreturn void __wrap__exit(int status);
int __wrap_execv(const char *path, char *const argv[]);
int __wrap_raise(int signal_number);

static void pause_faults(bool pause)
{
    void (*fault_pause)(bool) = (void (*)(bool))dlsym(RTLD_DEFAULT, "fault_pause");

    if (fault_pause)
        fault_pause(pause);
}

/* Without the limits that a test has set. False: a file would be written up to a limit only, and be broken.
 */
static bool lift_limits(void)
{
    static const int limits[] = {RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_AS, RLIMIT_DATA};
    struct rlimit limit;
    bool whole = true;

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        if (getrlimit(limits[i], &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
            if (limits[i] != RLIMIT_NOFILE)
                limit.rlim_max = RLIM_INFINITY;
            limit.rlim_cur = limit.rlim_max;
            if (setrlimit(limits[i], &limit) < 0 && limits[i] == RLIMIT_FSIZE)
                whole = false;
        }
    return whole;
}

static bool prepare(void)
{
    pause_faults(true);
    setenv("GCOV_ERROR_FILE", "/dev/null", 1);
    signal(SIGXFSZ, SIG_IGN);
    return lift_limits();
}

/* In a host, before libgcov's own destructor, which comes last. */
__attribute__((destructor)) static void prepare_host(void)
{
    prepare();
}

static void dump(void)
{
    sigset_t all, before;
    pid_t child;

    pause_faults(true);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    child = fork();
    if (child <= 0) {
        if (child == 0)
            setsid();
        if (prepare())
            __gcov_dump();
        if (child == 0)
            __real__exit(0);
    }
    waitpid(child, NULL, 0);
    sigprocmask(SIG_SETMASK, &before, NULL);
    pause_faults(false);
}

void __wrap__exit(int status)
{
    dump();
    __real__exit(status);
}

int __wrap_execv(const char *path, char *const argv[])
{
    dump();
    return __real_execv(path, argv);
}

int __wrap_raise(int signal_number)
{
    dump();
    return __real_raise(signal_number);
}

static void end_by_signal(int signal_number)
{
    dump();
    signal(signal_number, SIG_DFL);
    __real_raise(signal_number);
}

static void end(int status, void *nothing)
{
    (void)nothing;
    fflush(NULL);
    dump();
    __real__exit(status);
}

/* In our programs; what a host does at its end, and its signals, are its own. */
__attribute__((constructor)) static void begin(void)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP}; /* not SIGPIPE, which libfcgi handles */
    Dl_info here;

    if (!dladdr((void *)begin, &here) || (uintptr_t)here.dli_fbase != (getauxval(AT_PHDR) & ~(uintptr_t)4095))
        return;
    on_exit(end, NULL);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (signal(signals[i], SIG_IGN) != SIG_IGN)
            signal(signals[i], end_by_signal);
}
