/* Nothing of a token is left behind by toktab_verify(): not in what a core dump of the host would show. */
#include "foreign.h"
#include "scene.h"
#include "suites.h"

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define LENGTH(array) (int)(sizeof(array) / sizeof((array)[0]))

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* which has stacks of its own, and keeps what was freed */
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED 0
#endif

enum { PIECE = 8, STACK = 256 * 1024, CHUNK = 1 << 20 };

/* The caller's own: the one place where tokens are, which is not looked at. It is shared, for then it is a
 * mapping of its own. */
struct own {
    struct scene scene;
    struct sample asked;
    char text[2 * TOKEN_MAX]; /* what is asked about */
    size_t length;
    const char *secret;  /* of SECRET_LENGTH, in text */
    unsigned long frame; /* of the child: what is above it on the stack is the test's own, too */
};

static struct own *make_own(void)
{
    struct own *own = mmap(NULL, sizeof(*own), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert(own != MAP_FAILED);
    scene_start(&own->scene, "60s");
    return own;
}

/* Ask about this text, in which a token begins at that offset. */
static void set_text(struct own *own, const char *before, const struct sample *sample, const char *after)
{
    own->asked = *sample;
    own->length = (size_t)snprintf(own->text, sizeof(own->text), "%s%s%s", before, sample->token, after);
    own->secret = strchr(own->text, '_') + 1 + ID_LENGTH;
}

/* ---- what a process looks like ---- */

static bool holds_piece(const struct own *own, const char *bytes, size_t length)
{
    for (size_t i = 0; i + PIECE <= SECRET_LENGTH; i++)
        if (memmem(bytes, length, own->secret + i, PIECE))
            return true;
    return false;
}

#ifdef __x86_64__
enum {
    VECTORS = NT_X86_XSTATE, /* and in it, after what controls the processor, */
    OLD = 32,                /* the registers that were there first, */
    HEADER = 512,            /* what of all this is in use, */
    NEW = 576,               /* and the others */
};
#else
enum { VECTORS = NT_PRFPREG, OLD = 0, HEADER = 0, NEW = 0 };
#endif

static struct iovec registers_of(pid_t child, int set)
{
    static char bytes[64 * 1024];
    struct iovec all = {bytes, sizeof(bytes)};

    ck_assert_int_eq(ptrace(PTRACE_GETREGSET, child, set, &all), 0);
    return all;
}

/* A child begins with its parent's. */
static void clear_vectors(pid_t child)
{
    struct iovec all = registers_of(child, VECTORS);
    char *bytes = all.iov_base;

    if (HEADER > 0)
        memset(bytes + OLD, 0, HEADER - OLD);
    memset(bytes + NEW, 0, all.iov_len - NEW);
    ck_assert_int_eq(ptrace(PTRACE_SETREGSET, child, VECTORS, &all), 0);
}

static bool registers_hold_piece(const struct own *own, pid_t child)
{
    static const int sets[] = {NT_PRSTATUS, VECTORS};

    for (int i = 0; i < LENGTH(sets); i++) {
        struct iovec all = registers_of(child, sets[i]);

        if (holds_piece(own, all.iov_base, all.iov_len))
            return true;
    }
    return false;
}

static bool range_holds_piece(const struct own *own, int memory, unsigned long from, unsigned long to)
{
    static char bytes[CHUNK];
    ssize_t got;

    for (; from + PIECE <= to; from += CHUNK - PIECE) {
        got = pread(memory, bytes, to - from < CHUNK ? to - from : CHUNK, (off_t)from);
        if (got > 0 && holds_piece(own, bytes, (size_t)got))
            return true;
    }
    return false;
}

/* The stack below the child's own frame, the heap, and whatever else it can write to. */
static bool memory_holds_piece(const struct own *own, pid_t child)
{
    char path[64], line[512], permissions[8];
    unsigned long from, to;
    bool found = false;
    FILE *maps;
    int memory;

    snprintf(path, sizeof(path), "/proc/%d/mem", (int)child);
    memory = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)child);
    maps = fopen(path, "re");
    ck_assert(memory >= 0 && maps);
    while (!found && fgets(line, sizeof(line), maps)) {
        ck_assert_int_eq(sscanf(line, "%lx-%lx %7s", &from, &to, permissions), 3);
        if (from <= own->frame && own->frame < to)
            to = own->frame;
        if (permissions[1] == 'w' && from != (unsigned long)own)
            found = range_holds_piece(own, memory, from, to);
    }
    fclose(maps);
    close(memory);
    return found;
}

/* What earlier calls have left on this process's stack. */
static __attribute__((noinline)) void clean_stack(void)
{
    volatile char bytes[STACK];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = 0;
}

static void expect_stop(pid_t child)
{
    int status;

    ck_assert(waitpid(child, &status, 0) == child);
    ck_assert_msg(WIFSTOPPED(status), "the child ended with %x", (unsigned)status);
}

/* In a frame that lies where the stack was cleaned. */
static __attribute__((noinline)) void act_and_stop(struct own *own, void (*act)(struct own *own))
{
    own->frame = (unsigned long)__builtin_frame_address(0);
    act(own);
    kill(getpid(), SIGSTOP); /* raise() would overwrite more of the stack */
    _exit(0);
}

/* Is a piece of the secret anywhere in a process that has done this? */
static bool leaves_piece(struct own *own, void (*act)(struct own *own))
{
    pid_t child = fork();
    bool found;

    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        clean_stack();
        act_and_stop(own, act);
    }
    expect_stop(child);
    clear_vectors(child);
    ck_assert_int_eq(ptrace(PTRACE_CONT, child, NULL, NULL), 0);
    expect_stop(child);
    found = memory_holds_piece(own, child) || registers_hold_piece(own, child);
    ck_assert_int_eq(ptrace(PTRACE_CONT, child, NULL, NULL), 0);
    expect_child(child);
    return found;
}

/* ---- the search finds what is there ---- */

static void nothing(struct own *own)
{
    (void)own;
}

static void leave_piece(const struct own *own, char *place)
{
    memcpy(place, own->secret + 7, PIECE);
    __asm__ volatile("" : : "r"(place) : "memory"); /* somebody might look */
}

static void on_the_stack(struct own *own)
{
    char bytes[4096]; /* so that it is deep enough for what is called next */

    leave_piece(own, bytes);
}

static void on_the_heap(struct own *own)
{
    leave_piece(own, (char *)malloc(100) + 50);
}

START_TEST(search_finds)
{
    static const struct {
        void (*act)(struct own *own);
        bool found;
    } cases[] = {{nothing, false}, {on_the_stack, true}, {on_the_heap, true}};
    struct own *own = make_own();

    set_text(own, "", &own->scene.a, "");
    ck_assert(leaves_piece(own, cases[_i].act) == cases[_i].found);
    scene_end(&own->scene);
}
END_TEST

/* ---- toktab_verify() ---- */

static enum toktab_verdict expected_verdict;
static enum toktab_reason expected_reason;

static void verify(struct own *own)
{
    struct toktab_result result;

    result.size = sizeof(result);
    toktab_verify(own->scene.host.table, own->text, own->length, NULL, &result);
    if (result.verdict != expected_verdict || result.reason != expected_reason)
        _exit(9);
}

static void verify_without_result(struct own *own)
{
    if (toktab_verify(own->scene.host.table, own->text, own->length, NULL, NULL) != expected_verdict)
        _exit(9);
}

static void expect_no_piece(struct own *own, enum toktab_verdict verdict, enum toktab_reason reason)
{
    expected_verdict = verdict;
    expected_reason = reason;
    ck_assert_msg(!leaves_piece(own, verify), "%s", toktab_reason_name(reason));
    ck_assert_msg(!leaves_piece(own, verify_without_result), "%s", toktab_reason_name(reason));
}

START_TEST(allowed_and_denied)
{
    struct own *own = make_own();

    set_text(own, "", &own->scene.a, "");
    expect_no_piece(own, TOKTAB_ALLOW, TOKTAB_REASON_NONE);
    set_text(own, "", &own->scene.d, "");
    expect_no_piece(own, TOKTAB_DENY, TOKTAB_REASON_UNKNOWN);
    sample_guess(&own->asked, &own->scene.b);
    set_text(own, "", &own->asked, "");
    expect_no_piece(own, TOKTAB_DENY, TOKTAB_REASON_UNKNOWN);
    forge_revoke(&own->scene.forge, &own->scene.a);
    set_text(own, "", &own->scene.a, "");
    expect_no_piece(own, TOKTAB_DENY, TOKTAB_REASON_REVOKED);
    scene_end(&own->scene);
}
END_TEST

START_TEST(asked_once)
{
    struct own *own = make_own();

    host_close(&own->scene.host);
    host_open_once(&own->scene.host, own->scene.directory);
    set_text(own, "", &own->scene.a, "");
    expect_no_piece(own, TOKTAB_ALLOW, TOKTAB_REASON_NONE);
    set_text(own, "", &own->scene.d, "");
    expect_no_piece(own, TOKTAB_DENY, TOKTAB_REASON_UNKNOWN);
    ck_assert_int_eq(unlink(own->scene.forge.path), 0);
    expect_no_piece(own, TOKTAB_ERROR, TOKTAB_REASON_STORE);
    scene_end(&own->scene);
}
END_TEST

/* Keys of another system: known, unknown, and where a domain has none. */
START_TEST(foreign_keys)
{
    struct own *own = make_own();
    unsigned char storeid[CHAIN_SIZE];

    own->asked = own->scene.c;
    own->asked.token[0] = 'T'; /* no token any more */
    ck_assert(hex_decode(storeid, own->scene.forge.header.storeid, sizeof(storeid)));
    foreign_id(own->asked.record.id, own->asked.token, strlen(own->asked.token), storeid);
    crypto_hash_token(own->asked.record.hash, own->asked.token, strlen(own->asked.token),
                      own->asked.record.id);
    forge_create(&own->scene.forge, &own->asked);
    set_text(own, "", &own->asked, "");
    expect_no_piece(own, TOKTAB_DENY, TOKTAB_REASON_MALFORMED);
    host_close(&own->scene.host);
    host_open_with(&own->scene.host, own->scene.directory, "foreign = true;");
    expect_no_piece(own, TOKTAB_ALLOW, TOKTAB_REASON_NONE);
    set_text(own, "", &own->asked, "#");
    expect_no_piece(own, TOKTAB_DENY, TOKTAB_REASON_UNKNOWN);
    scene_end(&own->scene);
}
END_TEST

START_TEST(malformed)
{
    struct own *own = make_own();
    char *last;

    set_text(own, "", &own->scene.a, "\n");
    expect_no_piece(own, TOKTAB_DENY, TOKTAB_REASON_MALFORMED);
    set_text(own, "Bearer ", &own->scene.a, "");
    expect_no_piece(own, TOKTAB_DENY, TOKTAB_REASON_MALFORMED);
    own->asked = own->scene.a;
    last = strchr(own->asked.token, '\0') - 1;
    *last = *last == 'x' ? 'y' : 'x';
    set_text(own, "", &own->asked, "");
    expect_no_piece(own, TOKTAB_DENY, TOKTAB_REASON_MALFORMED);
    *last = '-';
    set_text(own, "", &own->asked, "");
    expect_no_piece(own, TOKTAB_DENY, TOKTAB_REASON_MALFORMED);
    scene_end(&own->scene);
}
END_TEST

/* A store in trouble, and none. */
START_TEST(errors)
{
    struct own *own = make_own();

    ck_assert_int_eq(unlink(own->scene.forge.path), 0);
    ck_assert_int_eq(toktab_status(own->scene.host.table, NULL,
                                   &(struct toktab_status){.size = sizeof(struct toktab_status)}),
                     0);
    set_text(own, "", &own->scene.a, "");
    expect_no_piece(own, TOKTAB_ALLOW, TOKTAB_REASON_NONE); /* for a while */
    set_text(own, "", &own->scene.d, "");
    expect_no_piece(own, TOKTAB_ERROR, TOKTAB_REASON_STORE);
    host_close(&own->scene.host);
    host_open(&own->scene.host, own->scene.directory, "60s");
    expect_no_piece(own, TOKTAB_ERROR, TOKTAB_REASON_STORE);
    scene_end(&own->scene);
}
END_TEST

Suite *wiping_suite(void)
{
    Suite *suite = suite_create("wiping");
    TCase *test = tcase_create("verify");

    if (!SANITIZED) {
        tcase_add_loop_test(test, search_finds, 0, 3);
        tcase_add_test(test, allowed_and_denied);
        tcase_add_test(test, asked_once);
        tcase_add_test(test, foreign_keys);
        tcase_add_test(test, malformed);
        tcase_add_test(test, errors);
    }
    suite_add_tcase(suite, test);
    return suite;
}
