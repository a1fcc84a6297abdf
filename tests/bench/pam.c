/*
 * bench-pam DIRECTORY ROUNDS MODULE: a login from pam_start() to pam_end(), with auth and account, against
 * reading the store's file once, against opening a table, and against crypt(3) of a password, which is the
 * least that pam_unix takes. And the memory that its question takes.
 */
#include <crypt.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

enum { STEP = 256 * 1024, KINDS = 4 };

/* The kinds: see below. */
enum { LOGIN, READING, TABLE };

static char token[TOKEN_MAX + 1];

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
                    void *data)
{
    (void)messages;
    (void)data;
    *responses = calloc((size_t)count, sizeof(**responses));
    must(*responses && count == 1, "conversation");
    (*responses)->resp = strdup(token);
    return PAM_SUCCESS;
}

/* A service of its own, in a directory that stands for /etc/pam.d. */
static void write_service(const char *directory, const char *module)
{
    char *path = NULL, *conf = NULL, *at = realpath(directory, NULL);
    FILE *file;

    must(at && asprintf(&path, "%s/bench", at) > 0 && asprintf(&conf, "%s/toktab.conf", at) > 0, directory);
    file = fopen(path, "we");
    must(file != NULL, path);
    fprintf(file,
            "auth required %s config=%s anyuser\n"
            "account required %s config=%s anyuser\n",
            module, conf, module, conf);
    must(fclose(file) == 0, path);
    free(path);
    free(conf);
    free(at);
}

static void must_pam(int code, const char *what)
{
    if (code == PAM_SUCCESS)
        return;
    fprintf(stderr, "bench-pam: %s: %d\n", what, code);
    exit(1);
}

static double time_login(const char *directory)
{
    static const struct pam_conv conversation = {converse, NULL};
    uint64_t start = thread_nanoseconds();
    pam_handle_t *handle;

    must_pam(pam_start_confdir("bench", "alice", &conversation, directory, &handle), "pam_start_confdir");
    must_pam(pam_authenticate(handle, 0), "pam_authenticate");
    must_pam(pam_acct_mgmt(handle, 0), "pam_acct_mgmt");
    must_pam(pam_end(handle, PAM_SUCCESS), "pam_end");
    return (double)(thread_nanoseconds() - start);
}

static double time_reading(const char *directory)
{
    static char bytes[STEP];
    uint64_t start = thread_nanoseconds();
    int fd = open_file(directory, "default.tokens");
    off_t at = 0;
    ssize_t got;

    while ((got = pread(fd, bytes, sizeof(bytes), at)) > 0)
        at += got;
    must(got == 0, "reading");
    close(fd);
    return (double)(thread_nanoseconds() - start);
}

static double time_table(const char *directory)
{
    uint64_t start = thread_nanoseconds();

    toktab_close(open_table(directory));
    return (double)(thread_nanoseconds() - start);
}

static double time_crypt(const char *directory)
{
    static struct crypt_data data;
    static char setting[CRYPT_GENSALT_OUTPUT_SIZE]; /* of new passwords of this system */
    uint64_t start;

    (void)directory;
    if (setting[0] == '\0')
        must(crypt_gensalt_rn(NULL, 0, NULL, 0, setting, sizeof(setting)) != NULL, "crypt_gensalt");
    start = thread_nanoseconds();
    must(crypt_r("a password", setting, &data) != NULL, "crypt");
    return (double)(thread_nanoseconds() - start);
}

static unsigned long peak_kilobytes(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    unsigned long peak = 0;
    char line[256];

    must(file != NULL, "/proc/self/status");
    while (fgets(line, sizeof(line), file) && sscanf(line, "VmHWM: %lu kB", &peak) != 1)
        continue;
    fclose(file);
    must(peak > 0, "VmHWM");
    return peak;
}

/* In a process that has asked nothing before. */
static double question_kilobytes(const char *directory)
{
    struct toktab_options options = {.size = sizeof(options), .once = 1};
    unsigned long before,
        *after = mmap(NULL, sizeof(*after), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *path = NULL, error[512];
    int child, status;

    must(after != MAP_FAILED && asprintf(&path, "%s/toktab.conf", directory) > 0, directory);
    options.config = path;
    child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        struct toktab *table = toktab_open(&options, error, sizeof(error));

        before = peak_kilobytes();
        must(table && toktab_verify(table, token, strlen(token), NULL, NULL) == TOKTAB_ALLOW, "question");
        *after = peak_kilobytes() - before;
        _exit(0);
    }
    must(waitpid(child, &status, 0) == child && status == 0, "question");
    free(path);
    return (double)*after;
}

static const struct {
    double (*measure)(const char *directory);
    const char *name;
} kinds[KINDS] = {
    {time_login, "PAM: pam_start to pam_end"},
    {time_reading, "PAM / reading the file once"},
    {time_table, "PAM / opening a table"},
    {time_crypt, "PAM / the hash that pam_unix needs"},
};

int main(int count, char **arguments)
{
    double *values[KINDS], *proving, memory;
    size_t rounds;

    must(count == 4, "usage: bench-pam DIRECTORY ROUNDS MODULE");
    rounds = number_of(arguments[2]);
    write_service(arguments[1], arguments[3]);
    memcpy(token, read_tokens(arguments[1], "valid").text, read_tokens(arguments[1], "valid").length);
    for (size_t kind = 0; kind < KINDS; kind++)
        values[kind] = new_values(rounds);
    proving = new_values(rounds);
    memory = question_kilobytes(arguments[1]);
    for (size_t i = 0; i < rounds; i++) {
        values[LOGIN][i] = time_login(arguments[1]);
        for (size_t kind = 1; kind < KINDS; kind++)
            values[kind][i] = values[LOGIN][i] / kinds[kind].measure(arguments[1]);
        values[LOGIN][i] /= 1e6;
        proving[i] = values[READING][i] / values[TABLE][i];
    }
    for (size_t kind = 0; kind < KINDS; kind++)
        print_row(kinds[kind].name, kind == LOGIN ? "ms" : "", values[kind], rounds);
    print_row("opening a table / reading the file once", "", proving, rounds);
    print_row("memory of a question by a table with once", "kB", &memory, 1);
    return 0;
}
