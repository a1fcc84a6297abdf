/*
 * A host that asks without a pause, to try the rule that a look holds for one millisecond and a writer waits
 * two (toktab-store(5)).
 *
 *     look_host stress CONFIG TOOL VERIFIES
 *
 * Eight threads of one table, and four processes that fork, close their descriptors and open the table again,
 * verify in a loop while the tool creates, revokes, rotates, updates, compacts and mends, and is stopped now
 * and then in the middle. From the moment that the tool says "revoked" nobody is admitted by that token, and
 * from the moment that it prints a token until its revocation begins, everybody is. Goes on for at least so
 * many verifies and a hundredth of a percent as many changes.
 *
 *     look_host calls CONFIG VERIFIES      standard input: a good token
 *
 * Counts the system calls of a loop of verifies: fewer than three a millisecond.
 *
 * Exits with 0, or says what was not so, and exits with 1.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <toktab.h>
#include <unistd.h>

#define MUST(condition) ((condition) ? (void)0 : (void)errx(1, "line %d: %s is not so", __LINE__, #condition))

enum {
    SAMPLES = 65536,
    ALIVE = 3,
    THREADS = 8,
    PROCESSES = 4,
    ASKED_BY_A_CHILD = 2000,
    VERIFIES_OF_A_CHANGE = 10000,
};

struct sample {
    char token[128];
    _Atomic bool ending, ended; /* its revocation has begun; the tool has said that it is done */
};

/* What all processes see. */
struct contest {
    struct sample samples[SAMPLES];
    _Atomic unsigned created; /* how many samples there are */
    _Atomic bool stop;
    _Atomic unsigned long verifies, stale, refused, children;
};

static struct contest *contest;
static const char *config, *tool;

static void ignore(void *context, int priority, const char *message)
{
    (void)context;
    (void)priority;
    (void)message;
}

static struct toktab *open_table(void)
{
    struct toktab_options options = {.size = sizeof(options), .config = config, .log = ignore};
    char error[512];
    struct toktab *table = toktab_open(&options, error, sizeof(error));

    if (!table)
        errx(1, "%s", error);
    return table;
}

static enum toktab_verdict ask(struct toktab *table, const char *token)
{
    return toktab_verify(table, token, strlen(token), NULL, NULL);
}

/* ---- those who ask ---- */

static void ask_for(struct toktab *table, struct sample *sample)
{
    bool ended = atomic_load(&sample->ended), admitted = ask(table, sample->token) == TOKTAB_ALLOW;

    if (admitted && ended)
        atomic_fetch_add(&contest->stale, 1);
    if (!admitted && !atomic_load(&sample->ending))
        atomic_fetch_add(&contest->refused, 1);
}

/* For the newest samples, of which some live and some have just been ended. */
static void ask_some(struct toktab *table, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned created = atomic_load(&contest->created), back = i % (2 * ALIVE);

        if (back < created)
            ask_for(table, &contest->samples[created - 1 - back]);
    }
    atomic_fetch_add(&contest->verifies, count);
}

static void *ask_on(void *table)
{
    while (!atomic_load(&contest->stop))
        ask_some(table, 100);
    return NULL;
}

/* A process of some threads that have one table, from which others are forked all the time. */
static void ask_in_process(struct toktab *table)
{
    pthread_t threads[THREADS];

    MUST(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    MUST(setpriority(PRIO_PROCESS, 0, 19) == 0); /* so that what the tool says is heard at once */
    for (int i = 0; i < THREADS; i++)
        MUST(pthread_create(&threads[i], NULL, ask_on, table) == 0);
    while (!atomic_load(&contest->stop)) {
        int status, child = fork();

        if (child == 0) {
            ask_some(table, ASKED_BY_A_CHILD);
            _exit(0);
        }
        MUST(waitpid(child, &status, 0) == child && status == 0);
        atomic_fetch_add(&contest->children, 1);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    _exit(0);
}

/* A process that opens the table again and again; its child has closed all descriptors, as daemons do. */
static void ask_and_reopen(void)
{
    MUST(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    MUST(setpriority(PRIO_PROCESS, 0, 19) == 0);
    while (!atomic_load(&contest->stop)) {
        struct toktab *table = open_table();
        int status, child;

        ask_some(table, ASKED_BY_A_CHILD);
        child = fork();
        if (child == 0) {
            close_range(3, ~0U, 0);
            ask_some(table, ASKED_BY_A_CHILD);
            _exit(0);
        }
        MUST(waitpid(child, &status, 0) == child && status == 0);
        atomic_fetch_add(&contest->children, 1);
        ask_some(table, ASKED_BY_A_CHILD);
        toktab_close(table);
    }
    _exit(0);
}

/* ---- the admin ---- */

/* The tool, which has said what was waited for and may not have ended yet. */
struct run {
    int child;
    FILE *from;
    char line[256]; /* that it has said */
};

/* output: the one of its outputs that is waited on, for a line that begins so. */
static void begin(struct run *run, char *const arguments[], int output, const char *said)
{
    int ends[2];

    MUST(pipe(ends) == 0);
    run->child = fork();
    if (run->child == 0) {
        dup2(ends[1], output);
        close(ends[0]);
        close(ends[1]);
        if (output == 1 && !freopen("/dev/null", "w", stderr))
            _exit(127);
        execv(tool, arguments);
        _exit(127);
    }
    close(ends[1]);
    run->from = fdopen(ends[0], "r");
    MUST(run->child > 0 && run->from);
    do
        if (!fgets(run->line, sizeof(run->line), run->from))
            errx(1, "%s: it ended without saying \"%s\"", arguments[3], said);
    while (strncmp(run->line, said, strlen(said)) != 0);
}

static void end(struct run *run)
{
    int status;

    while (getc(run->from) != EOF)
        continue;
    fclose(run->from);
    MUST(waitpid(run->child, &status, 0) == run->child && status == 0);
}

static void id_of(char id[13], const struct sample *sample)
{
    snprintf(id, 13, "%s", strchr(sample->token, '_') + 1);
}

/* Run a command that prints a new token; old: the one that it ends. */
static void make_sample(char *const arguments[], struct sample *old)
{
    unsigned number = atomic_load(&contest->created);
    struct run run;

    MUST(number < SAMPLES);
    if (old)
        atomic_store(&old->ending, true);
    begin(&run, arguments, 1, "tok_");
    if (old)
        atomic_store(&old->ended, true);
    snprintf(contest->samples[number].token, sizeof(contest->samples[number].token), "%.*s",
             (int)strcspn(run.line, "\n"), run.line);
    atomic_store(&contest->created, number + 1);
    end(&run);
}

static void create_sample(void)
{
    char *const arguments[] = {"toktab", "-c", (char *)config, "create", "-l", "asked for", NULL};

    make_sample(arguments, NULL);
}

static void rotate_sample(struct sample *sample)
{
    char id[13];
    char *const arguments[] = {"toktab", "-c", (char *)config, "rotate", "--grace", "0s", id, NULL};

    id_of(id, sample);
    make_sample(arguments, sample);
}

static void revoke_sample(struct sample *sample)
{
    char id[13];
    char *const arguments[] = {"toktab", "-c", (char *)config, "revoke", "-y", id, NULL};
    struct run run;

    id_of(id, sample);
    atomic_store(&sample->ending, true);
    begin(&run, arguments, 2, "toktab: revoked ");
    atomic_store(&sample->ended, true);
    end(&run);
}

/* Stopped at any moment, perhaps with the lock, while others verify; then it goes on. */
static void update_sample(const struct sample *sample, unsigned number)
{
    static unsigned moment;
    char id[13], label[32];
    char *const arguments[] = {"toktab", "-c", (char *)config, "update", "-l", label, id, NULL};
    int child = fork(), status;

    if (child == 0) {
        id_of(id, sample);
        snprintf(label, sizeof(label), "of change %u", number);
        if (!freopen("/dev/null", "w", stderr))
            _exit(127);
        execv(tool, arguments);
        _exit(127);
    }
    MUST(child > 0);
    usleep(moment++ * 97 % 8000);
    kill(child, SIGSTOP);
    usleep(3000);
    kill(child, SIGCONT);
    MUST(waitpid(child, &status, 0) == child && status == 0);
}

/* What changes no token: compact, or mend, which begins a new epoch. */
static void renew_store(char *command)
{
    char *const arguments[] = {
        "toktab", "-c", (char *)config, command, strcmp(command, "mend") == 0 ? "-y" : NULL, NULL};
    struct run run;

    begin(&run, arguments, 1, "");
    end(&run);
}

static void change(unsigned number)
{
    unsigned created = atomic_load(&contest->created);

    if (number % 3 == 2 && created >= ALIVE)
        rotate_sample(&contest->samples[created - ALIVE]);
    else
        create_sample();
    if (number % 3 != 2 && created >= ALIVE)
        revoke_sample(&contest->samples[created - ALIVE]);
    if (number % 4 == 0)
        update_sample(&contest->samples[created], number);
    if (number % 16 == 0)
        renew_store("compact");
    if (number % 32 == 8)
        renew_store("mend");
}

static int stress(unsigned long verifies)
{
    struct toktab *table;
    int children[1 + PROCESSES];
    unsigned changes = 0;

    create_sample();
    table = open_table();
    MUST(ask(table, contest->samples[0].token) == TOKTAB_ALLOW);
    for (int i = 0; i < 1 + PROCESSES; i++) {
        children[i] = fork();
        MUST(children[i] >= 0);
        if (children[i] == 0 && i == 0)
            ask_in_process(table);
        if (children[i] == 0)
            ask_and_reopen();
    }
    while (atomic_load(&contest->verifies) < verifies || 2 * changes < verifies / VERIFIES_OF_A_CHANGE)
        change(changes++);
    atomic_store(&contest->stop, true);
    for (int i = 0; i < 1 + PROCESSES; i++) {
        int status;

        MUST(waitpid(children[i], &status, 0) == children[i] && status == 0);
    }
    toktab_close(table);
    printf("%lu verifies, %lu forked processes, at least %u changes: %lu stale, %lu refused wrongly\n",
           contest->verifies, contest->children, 2 * changes, contest->stale, contest->refused);
    return contest->stale == 0 && contest->refused == 0 ? 0 : 1;
}

/* ---- counting ---- */

/* A thread that verifies, each of whose system calls waits until main() has seen it (seccomp_unotify(2)):
 * that needs neither ptrace(2) nor a privilege, and sees the calls of all libraries. */
static struct {
    const char *token;
    unsigned long verifies;
    _Atomic int listener;         /* 0: it is not yet watched */
    _Atomic bool counting, ended; /* what is counted has begun; has ended, and nothing more is answered */
    int64_t nanoseconds;
} watched;

static int64_t monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* From here on the calling thread's system calls wait. */
static int watch_this_thread(void)
{
    struct sock_filter each = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    struct sock_fprog filter = {1, &each};

    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
}

static void *be_watched(void *table)
{
    int64_t start;
    int listener = watch_this_thread();

    if (listener < 0)
        err(1, "system calls cannot be watched: seccomp(2)");
    atomic_store(&watched.listener, listener);
    start = monotonic();
    atomic_store(&watched.counting, true);
    for (unsigned long i = 0; i < watched.verifies; i++)
        MUST(ask(table, watched.token) == TOKTAB_ALLOW);
    watched.nanoseconds = monotonic() - start;
    atomic_store(&watched.ended, true);
    syscall(SYS_getppid);
    return NULL;
}

/* Which system call the thread waits in. It goes on when that is answered. */
static long next_call(uint64_t *id)
{
    union {
        struct seccomp_notif call;
        char room[1024]; /* a later kernel's may be longer */
    } next = {0};

    while (ioctl(watched.listener, SECCOMP_IOCTL_NOTIF_RECV, &next.call) < 0)
        MUST(errno == EINTR);
    *id = next.call.id;
    return next.call.data.nr;
}

static void let_it(uint64_t id)
{
    union {
        struct seccomp_notif_resp answer;
        char room[1024];
    } to = {.answer = {.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE}};

    MUST(ioctl(watched.listener, SECCOMP_IOCTL_NOTIF_SEND, &to.answer) == 0);
}

static int count_calls(const char *token, unsigned long verifies)
{
    struct toktab *table = open_table();
    unsigned long calls = 0;
    double milliseconds;
    pthread_t thread;
    uint64_t id;

    MUST(ask(table, token) == TOKTAB_ALLOW);
    watched.token = token;
    watched.verifies = verifies;
    MUST(pthread_create(&thread, NULL, be_watched, table) == 0);
    while (atomic_load(&watched.listener) == 0)
        sched_yield();
    for (;;) {
        long call = next_call(&id);

        if (atomic_load(&watched.ended))
            break;
        /* the clock is no system call where the kernel lets it be read without one */
        calls += atomic_load(&watched.counting) && call != SYS_clock_gettime;
        let_it(id);
    }
    milliseconds = (double)watched.nanoseconds / 1e6;
    printf("%lu verifies: %lu system calls in %.1f ms\n", verifies, calls, milliseconds);
    fflush(stdout);
    _exit((double)calls < 3 * milliseconds ? 0 : 1); /* the thread waits for ever */
}

int main(int count, char *arguments[])
{
    char token[128];

    contest = mmap(NULL, sizeof(*contest), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(contest != MAP_FAILED);
    config = count > 2 ? arguments[2] : NULL;
    if (count == 5 && strcmp(arguments[1], "stress") == 0) {
        tool = arguments[3];
        return stress(strtoul(arguments[4], NULL, 10));
    }
    if (count == 4 && strcmp(arguments[1], "calls") == 0 && scanf("%127s", token) == 1)
        return count_calls(token, strtoul(arguments[3], NULL, 10));
    errx(2, "usage: look_host stress CONFIG TOOL VERIFIES | calls CONFIG VERIFIES < TOKEN");
}
