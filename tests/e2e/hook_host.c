/*
 * A host that puts the real library through what hosts do: dlclose(), daemons that close all descriptors, no
 * descriptor left, chroot(), a system's log. It uses dlopen() alone.
 *
 *     hook_host CASE LIBRARY CONFIG TOOL      standard input: two tokens, a line each
 *
 * The first token is good; the case ends the second one by the tool, where it does so. Exits with 0, or says
 * what was not so, and exits with 1.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <toktab.h>
#include <unistd.h>

#define MUST(condition) ((condition) ? (void)0 : (void)errx(1, "line %d: %s is not so", __LINE__, #condition))

static const char *library_path, *config, *tool;
static char good[128], other[128];

struct library {
    void *handle;
    struct toktab *(*open)(const struct toktab_options *, char *, size_t);
    enum toktab_verdict (*verify)(struct toktab *, const char *, size_t, const struct toktab_request *,
                                  struct toktab_result *);
    int (*status)(struct toktab *, const char *, struct toktab_status *);
    void (*close)(struct toktab *);
};

static void load(struct library *library, const char *path)
{
    library->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library->handle)
        errx(1, "%s", dlerror());
    *(void **)&library->open = dlsym(library->handle, "toktab_open");
    *(void **)&library->verify = dlsym(library->handle, "toktab_verify");
    *(void **)&library->status = dlsym(library->handle, "toktab_status");
    *(void **)&library->close = dlsym(library->handle, "toktab_close");
    MUST(library->open && library->verify && library->status && library->close);
}

static void ignore(void *context, int priority, const char *message)
{
    (void)context;
    (void)priority;
    (void)message;
}

static struct toktab *open_table(const struct library *library)
{
    struct toktab_options options = {.size = sizeof(options), .config = config, .log = ignore};
    char error[512];
    struct toktab *table = library->open(&options, error, sizeof(error));

    if (!table)
        errx(1, "%s", error);
    return table;
}

static enum toktab_verdict ask(const struct library *library, struct toktab *table, const char *token)
{
    return library->verify(table, token, strlen(token), NULL, NULL);
}

/* Is the store good? Where it is not, there is a reason. */
static int is_good(const struct library *library, struct toktab *table)
{
    struct toktab_status status = {.size = sizeof(status)};

    MUST(library->status(table, NULL, &status) == 0);
    MUST(status.good ? status.tokens == 2 && status.why[0] == '\0' : status.why[0] != '\0');
    return status.good;
}

/* End the second token, as an admin would: in another process. */
static void end_other(void)
{
    char id[13];
    int status, child = fork();

    snprintf(id, sizeof(id), "%s", strchr(other, '_') + 1);
    if (child == 0) {
        struct rlimit limit;

        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        execl(tool, tool, "-c", config, "revoke", "-y", id, (char *)NULL);
        _exit(127);
    }
    MUST(waitpid(child, &status, 0) == child && status == 0);
}

static int descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* The store, by the one of our descriptors that has it. */
static void path_of_store(char path[4096])
{
    static const char end[] = ".tokens";
    char entry[64];

    for (int fd = 0; fd < 1024; fd++) {
        ssize_t length;

        snprintf(entry, sizeof(entry), "/proc/self/fd/%d", fd);
        length = readlink(entry, path, 4095);
        if (length < (ssize_t)sizeof(end))
            continue;
        path[length] = '\0';
        if (strcmp(path + length - strlen(end), end) == 0)
            return;
    }
    errx(1, "no descriptor has the store");
}

static int is_mapped(const char *path)
{
    FILE *file = fopen("/proc/self/maps", "re");
    char line[8192];
    int found = 0;

    MUST(file);
    while (fgets(line, sizeof(line), file))
        found |= strstr(line, path) != NULL;
    fclose(file);
    return found;
}

static long lines_of(const char *path)
{
    FILE *file = fopen(path, "re");
    long lines = 0;

    MUST(file);
    for (int byte; (byte = getc(file)) != EOF;)
        lines += byte == '\n';
    fclose(file);
    return lines;
}

/* ---- the system's log, in the place of the C library's ---- */

static int said_with; /* facility and priority of the last message */
static char said[2048];
static unsigned opened, messages;

static void take_message(int priority, const char *format, va_list arguments)
{
    messages++;
    said_with = priority;
    vsnprintf(said, sizeof(said), format, arguments);
}

void syslog(int priority, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    take_message(priority, format, arguments);
    va_end(arguments);
}

/* What syslog(3) is where it was compiled with _FORTIFY_SOURCE. */
void __syslog_chk(int priority, int flag, const char *format, ...);
void __syslog_chk(int priority, int flag, const char *format, ...)
{
    va_list arguments;

    (void)flag;
    va_start(arguments, format);
    take_message(priority, format, arguments);
    va_end(arguments);
}

void openlog(const char *name, int options, int facility)
{
    (void)name;
    (void)options;
    (void)facility;
    opened++;
}

/* ---- cases ---- */

static void reopen(void)
{
    enum { WARM = 100, ROUNDS = 1000 };
    size_t heap = 0;
    long mappings = 0;
    int open_before = descriptors();

    for (int i = 0; i < WARM + ROUNDS; i++) {
        struct library library;
        struct toktab *table;
        struct toktab_result admitted, refused;

        if (i == WARM) {
            heap = mallinfo2().uordblks;
            mappings = lines_of("/proc/self/maps");
        }
        load(&library, library_path);
        table = open_table(&library);
        admitted.size = refused.size = sizeof(admitted);
        MUST(library.verify(table, good, strlen(good), NULL, &admitted) == TOKTAB_ALLOW);
        MUST(library.verify(table, "nonsense", 8, NULL, &refused) == TOKTAB_DENY);
        library.close(table);
        dlclose(library.handle);
        MUST(!dlopen(library_path, RTLD_NOW | RTLD_NOLOAD));
        MUST(strcmp(admitted.label, "good") == 0 && admitted.user[0] == '\0' && refused.label[0] == '\0');
    }
    MUST(descriptors() == open_before);
    MUST(mallinfo2().uordblks < heap + 16 * ROUNDS); /* the smallest block takes 32 */
    MUST(lines_of("/proc/self/maps") < mappings + 10);
}

static void two_copies(void)
{
    char path[4096], command[9000];
    struct library one, two;
    struct toktab *first, *second;

    snprintf(path, sizeof(path), "%s.copy", library_path);
    snprintf(command, sizeof(command), "cp '%s' '%s'", library_path, path);
    MUST(system(command) == 0);
    load(&one, library_path);
    load(&two, path);
    MUST(one.verify != two.verify);
    first = open_table(&one);
    second = open_table(&two);
    MUST(ask(&one, first, other) == TOKTAB_ALLOW && ask(&two, second, other) == TOKTAB_ALLOW);
    end_other();
    MUST(ask(&one, first, other) == TOKTAB_DENY && ask(&two, second, other) == TOKTAB_DENY);
    one.close(first);
    dlclose(one.handle);
    MUST(ask(&two, second, good) == TOKTAB_ALLOW);
    two.close(second);
    dlclose(two.handle);
    unlink(path);
}

/* What a process has only once. */
struct process {
    sighandler_t handlers[NSIG];
    int flags[NSIG];
    sigset_t blocked;
    mode_t mask;
    char directory[4096], locale[256], **environment, **variables;
    locale_t thread_locale;
    struct stat standard[3];
    int descriptors, error;
};

static void look(struct process *process)
{
    memset(process, 0, sizeof(*process));
    process->error = errno;
    for (int i = 1; i < NSIG; i++) {
        struct sigaction action;

        if (sigaction(i, NULL, &action) == 0) {
            process->handlers[i] = action.sa_handler;
            process->flags[i] = action.sa_flags;
        }
    }
    sigprocmask(SIG_SETMASK, NULL, &process->blocked);
    process->mask = umask(0);
    umask(process->mask);
    MUST(getcwd(process->directory, sizeof(process->directory)));
    snprintf(process->locale, sizeof(process->locale), "%s", setlocale(LC_ALL, NULL));
    process->thread_locale = uselocale((locale_t)0);
    process->environment = environ;
    for (process->variables = environ; *process->variables; process->variables++)
        ;
    for (int i = 0; i < 3; i++)
        MUST(fstat(i, &process->standard[i]) == 0);
    process->descriptors = descriptors();
}

static void quiet(void)
{
    static struct process before, after;
    struct library library;
    struct toktab *table;

    MUST(setlocale(LC_ALL, "C.UTF-8"));
    errno = 4711;
    look(&before);
    load(&library, library_path);
    errno = 4711;
    table = open_table(&library);
    ask(&library, table, good);
    end_other();
    errno = 4711;
    ask(&library, table, other);
    ask(&library, table, "nonsense");
    is_good(&library, table);
    library.close(table);
    look(&after);
    MUST(memcmp(&before.handlers, &after.handlers, sizeof(before.handlers)) == 0);
    MUST(memcmp(&before.flags, &after.flags, sizeof(before.flags)) == 0);
    MUST(memcmp(&before.blocked, &after.blocked, sizeof(before.blocked)) == 0);
    MUST(before.mask == after.mask && before.error == after.error);
    MUST(strcmp(before.directory, after.directory) == 0 && strcmp(before.locale, after.locale) == 0);
    MUST(before.thread_locale == after.thread_locale);
    MUST(before.environment == after.environment && before.variables == after.variables);
    MUST(memcmp(&before.standard[1].st_size, &after.standard[1].st_size, sizeof(off_t)) == 0);
    MUST(before.descriptors == after.descriptors);
}

/* Whoever may write a file could shorten it, and whoever has it mapped would die of SIGBUS. */
static void shortened(void)
{
    struct library library;
    struct toktab *table;
    char store[4096];

    load(&library, library_path);
    MUST(is_mapped("/libtoktab.so.0"));
    table = open_table(&library);
    MUST(ask(&library, table, good) == TOKTAB_ALLOW);
    path_of_store(store);
    MUST(!is_mapped(store));
    end_other();
    MUST(ask(&library, table, other) == TOKTAB_DENY && !is_mapped(store));
    MUST(truncate(store, 100) == 0);
    MUST(ask(&library, table, other) == TOKTAB_DENY && !is_good(&library, table) && !is_mapped(store));
    MUST(truncate(store, 0) == 0);
    MUST(ask(&library, table, other) == TOKTAB_DENY && !is_good(&library, table) && !is_mapped(store));
    library.close(table);
}

/* A host that brings no log: the library uses the system's, for which the host has chosen its name. */
static void without_log(void)
{
    struct toktab_options options = {.size = sizeof(options), .config = config};
    struct library library;
    struct toktab *table;
    char store[4096], aside[4096 + 8];

    load(&library, library_path);
    table = library.open(&options, NULL, 0);
    MUST(table && ask(&library, table, good) == TOKTAB_ALLOW && messages == 0);
    path_of_store(store);
    snprintf(aside, sizeof(aside), "%s.aside", store);
    MUST(rename(store, aside) == 0);
    ask(&library, table, other);
    while (is_good(&library, table))
        continue;
    MUST(messages == 1 && said_with == (LOG_AUTHPRIV | LOG_ALERT));
    MUST(strncmp(said, "toktab: store /", 15) == 0 && strstr(said, ".tokens: "));
    MUST(rename(aside, store) == 0 && is_good(&library, table));
    MUST(messages == 2 && said_with == (LOG_AUTHPRIV | LOG_NOTICE));
    MUST(opened == 0);
    library.close(table);
}

/* As daemon(3), and closes all there is; the numbers are soon used for something else. */
static void daemonized(void)
{
    struct library library;
    struct toktab *table;
    int status, child;

    load(&library, library_path);
    table = open_table(&library);
    MUST(ask(&library, table, good) == TOKTAB_ALLOW);
    child = fork();
    if (child != 0) {
        MUST(waitpid(child, &status, 0) == child && status == 0);
        library.close(table);
        return;
    }
    setsid();
    for (int fd = 0; fd < 1024; fd++)
        if (fd != 2)
            close(fd);
    for (int fd = 0; fd < 16; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            MUST(open("/dev/null", O_RDWR | O_CLOEXEC) == fd);
    MUST(ask(&library, table, good) == TOKTAB_ALLOW && ask(&library, table, other) == TOKTAB_ALLOW);
    end_other();
    MUST(ask(&library, table, good) == TOKTAB_ALLOW && ask(&library, table, other) == TOKTAB_DENY);
    MUST(is_good(&library, table));
    library.close(table);
    for (int fd = 0; fd < 16; fd++)
        MUST(fcntl(fd, F_GETFD) >= 0); /* the host's own are still there */
    _exit(0);
}

static void no_descriptor_left(void)
{
    struct library library;
    struct toktab *table;
    struct rlimit limit;
    char error[512] = "";
    struct toktab_options options = {.size = sizeof(options), .config = config, .log = ignore};

    load(&library, library_path);
    table = open_table(&library);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 64;
    MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    while (dup(2) >= 0)
        ;
    MUST(errno == EMFILE);
    MUST(ask(&library, table, good) == TOKTAB_ALLOW && ask(&library, table, other) == TOKTAB_ALLOW);
    end_other();
    MUST(ask(&library, table, good) == TOKTAB_ALLOW && ask(&library, table, other) == TOKTAB_DENY);
    errno = 0;
    MUST(!library.open(&options, error, sizeof(error)) && errno == EMFILE && error[0] != '\0');
    library.close(table);
}

/* chroot() into a directory where the path of the stores leads nowhere: what is said is believed for
 * stale_limit, and the file that is held is read on; then nobody is admitted. */
static void chrooted(void)
{
    struct library library;
    struct toktab *table;
    int ready[2], child;
    char byte = 0;

    load(&library, library_path);
    table = open_table(&library);
    MUST(pipe(ready) == 0);
    child = fork();
    if (child != 0) {
        int status;

        end_other();
        MUST(write(ready[1], &byte, 1) == 1);
        MUST(waitpid(child, &status, 0) == child && status == 0);
        MUST(ask(&library, table, good) == TOKTAB_ALLOW && ask(&library, table, other) == TOKTAB_DENY);
        library.close(table);
        return;
    }
    MUST(chroot("/proc") == 0 && chdir("/") == 0);
    MUST(read(ready[0], &byte, 1) == 1);
    MUST(ask(&library, table, other) == TOKTAB_DENY);
    for (int i = 0; i < 3000 && ask(&library, table, good) == TOKTAB_ALLOW; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    MUST(ask(&library, table, good) == TOKTAB_ERROR && ask(&library, table, other) == TOKTAB_DENY);
    MUST(!is_good(&library, table));
    library.close(table);
    _exit(0);
}

int main(int count, char *arguments[])
{
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {
        {"reopen", reopen},
        {"two-copies", two_copies},
        {"quiet", quiet},
        {"shortened", shortened},
        {"without-log", without_log},
        {"daemonized", daemonized},
        {"no-descriptor", no_descriptor_left},
        {"chrooted", chrooted},
    };

    if (count != 5 || scanf("%127s %127s", good, other) != 2)
        errx(2, "usage: hook_host CASE LIBRARY CONFIG TOOL < TOKENS");
    library_path = arguments[2];
    config = arguments[3];
    tool = arguments[4];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (strcmp(arguments[1], cases[i].name) == 0) {
            cases[i].run();
            return 0;
        }
    errx(2, "%s: no such case", arguments[1]);
}
